"""Attributions fulfil their axioms, and find the token that decides the class in every kind of network."""

import random
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
import small
import torch
from nlpseq.tasks.classification.predictor import TextClassifierPredictor

from nlpseq.errors import UserError
from nlpseq.predictor import Explainer

CPU = torch.device("cpu")
DECISIVE = {"Splendid": "good", "dreadful": "bad"}
FILLERS = "we saw it then they left by train today old new here".split()
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "lstm": {"encoder": {"hidden_size": 8, "bidirectional": True}},
    "attention": {"encoder": {"hidden_size": 8}, "head": {"pooling": "attention"}},
    "cnn": {"encoder": {"kind": "cnn", "hidden_size": 12, "widths": [1, 2]}},
    "feedforward": {"encoder": {"kind": "feedforward", "hidden_size": 8}},
    "transformer": {
        "encoder": {"kind": "transformer", "hidden_size": 8, "num_heads": 2, "feedforward_size": 8},
        "head": {"pooling": "mean"},
    },
    "hierarchical": {"encoder": {"kind": "hierarchical", "hidden_size": 6, "attention_size": 6}},
    "characters": {
        "encoder": {"hidden_size": 8},
        "embedding": {"dim": 6, "characters": "cnn", "character_size": 6, "casing_dim": 3},
    },
}


def texts_of(count: int, seed: int) -> list[tuple[str, str]]:
    """Texts of fillers, some of two sentences; a decisive word gives the class, without it the text is neutral.

    Without the neutral texts a network could learn one class from the absence of the other's word.
    """
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        word = chance.choice([*DECISIVE, None])
        words = chance.choices(FILLERS, k=chance.randint(2, 7))
        if word:
            words.insert(chance.randrange(len(words) + 1), word)
        if len(words) > 5:
            words[3:3] = ["."]
        rows.append((" ".join(words), DECISIVE[word] if word else "neutral"))
    return rows


@pytest.fixture(scope="module", params=list(NETWORKS))
def predictor(request: pytest.FixtureRequest) -> TextClassifierPredictor:
    train = small.reviews(texts_of(200, seed=1))
    task = small.make(
        "sentiment", {"train": train}, **NETWORKS[request.param], training={"batch_size": 16}
    )
    model = small.built(task)
    small.train(task, model, train, epochs=12, rate=0.02)
    trained = task.predictor(model, CPU)
    assert isinstance(trained, TextClassifierPredictor)
    assert isinstance(trained, Explainer)
    return trained


@pytest.mark.parametrize("method", ["gradients", "leave-one-out"])
def test_the_decisive_token_has_the_largest_weight(
    predictor: TextClassifierPredictor, method: str
) -> None:
    rows = [row for row in texts_of(60, seed=2) if row[1] != "neutral"]
    explained = predictor.explain([text for text, _ in rows], method=method)
    right = [item for item, (_, label) in zip(explained, rows, strict=True) if item.label == label]
    assert len(right) > 0.9 * len(rows)
    hits = 0
    for item in right:
        assert len(item.tokens) == len(item.attributions)
        hits += max(zip(item.attributions, item.tokens, strict=True))[1] in DECISIVE
    assert hits > 0.9 * len(right)


def test_attributions_add_up_to_the_change_of_the_score(predictor: TextClassifierPredictor) -> None:
    texts = [text for text, _ in texts_of(12, seed=3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explained = predictor.explain(texts)
    plain = predictor.predict(texts)
    for text, item, prediction in zip(texts, explained, plain, strict=True):
        model_input = predictor.read_texts([text])
        vectors = predictor.model.embedding(model_input.tokens).detach()
        baselines, scores = predictor.attribution.baseline_vectors, []
        for read in (vectors, *(part.expand_as(vectors) for part in baselines)):
            encoded = predictor.model.encoder(read, model_input.tokens.mask)
            logits = predictor.model.head(encoded.outputs, model_input.tokens).logits[0].detach()
            scores.append(float(logits[predictor.labels.index(str(item.label))] - logits.mean()))
        change = scores[0] - sum(scores[1:]) / len(scores[1:])
        size = sum(map(abs, item.attributions))
        assert abs(sum(item.attributions) - change) <= 0.08 * size  # 5% of each of two integrals
        assert item.probabilities == pytest.approx(prediction.probabilities, abs=1e-5)


def test_leave_one_out_is_the_change_of_the_score(predictor: TextClassifierPredictor) -> None:
    text = "we saw it . Splendid train"
    (item,) = predictor.explain([text], method="leave-one-out")
    label = predictor.labels.index(str(item.label))

    def score(words: list[str]) -> float:
        tokens = predictor.read_texts([" ".join(words)]).tokens
        outputs = predictor.model.encode(tokens).outputs
        logits = predictor.model.head(outputs, tokens).logits[0]
        return float((logits[label] - logits.mean()).detach())

    words = text.split()
    index = words.index("train")  # no sentence ends or begins otherwise without it
    changed = score(words) - score(words[:index] + words[index + 1 :])
    assert item.attributions[index] == pytest.approx(changed, abs=1e-4)


def test_blank_texts_texts_of_one_token_and_unknown_methods() -> None:
    task = small.make("sentiment")
    predictor = task.predictor(small.built(task), CPU)
    for method in ("gradients", "leave-one-out"):
        empty, single = predictor.explain([" ", "dull"], method=method)
        assert (empty.tokens, len(empty.attributions)) == ((" ",), 1)
        assert len(single.attributions) == 1
    with pytest.raises(UserError, match=r"method 'lime': choose gradients or leave-one-out"):
        predictor.explain(["dull"], method="lime")
