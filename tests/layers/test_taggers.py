"""Both heads of taggers: losses, legal paths and confidences."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nlpseq.layers.crf import ChainConstraints, Spans
from nlpseq.layers.taggers import CRFTagger, SoftmaxTagger, Tagger

HIDDEN, TAGS = 6, 3  # O, B, I
LENGTHS = [5, 2, 1]
CLOSING = torch.tensor([[True, True, True], [True, True, False], [True, True, False]])
HEADS = pytest.mark.parametrize("kind", [SoftmaxTagger, CRFTagger])


def bio() -> ChainConstraints:
    transitions = torch.ones(3, 3).bool()
    transitions[0, 2] = False
    return ChainConstraints(torch.tensor([True, True, False]), transitions, torch.ones(3).bool())


def make(kind: type[Tagger]) -> Tagger:
    torch.manual_seed(0)
    tagger = kind(HIDDEN, TAGS, bio()).double()
    tagger.projection.weight.data *= 5
    return tagger


def ragged() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(5) < torch.tensor(LENGTHS).unsqueeze(1)
    return torch.randn(3, 5, HIDDEN).double().masked_fill(~mask.unsqueeze(2), 7), mask


def probabilities(tagger: Tagger, outputs: Tensor) -> dict[tuple[int, ...], float]:
    """Return the probability of each path over one row (T, H), from the loss of that path."""
    paths = list(itertools.product(range(TAGS), repeat=len(outputs)))
    tiled = outputs.expand(len(paths), -1, -1)
    probs = (-tagger.nll(tiled, torch.tensor(paths))).exp()
    return dict(zip(paths, probs.tolist(), strict=True))


def legal(path: tuple[int, ...]) -> bool:
    return (0, 2) not in itertools.pairwise((0, *path))


@HEADS
def test_probabilities_sum_to_one(kind: type[Tagger]) -> None:
    tagger, (outputs, _) = make(kind), ragged()
    probs = probabilities(tagger, outputs[0])
    assert sum(probs.values()) == pytest.approx(1)
    if kind is CRFTagger:
        assert all((prob > 0) == legal(path) for path, prob in probs.items())


@HEADS
def test_best_paths_are_legal_and_best(kind: type[Tagger]) -> None:
    tagger, (outputs, mask) = make(kind), ragged()
    decoded, paths = tagger.decode(outputs, mask), tagger.n_best(outputs, mask, 4)
    for row, length in enumerate(LENGTHS):
        probs = probabilities(tagger, outputs[row, :length])
        best = sorted(filter(legal, probs), key=lambda path: -probs[path])[:4]
        assert decoded[row].tolist() == [*best[0], *[0] * (5 - length)]
        for rank, path in enumerate(best):
            assert paths.tags[row, rank, :length].tolist() == list(path)
            assert paths.scores[row, rank].exp().item() == pytest.approx(probs[path])


def test_softmax_alone_would_break_constraints() -> None:
    """Otherwise the previous test would prove nothing for the softmax head."""
    tagger, (outputs, _) = make(SoftmaxTagger), ragged()
    assert not all(legal(tuple(row)) for row in tagger.marginals(outputs).argmax(2).tolist())


@HEADS
def test_marginals_and_spans(kind: type[Tagger]) -> None:
    tagger, (outputs, mask) = make(kind), ragged()
    marginals = tagger.marginals(outputs, mask)
    paths = torch.tensor([[1, 2, 1, 0, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    where = [(0, 0, 2), (0, 0, 1), (0, 2, 3), (1, 1, 2), (2, 0, 1)]
    spans = Spans(*torch.tensor(where).unbind(1))
    through = tagger.span_log_probs(tagger.lattice(outputs, mask), paths, spans).exp()
    closed = tagger.span_log_probs(tagger.lattice(outputs, mask), paths, spans, CLOSING).exp()
    for number, (row, begin, end) in enumerate(where):
        probs = probabilities(tagger, outputs[row, : LENGTHS[row]])
        tags = tuple(paths[row, begin:end].tolist())
        inside = {path: prob for path, prob in probs.items() if path[begin:end] == tags}
        shut = [prob for path, prob in inside.items() if path[end : end + 1] != (2,)]
        assert through[number].item() == pytest.approx(sum(inside.values()))
        assert closed[number].item() == pytest.approx(sum(shut))
        first = sum(prob for path, prob in probs.items() if path[begin] == tags[0])
        assert marginals[row, begin, tags[0]].item() == pytest.approx(first)
    assert (marginals[~mask] == 0).all()


@HEADS
def test_padding_changes_nothing(kind: type[Tagger]) -> None:
    tagger, (outputs, mask) = make(kind), ragged()
    tags = tagger.decode(outputs, mask).masked_fill(~mask, 1234)
    outputs.requires_grad_()
    loss = tagger.nll(outputs, tags, mask)
    (gradient,) = torch.autograd.grad(loss.sum(), outputs)
    assert (gradient[~mask] == 0).all()
    for row, length in enumerate(LENGTHS):
        alone = tagger.nll(outputs[row : row + 1, :length], tags[row : row + 1, :length])
        torch.testing.assert_close(alone[0], loss[row])


def test_label_smoothing_is_torchs() -> None:
    outputs, mask = ragged()
    tagger = SoftmaxTagger(HIDDEN, TAGS, label_smoothing=0.2).double()
    tags = torch.randint(TAGS, mask.shape)
    logits = tagger.projection(outputs)
    right = F.cross_entropy(logits[mask], tags[mask], reduction="sum", label_smoothing=0.2)
    torch.testing.assert_close(tagger.nll(outputs, tags, mask).sum(), right)
    right = F.cross_entropy(logits[mask], tags[mask], reduction="sum")
    torch.testing.assert_close(tagger.eval().nll(outputs, tags, mask).sum(), right)


@HEADS
def test_autocast(kind: type[Tagger]) -> None:
    tagger, (outputs, mask) = make(kind).float(), ragged()
    tags = tagger.decode(outputs.float(), mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = tagger.nll(outputs.float(), tags, mask)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, tagger.nll(outputs.float(), tags, mask), rtol=0.1, atol=0.1)


@HEADS
def test_learns(kind: type[Tagger]) -> None:
    tagger, (outputs, mask) = make(kind), ragged()
    gold = torch.tensor([[0, 1, 2, 0, 1], [1, 2, 0, 0, 0], [1, 0, 0, 0, 0]])
    optimizer = torch.optim.Adam(tagger.parameters(), 0.1)
    for _ in range(100):
        optimizer.zero_grad()
        tagger.nll(outputs, gold, mask).sum().backward()
        optimizer.step()
    assert torch.equal(tagger.decode(outputs, mask), gold)


@HEADS
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_scales_the_scores_of_paths(kind: type[Tagger], temperature: float) -> None:
    tagger, (outputs, mask) = make(kind), ragged()
    plain = probabilities(tagger, outputs[0])
    raw = tagger.lattice(outputs, mask)
    lattice = tagger.at_temperature(raw, temperature)
    if kind is CRFTagger:  # the softmax over paths
        powers = {path: prob ** (1 / temperature) for path, prob in plain.items()}
        expected = {path: power / sum(powers.values()) for path, power in powers.items()}
    else:  # the softmax over the tags of each token
        tokens = (tagger.projection(outputs[0]) / temperature).softmax(1)  # (T, K)
        expected = {
            path: float(tokens[range(len(path)), path].prod().detach()) if legal(path) else 0.0
            for path in plain
        }
    for path in [(1, 2, 2, 0, 1), (0, 0, 0, 0, 0), (1, 1, 2, 0, 0)]:
        tags = torch.zeros(3, 5, dtype=torch.long)
        tags[0] = torch.tensor(path)
        found = tagger.path_log_probs(lattice, tags)[0].exp()
        assert float(found) == pytest.approx(expected[path])
    probs = tagger.tag_probs(lattice)
    assert torch.allclose(probs.sum(2), mask.double())
    if temperature == 1:
        assert torch.allclose(probs, tagger.marginals(outputs, mask).double())
    for k in range(TAGS) if kind is CRFTagger else ():
        assert float(probs[0, 1, k]) == pytest.approx(
            sum(prob for path, prob in expected.items() if path[1] == k)
        )
