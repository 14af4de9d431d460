"""The kernel of input feeding against a loop of the papers' equations, and by finite differences."""

import pytest
import torch
from torch import Tensor, nn

from nlpseq.layers.cells import GRUCell
from nlpseq.layers.cross_attention import AdditiveAttention
from nlpseq.layers.dropout import keep_mask
from nlpseq.layers.input_feeding import Fed, feeding_sweep

B, T, S, D, H, M, A, C = 3, 4, 5, 3, 4, 2, 6, 3
LENGTHS = (5, 2, 1)


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = GRUCell(D + C, H)
        self.attention = AdditiveAttention(H, M, A)
        self.combine = nn.Linear(H + M, C)
        self.double()

    def sweep(self, keep: Tensor | None, *leaves: Tensor) -> Fed:
        *states, memory = leaves
        return feeding_sweep(
            self.cell,
            self.attention,
            self.combine,
            *states,
            memory,
            self.attention.keys(memory),
            mask(),
            keep,
        )

    def loop(self, keep: Tensor | None, *leaves: Tensor) -> Fed:
        inputs, hidden, output, memory = leaves
        steps = []
        for t in range(T):
            (hidden,) = self.cell.equations(torch.cat([inputs[:, t], output], 1), (hidden,))
            scores = self.attention.query(hidden).unsqueeze(1) + self.attention.key(memory)
            scores = self.attention.score(scores.tanh()).squeeze(2)
            weights = scores.masked_fill(~mask(), -torch.inf).softmax(1)
            context = (weights.unsqueeze(2) * memory).sum(1)
            joined = torch.cat([hidden, context], 1)
            output = self.combine(joined).tanh()
            output = output if keep is None else output * keep[:, t]
            steps.append(Fed(output, joined, weights))
        return Fed(*(torch.stack(parts, 1) for parts in zip(*steps, strict=True)))


def mask() -> Tensor:
    return torch.arange(S) < torch.tensor(LENGTHS).unsqueeze(1)


def given() -> list[Tensor]:
    """Inputs, hidden, output, memory."""
    torch.manual_seed(1)
    shapes = ((B, T, D), (B, H), (B, C), (B, S, M))
    return [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]


def masked(dropped: bool) -> Tensor | None:
    return keep_mask(torch.empty(1, dtype=torch.float64), (B, T, C), 0.4) if dropped else None


@pytest.mark.parametrize("dropped", [False, True])
def test_it_is_a_loop_of_the_equations(dropped: bool) -> None:
    parts, leaves, keep = Parts(), given(), masked(dropped)
    found, expected = parts.sweep(keep, *leaves), parts.loop(keep, *leaves)
    torch.testing.assert_close(found, expected)
    grads = [torch.randn_like(part) for part in expected]
    variables = [*leaves, *parts.parameters()]
    for one, other in zip(
        torch.autograd.grad(found, variables, grads),
        torch.autograd.grad(expected, variables, grads),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("used", [(0,), (1,), (2,), (0, 1, 2)])
def test_gradients_by_finite_differences(used: tuple[int, ...]) -> None:
    parts, leaves, keep = Parts(), given(), masked(True)

    def run(*variables: Tensor) -> tuple[Tensor, ...]:
        fed = parts.sweep(keep, *variables[: len(leaves)])
        return tuple(fed[place] for place in used)

    assert torch.autograd.gradcheck(run, (*leaves, *parts.parameters()))


def test_one_step_and_no_gradient() -> None:
    parts, (inputs, *others) = Parts(), given()
    whole = parts.sweep(None, inputs, *others)
    with torch.no_grad():
        first = parts.sweep(None, inputs[:, :1], *others)
    for one, all_of_them in zip(first, whole, strict=True):
        torch.testing.assert_close(one, all_of_them[:, :1])
