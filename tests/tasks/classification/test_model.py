"""The head of a classifier: its pooling and its layers."""

from typing import Any

import pytest
import torch
from nlpseq.tasks.base.vector_model import build_vector_model
from nlpseq.tasks.classification.recipe import ClassifierConfig
from pydantic import TypeAdapter
from small import encoder

from nlpseq.data.batch import Tokens
from nlpseq.data.batching import pad_rows
from nlpseq.layers.feedforward import FeedforwardLayers
from nlpseq.models.builders import build_embedding
from nlpseq.recipe import EmbeddingConfig, EncoderConfig

IDS = torch.tensor([[4, 5, 6, 7], [5, 4, 0, 0], [7, 0, 0, 0]])
LENGTHS = torch.tensor([4, 2, 1])
SENTENCES = [[0, 0, 1, 2], [0, 0], [0]]
KINDS = ["lstm", "cnn", "transformer", "feedforward"]


def tokens(segments: bool = False) -> Tokens:
    return Tokens(IDS, LENGTHS, segments=pad_rows(SENTENCES, 0) if segments else None)


def classifier(section: dict[str, Any], **head: Any) -> Any:
    torch.manual_seed(0)
    embedding = build_embedding(EmbeddingConfig(dim=6), vocab_size=9, pad_id=0, unk_id=1)
    config = TypeAdapter(EncoderConfig).validate_python(section)
    return build_vector_model(embedding, config, ClassifierConfig(**head), 3).eval()


def classified(model: Any, given: Tokens) -> Any:
    return model.head(model.encode(given).outputs, given)


@pytest.mark.parametrize("pooling", ["auto", "last", "mean", "max", "attention", "concat"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_pooling_of_any_encoder_reads_no_padding(kind: str, pooling: str) -> None:
    model = classifier(encoder(kind), pooling=pooling, attention_size=4)
    found = classified(model, tokens())
    assert found.logits.shape == (3, 3)
    alone = classified(model, Tokens.unpadded(IDS[1:2, :2]))
    torch.testing.assert_close(found.logits[1:2], alone.logits, atol=1e-5, rtol=0)
    if pooling == "attention":
        torch.testing.assert_close(found.weights.sum(1), torch.ones(3))
        assert found.weights[IDS == 0].eq(0).all()
    else:
        assert found.weights is None


@pytest.mark.parametrize(
    ("kind", "same"), [("lstm", "max"), ("cnn", "max"), ("feedforward", "mean")]
)
def test_auto_chooses_a_pooling_for_each_encoder(kind: str, same: str) -> None:
    found, wanted = (
        classified(classifier(encoder(kind), pooling=p), tokens()) for p in ("auto", same)
    )
    assert torch.equal(found.logits, wanted.logits)


def test_a_deep_averaging_network_reads_the_mean_of_a_text() -> None:
    model = classifier({"kind": "feedforward", "hidden_size": 5, "num_layers": 2})
    assert isinstance(model.head.layers, FeedforwardLayers)
    with torch.no_grad():
        mean = model.embedding(Tokens.unpadded(IDS[:1])).mean(1)
        wanted = model.head.output(model.head.layers(mean))
        torch.testing.assert_close(classified(model, tokens()).logits[:1], wanted)
        turned = Tokens.unpadded(IDS[:1].flip(1))  # the order of words does not matter
        torch.testing.assert_close(classified(model, turned).logits, wanted)


def test_a_hierarchical_network_attends_to_words_and_sentences() -> None:
    model = classifier(encoder("hierarchical"))
    found = classified(model, tokens(segments=True))
    assert found.sentence_weights.shape == (3, 3)
    torch.testing.assert_close(found.sentence_weights.sum(1), torch.ones(3))
    first = found.weights[0]
    torch.testing.assert_close(torch.stack([first[:2].sum(), first[2], first[3]]), torch.ones(3))
    shuffled = Tokens(IDS, LENGTHS, segments=torch.zeros_like(IDS))
    assert not torch.allclose(classified(model, shuffled).logits[0], found.logits[0])
