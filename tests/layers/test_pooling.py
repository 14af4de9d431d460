"""Poolings of a batch agree with one text at a time, with any values at padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nlpseq.errors import UserError
from nlpseq.layers.pooling import LastPooling, Pooling, build_pooling
from nlpseq.layers.recurrent import RecurrentEncoder

DIM = 6
KINDS = ["last", "mean", "max", "attention", "concat"]


def make(kind: str, bidirectional: bool = False) -> Pooling:
    torch.manual_seed(0)
    return build_pooling(kind, DIM, bidirectional=bidirectional, attention_size=5)


def mask_of(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    kind=st.sampled_from(KINDS),
    bidirectional=st.booleans(),
)
def test_batch_of_n_is_n_batches_of_one(lengths: list[int], kind: str, bidirectional: bool) -> None:
    pooling = make(kind, bidirectional)
    mask = mask_of(lengths)
    outputs = torch.randn(*mask.shape, DIM) - 2  # negative maxima too
    garbage = outputs.masked_fill(~mask.unsqueeze(2), 1e6)
    vector, weights = pooling(garbage, mask)
    assert vector.shape == (len(lengths), pooling.output_dim)
    for row, length in enumerate(lengths):
        alone = pooling(outputs[row : row + 1, :length], None)
        torch.testing.assert_close(vector[row], alone.vector[0], rtol=1e-5, atol=1e-5)
        if weights is not None:
            torch.testing.assert_close(weights[row, :length], alone.weights[0])
            assert weights[row, length:].eq(0).all()
    if weights is not None:
        torch.testing.assert_close(weights.sum(1), torch.ones(len(lengths)))


def test_mean_max_and_concat_by_hand() -> None:
    lengths = [4, 2]
    outputs = torch.randn(2, 4, DIM)
    for row, length in enumerate(lengths):
        text = outputs[row, :length]
        expected = {"last": text[-1], "mean": text.mean(0), "max": text.max(0).values}
        for kind, vector in expected.items():
            torch.testing.assert_close(make(kind)(outputs, mask_of(lengths)).vector[row], vector)
        joined = make("concat")(outputs, mask_of(lengths)).vector[row]
        torch.testing.assert_close(joined, torch.cat([*expected.values()]))


@pytest.mark.parametrize("ragged", [False, True])
def test_last_is_the_final_state_of_each_direction(ragged: bool) -> None:
    """The state of a one-layer encoder is its output after the last token it reads."""
    encoder = RecurrentEncoder(3, DIM // 2, cell="gru", bidirectional=True)
    mask = mask_of([5, 2, 1]) if ragged else None
    encoded = encoder(torch.randn(3, 5, 3), mask)
    last = LastPooling(DIM, bidirectional=True)(encoded.outputs, mask).vector
    torch.testing.assert_close(last, encoded.state[0].flatten(1))


def test_attention_by_the_equations() -> None:
    """Yang et al. (2016), equations 5 to 7."""
    pooling = make("attention")
    outputs = torch.randn(1, 4, DIM)
    u = [torch.tanh(pooling.hidden.weight @ h + pooling.hidden.bias) for h in outputs[0]]
    scores = torch.stack([pooling.score.weight[0] @ each for each in u])
    weights = scores.exp() / scores.exp().sum()
    vector = sum(weight * h for weight, h in zip(weights, outputs[0], strict=True))
    pooled = pooling(outputs, None)
    torch.testing.assert_close(pooled.weights[0], weights)
    torch.testing.assert_close(pooled.vector[0], vector)


@pytest.mark.parametrize("kind", KINDS)
def test_no_gradient_reaches_padding(kind: str) -> None:
    mask = mask_of([4, 2])
    outputs = torch.randn(2, 4, DIM, requires_grad=True)
    make(kind)(outputs, mask).vector.square().sum().backward()
    assert outputs.grad[~mask].eq(0).all()
    assert outputs.grad[1, 1].ne(0).any()


def test_an_unknown_kind_is_reported_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="'sum': choose last, mean, max, attention or concat"):
        make("sum")
