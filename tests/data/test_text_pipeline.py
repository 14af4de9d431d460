"""One way from text to features: offsets, words of the vocabulary, special tokens that are text, old models."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.normalizer import Normalizer
from nlpseq.data.text_cutter import TextCutter
from nlpseq.data.text_pipeline import TextPipeline, pipeline_parts
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig
from tests.data.scripts import SCRIPTS

WORDS = ["chủ tịch", "đi", "họp", ".", "北京", "他", "去", "Café", "ΟΔΟΣ", "42"]


def make(words: list[str] = WORDS, **options: Any) -> TextPipeline:
    keys = ("lowercase", "digits_as_zero", "kind", "language", "vocabulary_size")
    config = TokenizationConfig(**{key: options.pop(key) for key in keys if key in options})
    normalizer = Normalizer("nfc", config.lowercase, config.language, config.digits_as_zero)
    raw = options.pop("raw", TextCutter("words", config.language))
    marked = options.get("pretokenized", True)
    tokenizer = Tokenizer.train(config, [words], raw or TextCutter(), marked=marked)
    return TextPipeline(tokenizer, normalizer, raw, **options)


def spelt(pipeline: TextPipeline, text: Any, **options: Any) -> list[str]:
    vocabulary = pipeline.tokenizer.vocabulary
    return [vocabulary[id] for id in pipeline.read([text], **options)[0].ids]


def test_a_word_with_a_space_is_a_word() -> None:
    pipeline = make(joins_words=True)
    assert spelt(pipeline, ["chủ tịch", "đi"]) == ["chủ tịch", "đi"]
    assert spelt(pipeline, "chủ  tịch đi họp.") == ["chủ tịch", "đi", "họp", "."]
    assert spelt(pipeline, "chủ\ntịch") == ["<unk>", "<unk>"]
    assert spelt(pipeline, "他去北京.") == ["他", "去", "北京", "."]
    assert [word.text for word in pipeline.words("他去东京")] == ["他", "去", "东", "京"]
    assert "longest words" in pipeline.describe()


def test_offsets_are_those_of_the_text_as_it_was_given() -> None:
    pipeline = make(lowercase=True, digits_as_zero=True)
    text = "Cafe\u0301, İ 42  ΟΔΟΣ"
    (features,) = pipeline.read([text], offsets=True)
    pieces = [text[begin:end] for begin, end in features.offsets]
    assert pieces == ["Cafe\u0301", ",", "İ", "42", "ΟΔΟΣ"]
    assert spelt(pipeline, text) == ["café", "<unk>", "<unk>", "00", "οδος"]
    assert pipeline.spellings(text) == pieces


@pytest.mark.parametrize("kind", ["character", "bpe", "byte_bpe"])
@given(text=st.text(SCRIPTS, min_size=1, max_size=12), cut=st.booleans())
@settings(deadline=None, max_examples=60)
def test_offsets_of_pieces(kind: str, text: str, cut: bool) -> None:
    raw = TextCutter() if cut else None
    pipeline = make(kind=kind, vocabulary_size=400, raw=raw, lowercase=True)
    (features,) = pipeline.read([text], offsets=True)
    assert list(features.ids) == list(pipeline.read([text])[0].ids)
    assert all(0 <= begin <= end <= len(text) for begin, end in features.offsets)
    begins = [begin for begin, _ in features.offsets]
    assert begins == sorted(begins)
    covered = {index for span in features.offsets for index in range(*span)}
    assert all(text[index].isspace() for index in set(range(len(text))) - covered)


@pytest.mark.parametrize("name", ["<eos>", "<pad>", "<bos>", "<unk>"])
def test_a_text_that_spells_a_special_token_is_text(name: str) -> None:
    pipeline = make([name, "ok"], pretokenized=False)
    tokenizer = pipeline.tokenizer
    special = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id}
    ids = list(pipeline.read([f"ok {name}!"])[0].ids)
    assert tokenizer.decode(ids[:2]) == f"ok {name}"
    assert ids[1] not in special
    others = make(["ok"], pretokenized=False)
    assert list(others.read([f"ok {name}"])[0].ids)[1] == others.tokenizer.unk_id


def test_in_cut_text_unk_marks_an_unknown_word() -> None:
    pipeline = make(["a", "<unk>"], pretokenized=True)
    assert (
        list(pipeline.read(["a <unk>"], pretokenized=True)[0].ids)[1] == pipeline.tokenizer.unk_id
    )
    assert pipeline.unknown(pipeline.read([["a", "<unk>", "b"]])) == (2, 3)


def test_sentences_of_raw_text_and_of_cut_text() -> None:
    pipeline = make()
    text = "Ann left. She is e\u0301l.\nodd"
    sentences = pipeline.sentences(text)
    assert [[word.text for word in row] for row in sentences] == [
        ["Ann", "left", "."],
        ["She", "is", "él", "."],
        ["odd"],
    ]
    assert all(
        text[w.begin : w.end].replace("e\u0301", "é") == w.text for row in sentences for w in row
    )
    assert pipeline.sentences(["a . b", "."]) == [pipeline.words(["a . b", "."])]
    assert pipeline.sentences("a . b .", pretokenized=True)[0][3].begin == 6
    assert pipeline.sentences(" \n") == []


@pytest.mark.parametrize("text", [["a b", "é"], "He said: 他去北京.", "x"])
def test_a_saved_pipeline_reads_alike(text: Any) -> None:
    pipeline = make(joins_words=True, lowercase=True)
    state = json.loads(json.dumps(pipeline.state()))
    again = TextPipeline(pipeline.tokenizer, **pipeline_parts(state))
    assert again.read([text]) == pipeline.read([text])
    assert again.state() == pipeline.state()


def test_a_model_of_0_1_leaves_all_to_its_tokenizer() -> None:
    tokenizer = Tokenizer.train(TokenizationConfig(lowercase=True), ["他去 don't a"])
    raw = TextCutter("words", spaceless=False, version=1)
    pipeline = TextPipeline(tokenizer, None, raw)
    assert pipeline.state() is None
    assert spelt(pipeline, "他去 DON'T", pretokenized=True) == ["他去", "don't"]
    (features,) = pipeline.read(["don't 他去"], offsets=True)
    assert features.offsets == [(0, 2), (2, 5), (6, 8)]


def test_pieces_have_no_spelling() -> None:
    with pytest.raises(UserError, match="tokenization.kind = 'word', it is 'bpe'"):
        make(kind="bpe", vocabulary_size=100, casing=True)
