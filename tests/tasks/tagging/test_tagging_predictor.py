"""Entities in raw text: places, confidences, sentences."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nlpseq.tasks.tagging.model import word_outputs
from nlpseq.tasks.tagging.predictor import SequenceTaggerPredictor
from small import CPU, SENTENCES, built, make, sentences, train

from nlpseq.data import tag_schemes
from nlpseq.data.batch import Tokens
from nlpseq.predictor import TaggedText

TEXTS = [
    "Ann Lee met Bob in Paris. Nobody left New York!",
    "",
    " \n\t ",
    "  Paris\n\nBob's  film —  naïve, “Ann”. ",
    "🙂",
    "Ann 👩🏽‍🚀 Bob e\u0301te\u0301 日本語 U.S. don't",
]


def predictor(**sections: Any) -> SequenceTaggerPredictor:
    task = make("ner", **sections)
    model = built(task)
    train(task, model, sentences(), epochs=15)
    found = task.predictor(model, CPU)
    assert isinstance(found, SequenceTaggerPredictor)
    return found


@pytest.fixture(scope="module")
def trained() -> SequenceTaggerPredictor:
    return predictor()


def check(answer: TaggedText, text: str) -> None:
    assert answer.text == text
    assert len(answer.tokens) == len(answer.tags)
    assert tag_schemes.convert_tags(answer.tags, "BIO") == list(answer.tags)
    ends = [0]
    for entity in answer.entities:
        assert text[entity.start : entity.end] == entity.text != ""
        assert 0 <= entity.confidence <= 1
        assert entity.start >= ends[-1]
        ends.append(entity.end)
    spans = tag_schemes.tags_to_spans(answer.tags)
    assert [span.type for span in spans] == [entity.type for entity in answer.entities]
    for span, entity in zip(spans, answer.entities, strict=True):
        inside = "".join(answer.tokens[span.begin : span.end])
        assert inside == "".join(entity.text.split())


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_entities_are_at_their_offsets(head: str, kind: str) -> None:
    found = predictor(head={"kind": head}, tokenization={"kind": kind, "vocabulary_size": 90})
    answers = found.predict(TEXTS)
    for answer, text in zip(answers, TEXTS, strict=True):
        check(answer, text)
    assert answers[1].to_json() == {"text": "", "entities": [], "tokens": [], "tags": []}
    assert any(answer.entities for answer in answers)


@settings(deadline=None, max_examples=25)
@given(text=st.text(st.sampled_from("AnBo .\n\t!?'\u0301\u200d🙂日-\x07\u00a0"), max_size=30))
def test_any_text_has_a_prediction(trained: SequenceTaggerPredictor, text: str) -> None:
    check(trained.predict([text])[0], text)


def test_a_text_is_read_sentence_by_sentence(trained: SequenceTaggerPredictor) -> None:
    whole = trained.predict(["Ann Lee met Bob. nobody left Paris."])[0]
    parts = trained.predict(["Ann Lee met Bob.", "nobody left Paris."])
    assert list(whole.tags) == [tag for part in parts for tag in part.tags]
    confidences = [e.confidence for part in parts for e in part.entities]
    assert [e.confidence for e in whole.entities] == pytest.approx(confidences, abs=1e-5)
    assert all(part.entities for part in parts)


@pytest.mark.parametrize("characters", ["none", "cnn", "lstm"])
@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_predictions_do_not_depend_on_the_batch(
    head: str, characters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = predictor(
        head={"kind": head}, embedding={"dim": 6, "characters": characters, "character_size": 8}
    )
    every = [row[0].split() for row in SENTENCES] + [["Ann"] * 9, [], "She saw Zoë .".split()]
    alone = [one for words in every for one in found.tag([words])]
    for tokens, at_once in ((4096, 20_000), (20, 3)):
        monkeypatch.setattr("nlpseq.tasks.tagging.predictor.TOKENS_AT_ONCE", tokens)
        monkeypatch.setattr("nlpseq.tasks.tagging.predictor.SENTENCES_AT_ONCE", at_once)
        for one, tagged in zip(alone, found.tag(every), strict=True):
            assert tagged.tags == one.tags
            assert tagged.spans == one.spans == tag_schemes.tags_to_spans(one.tags)
            assert tagged.confidences == pytest.approx(one.confidences, abs=1e-5)


def test_spans_of_any_paths_are_those_of_their_tags(trained: SequenceTaggerPredictor) -> None:
    """Paths that no scheme allows count too, with padding after them."""
    torch.manual_seed(0)
    paths = torch.randint(len(trained.tags), (200, 7))
    lengths = torch.randint(1, 8, (200,))
    for mask in (torch.arange(7) < lengths.unsqueeze(1), None):
        counts = [7] * 200 if mask is None else lengths.tolist()
        expected = [
            (row, span.begin, span.end)
            for row, (path, count) in enumerate(zip(paths.tolist(), counts, strict=True))
            for span in tag_schemes.tags_to_spans([trained.tags[number] for number in path[:count]])
        ]
        assert torch.stack(trained.sentence_tagger.find_spans(paths, mask), dim=1).tolist() == [
            *map(list, expected)
        ]


def test_confidence_is_the_probability_of_just_that_entity(
    trained: SequenceTaggerPredictor,
) -> None:
    """Confidence agrees with the sum over all paths of a short sentence."""
    words = ["Ann", "Lee", "left"]
    (tagged,) = trained.tag([words])
    features = trained.pipeline.read([words])
    tokens = trained.collator.collate(features)
    numbers = range(len(trained.tags))
    with torch.no_grad():
        outputs, mask = word_outputs(trained.model.encode(tokens).outputs, tokens)
        paths = torch.tensor(list(product(numbers, repeat=len(words))))
        probs = (-trained.model.head.nll(outputs.expand(len(paths), -1, -1), paths)).exp()
    assert math.fsum(probs.tolist()) == pytest.approx(1, abs=1e-4)
    assert tagged.spans
    for span, confidence in zip(tagged.spans, tagged.confidences, strict=True):
        wanted = math.fsum(
            prob
            for path, prob in zip(paths.tolist(), probs.tolist(), strict=True)
            if span in tag_schemes.tags_to_spans([trained.tags[number] for number in path])
        )
        assert confidence == pytest.approx(wanted, abs=1e-4)


def test_the_vector_of_a_word_is_that_of_its_first_piece() -> None:
    outputs = torch.arange(24.0).view(2, 4, 3)
    starts = torch.tensor([[0, 2], [1, -1]])
    ids = torch.ones(2, 4, dtype=torch.long)
    found, mask = word_outputs(
        outputs, Tokens(ids, torch.tensor([4, 4]), full=True, word_starts=starts)
    )
    assert mask is not None
    assert mask.tolist() == [[True, True], [True, False]]
    assert torch.equal(found[0], outputs[0, [0, 2]])
    assert torch.equal(found[1, 0], outputs[1, 1])
    same, none = word_outputs(outputs, Tokens.unpadded(ids))
    assert same is outputs
    assert none is None
