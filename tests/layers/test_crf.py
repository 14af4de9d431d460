"""The CRF agrees with brute force over all paths in value and gradient, with padding and scores of any size."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from nlpseq.errors import UserError
from nlpseq.layers.crf import ChainConstraints, LinearChainCRF, Spans
from nlpseq.layers.linear_chain import (
    Lattice,
    log_messages,
    log_sums,
    mixing_steps,
    path_sums,
    scaled_messages,
    scaled_sums,
)

LENGTHS = [4, 1, 3, 2]
BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def follows(tag: str, before: str) -> bool:
    return tag[0] != "I" or before in (f"B{tag[1:]}", tag)


def bio() -> ChainConstraints:
    return ChainConstraints(
        torch.tensor([tag[0] != "I" for tag in BIO]),
        torch.tensor([[follows(tag, before) for tag in BIO] for before in BIO]),
        torch.ones(len(BIO), dtype=torch.bool),
    )


def closing() -> Tensor:
    """Return for each pair of tags whether an entity ends between them: the next is no I of its type."""
    return torch.tensor([[tag != f"I{before[1:]}" for tag in BIO] for before in BIO])


def random_constraints(tags: int, seed: int) -> ChainConstraints:
    """Draw constraints that forbid about a third of the transitions, perhaps every path."""
    rng = torch.Generator().manual_seed(seed)
    shapes = ((tags,), (tags, tags), (tags,))
    return ChainConstraints(*(torch.rand(shape, generator=rng) > 0.35 for shape in shapes))


def make(constraints: ChainConstraints | None = None, tags: int = 5, scale: float = 1.0):
    torch.manual_seed(0)
    crf = LinearChainCRF(tags, constraints).double()
    for parameter in crf.parameters():
        parameter.data = torch.randn(parameter.shape).double() * scale
    return crf


def ragged(lengths: list[int], tags: int = 5, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Return emissions with huge numbers at padding, gold tags with invalid ids there, and the mask."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    emissions = torch.randn(*mask.shape, tags).double() * scale
    emissions = emissions.masked_fill(~mask.unsqueeze(2), 1e30)
    return emissions, torch.randint(tags, mask.shape).masked_fill(~mask, -100), mask


def all_paths(crf: LinearChainCRF, emissions: Tensor) -> tuple[list[tuple[int, ...]], Tensor]:
    """Return every path over one row (T, K), with scores summed by the definition."""
    start, transitions, end, _ = crf.chain()
    length, tags = emissions.shape
    paths = list(itertools.product(range(tags), repeat=length))
    scores = []
    for path in paths:
        score = start[path[0]] + end[path[-1]]
        score = score + sum(emissions[t, tag] for t, tag in enumerate(path))
        score = score + sum(transitions[a, b] for a, b in itertools.pairwise(path))
        scores.append(score)
    return paths, torch.stack(scores)


@pytest.mark.parametrize("constraints", [None, bio()], ids=["free", "bio"])
def test_nll_and_gradients_agree_with_brute_force(constraints: ChainConstraints | None) -> None:
    crf = make(constraints)
    emissions, _, mask = ragged(LENGTHS)
    emissions.requires_grad_()
    weights = torch.rand(len(LENGTHS)).double()
    tags = crf.n_best(emissions, mask, 2).tags[:, 1].masked_fill(~mask, -100)  # some allowed path
    losses = []
    for row, length in enumerate(LENGTHS):
        paths, scores = all_paths(crf, emissions[row, :length])
        gold = scores[paths.index(tuple(tags[row, :length].tolist()))]
        losses.append(scores.logsumexp(0) - gold)
    expected = torch.stack(losses)
    leaves = [emissions, *crf.parameters()]
    expected_gradients = torch.autograd.grad(expected @ weights, leaves)
    found = crf.nll(emissions, tags, mask)
    gradients = torch.autograd.grad(found @ weights, leaves)
    torch.testing.assert_close(found, expected)
    for gradient, right in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, right)


@pytest.mark.parametrize("constraints", [None, bio()], ids=["free", "bio"])
def test_paths_and_marginals_agree_with_brute_force(constraints: ChainConstraints | None) -> None:
    crf = make(constraints)
    emissions, _, mask = ragged(LENGTHS)
    crf.requires_grad_(False)
    decoded, (best, log_probs) = crf.decode(emissions, mask), crf.n_best(emissions, mask, 7)
    marginals = crf.marginals(emissions, mask)
    for row, length in enumerate(LENGTHS):
        paths, scores = all_paths(crf, emissions[row, :length])
        probs = (scores - scores.logsumexp(0)).exp()
        order = [at for at in scores.argsort(descending=True).tolist() if probs[at] > 0][:7]
        assert decoded[row].tolist() == [*paths[order[0]], *[0] * (4 - length)]
        for rank, at in enumerate(order):
            assert best[row, rank].tolist() == [*paths[at], *[0] * (4 - length)]
            assert log_probs[row, rank].exp() == pytest.approx(float(probs[at]))
        assert (log_probs[row, len(order) :] == -math.inf).all()
        for t, tag in itertools.product(range(length), range(5)):
            right = sum(float(p) for p, path in zip(probs, paths, strict=True) if path[t] == tag)
            assert float(marginals[row, t, tag]) == pytest.approx(right, abs=1e-12)
        assert (marginals[row, length:] == 0).all()


@pytest.mark.parametrize("with_closing", [False, True])
def test_spans_agree_with_brute_force(with_closing: bool) -> None:
    crf = make(bio()).requires_grad_(False)
    emissions, _, mask = ragged(LENGTHS)
    paths = torch.zeros(4, 4, dtype=torch.long)
    paths[0] = torch.tensor([1, 2, 3, 4])  # B-PER I-PER B-LOC I-LOC
    paths[2] = torch.tensor([0, 3, 4, 0])
    where = [(0, 0, 1), (0, 0, 2), (0, 2, 3), (0, 2, 4), (0, 0, 4), (1, 0, 1), (2, 1, 3), (2, 1, 2)]
    spans = Spans(*torch.tensor(where).unbind(1))
    found = crf.span_log_probs(emissions, mask, paths, spans, closing() if with_closing else None)
    for (row, begin, end), log_prob in zip(where, found, strict=True):
        every, scores = all_paths(crf, emissions[row, : LENGTHS[row]])
        tags, probs = paths[row, begin:end].tolist(), scores.softmax(0)

        def counts(path: tuple[int, ...], begin: int = begin, end: int = end, tags=tags) -> bool:
            open_end = with_closing and end < len(path) and not closing()[path[end - 1], path[end]]
            return list(path[begin:end]) == tags and not open_end

        right = sum(float(p) for p, path in zip(probs, every, strict=True) if counts(path))
        assert log_prob.exp().item() == pytest.approx(right, rel=1e-9)


def test_spans_of_none() -> None:
    emissions, _, mask = ragged(LENGTHS)
    nothing = torch.zeros(0, dtype=torch.long)
    paths = torch.zeros(4, 4, dtype=torch.long)
    spans = Spans(nothing, nothing, nothing)
    assert make().span_log_probs(emissions, mask, paths, spans, closing()).shape == (0,)


class Nll(nn.Module):
    def __init__(self, crf: LinearChainCRF) -> None:
        super().__init__()
        self.crf = crf

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.crf.nll(*inputs)


@pytest.mark.parametrize("scale", [1.0, 1e3], ids=["exp", "log"])
def test_gradcheck(scale: float) -> None:
    crf = make(bio(), scale=0.5)
    mask = torch.arange(4) < torch.tensor([4, 2, 1]).unsqueeze(1)
    emissions = torch.randn(3, 4, 5).double()
    emissions[:, :, 0] -= scale  # one tag far below the others is enough
    assert (crf.lattice(emissions, mask).exp_space_steps() > 0) == (scale == 1.0)
    tags = crf.n_best(emissions, mask, 3).tags[:, 2]
    names = [f"crf.{name}" for name, _ in crf.named_parameters()]

    def loss(emissions: Tensor, *parameters: Tensor) -> Tensor:
        weights = dict(zip(names, parameters, strict=True))
        return functional_call(Nll(crf), weights, (emissions, tags, mask))

    parameters = [parameter.detach().requires_grad_() for parameter in crf.parameters()]
    assert torch.autograd.gradcheck(loss, [emissions.requires_grad_(), *parameters])


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.1, 3.0, 20.0]),
    constrained=st.sampled_from([None, "bio", "any"]),
)
def test_exp_space_agrees_with_log_space(
    lengths: list[int], seed: int, scale: float, constrained: str | None
) -> None:
    constraints = {None: None, "bio": bio(), "any": random_constraints(5, seed)}[constrained]
    crf = make(constraints)
    torch.manual_seed(seed)
    emissions, _, mask = ragged(lengths, scale=scale)
    lattice = crf.lattice(emissions, mask)
    steps = lattice.exp_space_steps()
    expected = log_sums(lattice)
    for number in {steps, min(steps, 1)} - {0}:
        for left, right in zip(scaled_sums(lattice, number), expected, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)
        for left, right in zip(
            scaled_messages(lattice, number), log_messages(lattice), strict=True
        ):
            real = mask if left.dim() == 3 else slice(None)
            torch.testing.assert_close(left[real], right[real], rtol=1e-9, atol=1e-9)
    assert not any(part.isnan().any() for part in expected)


def test_exp_space_is_left_in_time() -> None:
    """Just below the bound of exp space, adversarial scores; just above it, log space is chosen."""
    crf = make(bio(), scale=0.0)
    seen = set()
    for size in (20.0, 60.0, 100.0, 115.0, 130.0, 145.0, 200.0, 1e4):
        signs = torch.randint(0, 2, (2, 60, 5), generator=torch.Generator().manual_seed(1)).double()
        signs[1, :30, 1:3], signs[1, :30, 3:], signs[1, 30:, 1:3], signs[1, 30:, 3:] = 1, 0, 0, 1
        lattice = crf.lattice(size * signs, None)
        seen.add(min(lattice.exp_space_steps(), 2))
        for left, right in zip(path_sums(lattice), log_sums(lattice), strict=True):
            torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)
    assert seen == {0, 1, 2}


def test_disconnected_paths_are_not_lost() -> None:
    """One path is 800 nats below the other halfway and equal at the end: exp space would lose it."""
    one, other = torch.eye(2).bool(), torch.ones(2).bool()
    crf = make(ChainConstraints(other, one, other), tags=2, scale=0.0)
    emissions = torch.zeros(1, 160, 2).double()
    emissions[0, :80, 1], emissions[0, 80:, 1] = -10, 10
    tags = torch.ones(1, 160, dtype=torch.long)
    torch.testing.assert_close(crf.nll(emissions, tags), torch.tensor([math.log(2)]).double())
    torch.testing.assert_close(crf.marginals(emissions), torch.full((1, 160, 2), 0.5).double())


@pytest.mark.parametrize("constraints", [None, bio()], ids=["free", "bio"])
def test_huge_scores(constraints: ChainConstraints | None) -> None:
    crf = make(constraints).float()
    emissions, _, mask = ragged([40, 7, 1], scale=1e4)
    emissions = emissions.float().requires_grad_()
    (best, log_probs), decoded = crf.n_best(emissions, mask, 2), crf.decode(emissions, mask)
    loss = crf.nll(emissions, decoded, mask)
    loss.sum().backward()
    assert loss.abs().max() < 1e-3  # so far apart that the best path has all the mass
    torch.testing.assert_close(log_probs[:, 0], -loss.detach().double(), atol=1e-3, rtol=0)
    assert all(parameter.grad.isfinite().all() for parameter in crf.parameters())
    assert emissions.grad.isfinite().all()
    worse = crf.nll(emissions, best[:, 1], mask)
    torch.testing.assert_close(worse.double(), -log_probs[:, 1], rtol=1e-4, atol=1e-3)


def close(left: Tensor, right: Tensor) -> None:
    torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    scale=st.sampled_from([1.0, 1e3]),
    constrained=st.booleans(),
)
def test_batch_of_n_is_n_batches_of_one(
    lengths: list[int], scale: float, constrained: bool
) -> None:
    crf = make(bio() if constrained else None)
    emissions, _, mask = ragged(lengths, scale=scale)
    paths = crf.n_best(emissions, mask, 3)
    tags = paths.tags[:, 0].masked_fill(~mask, -100)
    emissions.requires_grad_()
    loss, marginals = crf.nll(emissions, tags, mask), crf.marginals(emissions, mask)
    gradients = torch.autograd.grad(loss.sum(), [emissions, *crf.parameters()])
    totals = [torch.zeros_like(gradient) for gradient in gradients]
    for row, length in enumerate(lengths):
        alone, gold = emissions[row : row + 1, :length], tags[row : row + 1, :length]
        alone_loss = crf.nll(alone, gold)
        close(alone_loss, loss[row : row + 1])
        grads = torch.autograd.grad(alone_loss.sum(), [alone, *crf.parameters()])
        totals[0][row, :length] = grads[0][0]
        for total, gradient in zip(totals[1:], grads[1:], strict=True):
            total += gradient
        alone_paths = crf.n_best(alone, None, 3)
        close(alone_paths.tags[0], paths.tags[row, :, :length])
        close(alone_paths.scores[0], paths.scores[row])
        close(crf.decode(alone)[0], crf.decode(emissions, mask)[row, :length])
        close(crf.marginals(alone)[0], marginals[row, :length])
    for total, gradient in zip(totals, gradients, strict=True):
        close(total, gradient)


def test_untrained_never_breaks_a_constraint() -> None:
    crf = LinearChainCRF(5, bio())
    paths = crf.n_best(10 * torch.randn(50, 12, 5), None, 5).tags.flatten(0, 1).tolist()
    for path in paths:
        names = [BIO[tag] for tag in path]
        assert all(follows(tag, before) for before, tag in itertools.pairwise(["O", *names]))


def test_forbidden_gold_is_infinite() -> None:
    crf = make(bio())
    emissions = torch.randn(3, 3, 5).double()
    gold = torch.tensor([[0, 1, 2], [0, 1, 4], [2, 2, 2]])  # right; I-LOC after B-PER; I-PER first
    loss = crf.nll(emissions, gold)
    assert loss.isfinite().tolist() == [True, False, False]
    assert loss[1:].tolist() == [math.inf, math.inf]


def test_no_path_at_all() -> None:
    nothing = ChainConstraints(*(torch.zeros(s).bool() for s in ((5,), (5, 5), (5,))))
    crf, (emissions, tags, mask) = make(nothing), ragged(LENGTHS)
    assert (crf.nll(emissions, tags, mask) == math.inf).all()
    assert (crf.marginals(emissions, mask) == 0).all()
    assert (crf.decode(emissions, mask) == 0).all()


def test_row_without_tokens() -> None:
    crf = make()
    emissions = torch.randn(2, 3, 5).double().requires_grad_()
    mask = torch.tensor([[True] * 3, [False] * 3])
    tags = torch.ones(2, 3, dtype=torch.long)
    loss = crf.nll(emissions, tags, mask)
    loss.sum().backward()
    assert loss[1] == 0
    assert (emissions.grad[1] == 0).all()
    grads = [parameter.grad.clone() for parameter in crf.parameters()]
    crf.zero_grad()
    crf.nll(emissions[:1], tags[:1]).sum().backward()
    for parameter, gradient in zip(crf.parameters(), grads, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_nan_is_not_hidden() -> None:
    emissions, tags, mask = ragged(LENGTHS)
    emissions[0, 1, 2] = math.nan
    assert make().nll(emissions, tags, mask)[0].isnan()


def test_autocast_computes_in_full_precision() -> None:
    crf = make().float()
    emissions, tags, mask = ragged(LENGTHS)
    emissions = emissions.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = crf.nll(emissions.requires_grad_(), tags, mask)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, crf.nll(emissions.float(), tags, mask))
    loss.sum().backward()
    assert emissions.grad.dtype == torch.bfloat16


def test_constraints_are_not_saved() -> None:
    assert set(LinearChainCRF(5, bio()).state_dict()) == {"start", "transitions", "end"}


def test_constraints_of_another_size() -> None:
    with pytest.raises(UserError, match=r"constraints\.start has the shape \(5,\)"):
        LinearChainCRF(4, bio())


def test_mixing_steps() -> None:
    assert mixing_steps(torch.ones(3, 3).bool()) == 1
    assert mixing_steps(bio().transitions) == 2
    assert mixing_steps(torch.eye(2).bool()) > 1e9


def test_long_row() -> None:
    crf = make(bio())
    emissions = torch.randn(2, 3000, 5).double()
    fast = path_sums(Lattice.of(emissions, crf.chain(), None))
    torch.testing.assert_close(fast.marginals.sum(2), torch.ones(2, 3000).double())
    torch.testing.assert_close(fast.transitions.sum((1, 2)), torch.full((2,), 2999.0).double())
