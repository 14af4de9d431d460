"""Input feeding by the kernel and step by step has the same outputs and gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.models.builders import build_decoder, build_encoder
from nlpseq.models.recurrent_decoder import AttentionDecoder
from nlpseq.recipe import RecurrentConfig, RecurrentDecoderConfig
from nlpseq.types import EncoderOutput

V, DIM, WIDTH, S = 9, 5, 8, 4
SOURCE = Tokens(torch.randint(1, V, (3, S)), torch.tensor([4, 2, 3]))
TARGET = Tokens(torch.randint(1, V, (3, 5)), torch.tensor([5, 1, 3]))
FED: dict[str, Any] = {"kind": "gru", "attention": "additive", "input_feeding": True}


def build(**config: Any) -> AttentionDecoder:
    torch.manual_seed(0)
    source = RecurrentConfig(kind="gru", hidden_size=WIDTH // 2, bidirectional=True)
    decoder = build_decoder(
        RecurrentDecoderConfig(**{**FED, **config}),
        source,
        build_encoder(source, DIM),
        Embedding(TokenEmbedding(V, DIM, pad_id=0, unk_id=1)),
        vocab_size=V,
        tied=False,
    )
    assert isinstance(decoder, AttentionDecoder)
    return decoder


def loss_and_gradients(decoder: AttentionDecoder, outputs: Tensor) -> list[Tensor]:
    """Return a loss of nll and attention, and its gradients for the memory and every parameter."""
    memory, state = decoder.start(EncoderOutput(outputs, ()), SOURCE)
    decoded = decoder(decoder.lookup(TARGET.ids), memory, state)
    loss = decoder.loss(decoded, memory, TARGET) + decoded.weights.square().sum()
    leaves = [outputs, *decoder.parameters()]
    return [loss, *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("copying", [False, True])
def test_the_kernel_agrees_with_the_loop(copying: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = build(copying=copying).double()
    outputs = torch.randn(3, S, WIDTH, dtype=torch.float64, requires_grad=True)
    swept = loss_and_gradients(decoder, outputs)
    monkeypatch.setattr(AttentionDecoder, "_sweep", None)  # any call fails
    monkeypatch.setattr(AttentionDecoder, "_cell_for_sweep", lambda *_: None)
    for one, other in zip(swept, loss_and_gradients(decoder, outputs), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("config", "swept"),
    [
        ({}, True),
        ({"weight_drop": 0.5}, True),
        ({"kind": "lstm"}, False),
        ({"attention": "general"}, False),
        ({"attention": "coverage"}, False),
        ({"num_layers": 2}, False),
        ({"kernel": "equations"}, False),
    ],
)
def test_the_kernel_is_used_where_it_applies(
    config: dict[str, Any], swept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, sweep = [], AttentionDecoder._sweep
    monkeypatch.setattr(
        AttentionDecoder, "_sweep", lambda *given: calls.append(given) or sweep(*given)
    )
    outputs = torch.randn(3, S, WIDTH, requires_grad=True)
    decoder = build(**config)
    loss_and_gradients(decoder, outputs)
    assert bool(calls) == swept
    with torch.autocast("cpu", torch.bfloat16):
        loss_and_gradients(decoder, outputs)
    assert len(calls) == swept
