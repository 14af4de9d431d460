"""The kernel of input feeding agrees with a loop of the papers' equations and finite differences."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nlpseq.layers.cells.gru import GRUCell
from nlpseq.layers.cpu.input_feeding_gru import COLUMNS, FeedingOutput, feeding_sweep
from nlpseq.layers.cross_attention import AdditiveAttention
from nlpseq.layers.dropout import keep_mask

T, S, D, H, M, A, C = 4, 5, 3, 4, 2, 6, 3
BATCHES = (1, 3, COLUMNS, COLUMNS + 3)


class Parts(nn.Module):
    """The layers and their inputs, for B sentences whose sources have from 1 to S tokens."""

    def __init__(self, batch: int, dropped: bool = False) -> None:
        super().__init__()
        torch.manual_seed(batch)
        self.cell = GRUCell(D + C, H)
        self.attention = AdditiveAttention(H, M, A)
        self.combine = nn.Linear(H + M, C)
        self.double()
        shapes = ((batch, T, D), (batch, H), (batch, C), (batch, S, M))
        self.leaves = [torch.randn(s, dtype=torch.float64).requires_grad_() for s in shapes]
        self.mask = torch.arange(S) < torch.randint(1, S + 1, (batch, 1))
        like = torch.empty(1, dtype=torch.float64)
        self.keep = keep_mask(like, (batch, T, C), 0.4) if dropped else None

    def sweep(self, *leaves: Tensor, lengths: Tensor | None = None) -> FeedingOutput:
        *states, memory = leaves or self.leaves
        return feeding_sweep(
            self.cell,
            self.attention,
            self.combine,
            *states,
            memory,
            self.attention.keys(memory),
            self.mask,
            self.keep,
            lengths,
            with_joined=True,
        )

    def loop(self) -> FeedingOutput:
        inputs, hidden, output, memory = self.leaves
        steps = []
        for t in range(T):
            (hidden,) = self.cell.equations(torch.cat([inputs[:, t], output], 1), (hidden,))
            scores = self.attention.query(hidden).unsqueeze(1) + self.attention.key(memory)
            scores = self.attention.score(scores.tanh()).squeeze(2)
            weights = scores.masked_fill(~self.mask, -torch.inf).softmax(1)
            context = (weights.unsqueeze(2) * memory).sum(1)
            joined = torch.cat([hidden, context], 1)
            output = self.combine(joined).tanh()
            output = output if self.keep is None else output * self.keep[:, t]
            steps.append((output, weights, joined))
        return FeedingOutput(*(torch.stack(parts, 1) for parts in zip(*steps, strict=True)), hidden)

    def gradients(self, found: Sequence[Tensor], grads: Sequence[Tensor]) -> tuple[Tensor, ...]:
        variables = [*self.leaves, *self.parameters()]
        return torch.autograd.grad(found, variables, grads, materialize_grads=True)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("dropped", [False, True])
def test_the_kernel_agrees_with_a_loop_of_the_equations(dropped: bool, batch: int) -> None:
    parts = Parts(batch, dropped)
    found, expected = parts.sweep(), parts.loop()
    torch.testing.assert_close(found, expected)
    grads = [torch.randn_like(part) for part in expected]
    for one, other in zip(
        parts.gradients(found, grads), parts.gradients(expected, grads), strict=True
    ):
        torch.testing.assert_close(one, other)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, T), min_size=COLUMNS + 1, max_size=3 * COLUMNS), st.booleans())
def test_padding_after_a_row_changes_nothing(lengths: list[int], dropped: bool) -> None:
    """Rows of any lengths in any order have the outputs of full rows up to their lengths."""
    parts, ends = Parts(len(lengths), dropped), torch.tensor(lengths)
    wanted = (torch.arange(T) < ends.unsqueeze(1)).unsqueeze(2)
    found, expected = (
        [part * wanted for part in fed[:3]] for fed in (parts.sweep(lengths=ends), parts.loop())
    )
    torch.testing.assert_close(found, expected)
    grads = [torch.randn_like(part) for part in expected]
    for one, other in zip(
        parts.gradients(found, grads), parts.gradients(expected, grads), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_ended_rows_are_skipped() -> None:
    """After the lengths there are zeros, as far as whole blocks of columns have ended."""
    parts = Parts(2 * COLUMNS)
    ends = torch.tensor([1, T] * COLUMNS)
    fed = parts.sweep(lengths=ends)
    assert fed.outputs[ends == T].all()
    for part in (fed.outputs[ends == 1, 1:], fed.weights[ends == 1, 1:], fed.hidden[ends == 1]):
        assert not part.any()


def test_gradients_by_finite_differences() -> None:
    parts = Parts(2, dropped=True)

    def run(*variables: Tensor) -> FeedingOutput:
        return parts.sweep(*variables[: len(parts.leaves)])

    assert torch.autograd.gradcheck(run, (*parts.leaves, *parts.parameters()))


@pytest.mark.parametrize("used", range(len(FeedingOutput._fields)))
def test_gradients_of_one_part_alone(used: int) -> None:
    parts = Parts(3, dropped=True)
    grad = torch.randn_like(parts.loop()[used])
    found, expected = (
        parts.gradients([fed[used]], [grad]) for fed in (parts.sweep(), parts.loop())
    )
    torch.testing.assert_close(found, expected)


def test_one_step_and_no_gradient() -> None:
    parts = Parts(3)
    inputs, *others = parts.leaves
    whole = parts.sweep()
    with torch.no_grad():
        first = parts.sweep(inputs[:, :1], *others)
    for one, all_of_them in zip(first[:3], whole[:3], strict=True):
        torch.testing.assert_close(one, all_of_them[:, :1])
