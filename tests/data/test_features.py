import json
from operator import attrgetter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.features import (
    MAX_CHARACTERS,
    NUM_CASINGS,
    CharacterTable,
    Features,
    casing,
)
from nlpseq.data.text_pipeline import TextPipeline
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig

SENTENCES = [
    "the cat saw Rome .".split(),
    "Rome saw the cat , the cat slept . it rained !".split(),
    ["odd"],
]
WORDS = sorted({word for sentence in SENTENCES for word in sentence})
KINDS = ["character", "bpe", "unigram", "wordpiece", "byte_bpe"]


def learn(kind: str = "word", **options: object) -> Tokenizer:
    size = {"word": 50_000, "byte_bpe": 300}.get(kind, 60)
    config = {"kind": kind, "vocabulary_size": size, **options}
    return Tokenizer.train(
        TokenizationConfig.model_validate(config), [" ".join(one) for one in SENTENCES] + ["\n"]
    )


class FeatureReader(TextPipeline):
    """A pipeline with its collator, of a tokenizer whose texts are words between white space."""

    def __init__(self, tokenizer: Tokenizer, characters=None, **options) -> None:
        super().__init__(tokenizer, characters=characters, word_pieces=True, **options)
        self.collator = FeatureCollator(tokenizer.pad_id, characters, casing=self.casing)
        self.collate, self.collate_all = self.collator.collate, self.collator.collate_all

    read_words = TextPipeline.read

    def read_texts(self, texts):
        self.word_pieces = False
        read = self.read(texts, pretokenized=True)
        self.word_pieces = True
        return read


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    return {kind: learn(kind) for kind in ["word", *KINDS]}


@pytest.fixture(scope="module")
def reader(tokenizers) -> FeatureReader:
    table = CharacterTable.learn(word for sentence in SENTENCES for word in sentence)
    return FeatureReader(tokenizers["word"], table, casing=True, segments=True)


def test_casing() -> None:
    words = ["cat", "don't", "USA", "U.S.", "Rome", "eBay", "1996", "1996-08", "B52", ",", "", "日"]
    assert [casing(word) for word in words] == [1, 1, 2, 2, 3, 4, 5, 6, 6, 8, 8, 8]
    assert casing("abc1") == 7


@given(st.text())
@settings(deadline=None)
def test_casing_is_a_class(word: str) -> None:
    assert 1 <= casing(word) < NUM_CASINGS


def test_characters_by_frequency_then_by_code_point() -> None:
    table = CharacterTable.learn(["ba", "ca", "ba"])
    assert table.state() == "abc"
    assert len(table) == 5
    assert table.ids("cabz") == [4, 2, 3, 1]
    assert table.ids("") == [1]
    assert len(table.ids("a" * 1000)) == MAX_CHARACTERS == 50
    again = CharacterTable(json.loads(json.dumps(table.state())))
    assert again.ids("cabz") == [4, 2, 3, 1]


def test_each_word_gets_one_id_whatever_it_is(reader) -> None:
    words = ["the", "", "a b", " ", "unseen", "<eos>", "<unk>", "cat", "\n", "the cat"]
    (features,) = reader.read_words([words])
    known = reader.tokenizer.vocabulary.index
    unknown = reader.tokenizer.unk_id
    assert list(features.ids) == [known("the"), *[unknown] * 6, known("cat"), unknown, unknown]
    assert len(features) == len(words)


def test_words_are_normalised_as_in_a_text() -> None:
    one = learn(lowercase=True, digits_as_zero=True).with_words(["00"])
    ids = FeatureReader(one).read_words([["ROME", "42", "cat"]])[0].ids
    assert [one.vocabulary[id] for id in ids] == ["rome", "00", "cat"]


def test_unknown_words_are_looked_up_in_lower_case_if_configured(tokenizers) -> None:
    one = tokenizers["word"]
    cat, rome = one.encode("cat Rome")
    words = ["CAT", "Rome", "ROME"]
    assert FeatureReader(one).read_words([words])[0].ids == [1, rome, 1]
    lowering = FeatureReader(one, lower_unknown=True)
    assert lowering.read_words([words])[0].ids == [cat, rome, 1]
    assert lowering.read_texts([" ".join(words)])[0].ids == [cat, rome, 1]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=8))
@settings(deadline=None, max_examples=100)
def test_words_and_their_text_are_read_alike(reader, words: list[str]) -> None:
    text = " ".join(words)
    (features,) = reader.read_texts([text])
    kept = list(features.words)
    assert features.ids == reader.read_words([kept])[0].ids
    # A word may hold white space that separates no words, such as a no-break space.
    assert "".join("".join(kept).split()) == "".join(text.split())
    assert len(features.ids) == len(reader.tokenizer.encode(text))


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_words_are_those_of_the_joined_text(tokenizers, kind, words) -> None:
    features = FeatureReader(tokenizers[kind]).read_words([words])[0]
    assert list(features.ids) == tokenizers[kind].encode(" ".join(words))
    bounds = [*features.word_starts, len(features.ids)]
    spelt = [
        tokenizers[kind].decode(features.ids[a:b]).strip()
        for a, b in zip(bounds, bounds[1:])  # noqa: B905
    ]
    assert [one.replace(" ", "") for one in spelt] == words


@given(st.lists(st.text(max_size=4), max_size=6))
@settings(deadline=None, max_examples=30)
@pytest.mark.parametrize("kind", KINDS)
def test_any_word_has_a_piece(tokenizers, kind, words) -> None:
    features = FeatureReader(tokenizers[kind], segments=True).read_words([words])[0]
    assert len(features.word_starts) == len(words)
    bounds = [*features.word_starts, len(features.ids)]
    assert all(a < b for a, b in zip(bounds, bounds[1:]))  # noqa: B905
    assert len(features.segments) == len(features.ids)


@pytest.mark.parametrize("kind", ["word", *KINDS])
def test_sentences_of_raw_text(tokenizers, kind) -> None:
    text = "the cat saw Rome . it rained !\nodd"
    one = FeatureReader(tokenizers[kind], segments=True).read_texts([text])[0]
    assert one.ids == tokenizers[kind].encode(text)
    pieces = {number: [] for number in range(3)}
    for id, number in zip(one.ids, one.segments, strict=True):
        pieces[number].append(id)
    spelt = [tokenizers[kind].decode(ids).split() for ids in pieces.values()]
    assert spelt == [["the", "cat", "saw", "Rome", "."], ["it", "rained", "!"], ["odd"]]


def test_a_batch(reader) -> None:
    features = reader.read_words(SENTENCES)
    tokens = reader.collate(features)
    assert tokens.lengths.tolist() == [5, 12, 1]
    assert not tokens.full
    spelt = reader.characters
    for row, sentence in enumerate(SENTENCES):
        for place, word in enumerate(sentence):
            ids = tokens.characters.ids[tokens.characters.rows[row, place]].tolist()
            assert ids == spelt.ids(word) + [0] * (len(ids) - len(word))
            assert tokens.casing[row, place] == casing(word)
            assert tokens.ids[row, place] == reader.tokenizer.encode(word)[0]
    assert tokens.characters.ids.shape == (len(WORDS), max(map(len, WORDS)))  # each word once
    assert tokens.segments.tolist()[1] == [0] * 9 + [1] * 3
    for part in (tokens.ids, tokens.casing, tokens.segments, tokens.characters.rows):
        assert part.dtype == torch.int64
        assert not part[~tokens.mask].any()


def test_a_batch_does_not_depend_on_earlier_batches(tokenizers) -> None:
    def make() -> FeatureReader:
        return FeatureReader(tokenizers["word"], CharacterTable("abcdehinorst"), casing=True)

    fresh, used = make(), make()
    used.collate(used.read_words([[str(number) for number in range(3000)], *SENTENCES[::-1]]))
    one, other = (reader.collate(reader.read_words(SENTENCES)) for reader in (fresh, used))
    for name in ("ids", "casing", "characters.ids", "characters.rows"):
        assert torch.equal(attrgetter(name)(one), attrgetter(name)(other))


def test_batches_may_share_one_table_of_words(reader) -> None:
    features = reader.read_words(SENTENCES)
    parts = [features[:2], features[2:]]
    together = reader.collate_all(parts)
    assert len({one.characters.ids.data_ptr() for one in together}) == 1
    for shared, part in zip(together, parts, strict=True):
        alone = reader.collate(part)
        for name in ("ids", "casing", "segments"):
            assert torch.equal(getattr(shared, name), getattr(alone, name))
        width = alone.characters.ids.size(1)
        spelt = shared.characters.ids[shared.characters.rows]
        real = slice(None) if alone.mask is None else alone.mask
        expected = alone.characters.ids[alone.characters.rows][real]
        assert torch.equal(spelt[real][..., :width], expected)
        assert not spelt[real][..., width:].any()
    assert reader.collate_all([]) == []


def test_the_memory_for_words_is_bounded(tokenizers, monkeypatch) -> None:
    monkeypatch.setattr("nlpseq.data.feature_batches.CACHED_WORDS", 100)
    reader = FeatureReader(tokenizers["word"], CharacterTable("0123456789"))
    for first in range(0, 1000, 50):
        words = [f"{number}" for number in range(first, first + 50)]
        tokens = reader.collate(reader.read_words([words]))
        ids = tokens.characters.ids
        spelt = ids[tokens.characters.rows[0]].tolist()
        assert spelt == [[*reader.characters.ids(w), *[0] * (ids.size(1) - len(w))] for w in words]
    assert len(reader.collator._spellings) <= 150


def test_pieces_in_a_batch(tokenizers) -> None:
    reader = FeatureReader(tokenizers["bpe"])
    features = reader.read_words(SENTENCES)
    tokens = reader.collate(features)
    starts = [one.word_starts for one in features]
    longest = max(map(len, starts))
    assert tokens.word_starts.tolist() == [[*one, *[-1] * (longest - len(one))] for one in starts]
    assert tokens.characters is None
    assert tokens.casing is None


def test_rows_without_padding(reader) -> None:
    tokens = reader.collate(reader.read_words([["the", "cat"], ["Rome", "slept"]]))
    assert tokens.full
    assert tokens.casing.tolist() == [[1, 1], [3, 1]]
    assert tokens.characters.rows.tolist() == [[0, 1], [2, 3]]


def test_features_that_do_not_fit_are_refused(tokenizers, reader) -> None:
    with pytest.raises(UserError, match="tokenization.kind = 'word', it is 'bpe'"):
        FeatureReader(tokenizers["bpe"], casing=True)
    with pytest.raises(ValueError, match="a text has no token"):
        reader.collate([Features([3]), Features([])])
