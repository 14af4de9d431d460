"""Attention weights of every model have one form."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nlpseq.analysis.attention import Recorder, attention_maps, self_attention_maps
from nlpseq.data.batch import ModelInput, Tokens
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.layers.transformer import TransformerEncoder
from nlpseq.models.model import Model
from nlpseq.predictor import Classification


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape) + shape[-2]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        {"attn_mask": torch.tensor([[True, True, False, True]] * 5)},
        {"attn_mask": torch.linspace(-2, 3, 20).view(5, 4), "scale": 0.3},
    ],
    ids=["plain", "causal", "boolean mask", "added mask"],
)
def test_recorded_weights_agree_with_torch(options: dict[str, Any]) -> None:
    query, key, value = draw(2, 3, 5, 6), draw(2, 3, 4, 6), draw(2, 3, 4, 6) + 1
    with Recorder() as recorder:
        outputs = F.scaled_dot_product_attention(query, key, value, **options)
    (weights,) = recorder.weights
    torch.testing.assert_close(weights @ value, outputs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5))


def model_of(encoder: Any) -> Model[Any]:
    torch.manual_seed(0)
    embedding = Embedding(TokenEmbedding(9, 8, pad_id=0, unk_id=1))
    return Model(embedding, encoder, torch.nn.Linear(8, 2))


def test_a_transformer_has_a_map_for_each_layer_and_head() -> None:
    reading = ModelInput(Tokens.unpadded(torch.tensor([[2, 3, 4]])), [["a", "b", "c"]])
    encoder = TransformerEncoder(8, 8, num_layers=2, num_heads=4, feedforward_size=8, dropout=0.5)
    model = model_of(encoder)
    found = self_attention_maps(model, reading)
    assert [attention.name for attention in found] == [
        f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3, 4)
    ]
    assert {attention.axes for attention in found} == {("query", "key")}
    for heads in (found[:4], found[4:]):  # one colour scale for a layer
        largest = max(weight for attention in heads for row in attention.weights for weight in row)
        assert {attention.largest for attention in heads} == {largest}
    vectors = encoder.positions(model.embedding(reading.tokens) * 8**0.5)
    attention: Any = encoder.layers[0].attention
    normed = encoder.layers[0].attention_norm(vectors)[0]
    query, key, _ = attention.projection(normed).view(3, 3, 4, 2).unbind(1)  # (T, N, H / N) each
    for head in range(4):
        expected = (query[:, head] @ key[:, head].t() / 2**0.5).softmax(1)
        torch.testing.assert_close(
            torch.tensor(found[head].weights), expected, atol=1e-5, rtol=1e-5
        )


def test_a_recurrent_encoder_has_no_self_attention() -> None:
    reading = ModelInput(Tokens.unpadded(torch.tensor([[2, 3, 4]])), [["a", "b", "c"]])
    assert self_attention_maps(model_of(RecurrentEncoder(8, 8)), reading) == []


class Predictor:
    """A predictor of a hierarchical classifier."""

    def __init__(self) -> None:
        self.model = model_of(RecurrentEncoder(8, 8))

    def read_texts(self, texts: list[str]) -> ModelInput:
        return ModelInput(Tokens.unpadded(torch.tensor([[2, 3, 4]])), [["a", "b", "c"]])

    def predict(self, texts: list[str]) -> list[Classification]:
        return [
            Classification(
                texts[0],
                "good",
                {"good": 1.0},
                tokens=("a", "b", "c"),
                weights=(0.2, 0.8, 1.0),
                sentences=("a b", "c"),
                sentence_weights=(0.3, 0.7),
            )
        ]


def test_a_pooling_has_one_row_and_a_hierarchy_two_maps() -> None:
    words, sentences = attention_maps(Predictor(), "a b c")
    assert (words.name, words.rows, words.weights) == ("pooling", ("good",), ((0.2, 0.8, 1.0),))
    assert (sentences.name, sentences.columns) == ("sentences", ("a b", "c"))
