import pytest
import torch
from torch import nn

from nlpseq.errors import UserError
from nlpseq.layers.normalization import (
    NoNormalization,
    SequenceBatchNorm,
    SequenceLayerNorm,
    build_normalization,
)

MASK = torch.tensor([[True, True, True, True], [True, False, False, False]])


def test_batch_norm_takes_its_statistics_from_real_tokens() -> None:
    torch.manual_seed(0)
    inputs = 3 + 2 * torch.randn(2, 4, 5)
    norm, peer = SequenceBatchNorm(5), nn.BatchNorm1d(5)
    outputs = norm(inputs, MASK)
    torch.testing.assert_close(outputs[MASK], peer(inputs[MASK]))
    torch.testing.assert_close(norm.norm.running_mean, peer.running_mean)
    torch.testing.assert_close(norm.norm.running_var, peer.running_var)
    assert outputs[~MASK].eq(0).all()
    other = torch.where(MASK.unsqueeze(2), inputs, torch.full_like(inputs, 1e3))
    torch.testing.assert_close(SequenceBatchNorm(5)(other, MASK), outputs)


def test_batch_norm_without_padding_is_that_of_all_tokens() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(3, 6, 5).transpose(0, 1)  # no contiguous layout is assumed
    outputs = SequenceBatchNorm(5)(inputs, None)
    torch.testing.assert_close(outputs.mean((0, 1)), torch.zeros(5), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        outputs.var((0, 1), unbiased=False), torch.ones(5), rtol=0, atol=1e-3
    )
    full = torch.ones(6, 3, dtype=torch.bool)
    torch.testing.assert_close(SequenceBatchNorm(5)(inputs, full), outputs)


def test_batch_norm_in_evaluation_does_not_see_the_batch() -> None:
    torch.manual_seed(0)
    norm = SequenceBatchNorm(5)
    norm(torch.randn(2, 4, 5), MASK)
    norm.eval()
    inputs = torch.randn(2, 4, 5)
    outputs = norm(inputs, MASK)
    torch.testing.assert_close(outputs[:1], norm(inputs[:1], None))
    torch.testing.assert_close(outputs[:, 0], norm.step(inputs[:, 0]))


def test_batch_norm_of_a_single_token_in_training() -> None:
    norm = SequenceBatchNorm(3)
    inputs = torch.tensor([[[1.0, -2.0, 3.0]]])
    torch.testing.assert_close(
        norm(inputs, None), inputs, rtol=1e-4, atol=1e-4
    )  # mean 0, variance 1
    assert norm.norm.num_batches_tracked == 0


@pytest.mark.parametrize("kind", ["none", "layer", "batch"])
def test_step_is_one_column(kind: str) -> None:
    torch.manual_seed(0)
    norm = build_normalization(kind, 5).eval()
    inputs = torch.randn(2, 4, 5)
    torch.testing.assert_close(norm.step(inputs[:, 2]), norm(inputs, None)[:, 2])


def test_kinds() -> None:
    inputs = torch.randn(2, 4, 5)
    assert isinstance(build_normalization("none", 5), NoNormalization)
    assert build_normalization("none", 5)(inputs, MASK) is inputs
    layer = build_normalization("layer", 5)
    assert isinstance(layer, SequenceLayerNorm)
    torch.testing.assert_close(layer(inputs, MASK), nn.functional.layer_norm(inputs, (5,)))
    with pytest.raises(UserError, match="none, layer or batch"):
        build_normalization("weight", 5)
