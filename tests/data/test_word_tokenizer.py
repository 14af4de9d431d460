import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.word_tokenizer import (
    sentence_numbers,
    split_into_sentences,
    split_sentences,
    split_words,
)

TEXTS = st.text(max_size=80) | st.text("aB.'’,-nt1 $@/:\n\"(\u0301\u200d👍", max_size=60)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("He left the U.S. in 1996-08-30.", "He left the U.S. in 1996-08-30 ."),
        ("Mr. J. Smith's dog doesn't bark", "Mr. J. Smith 's dog does n't bark"),
        ("can't it?! DON'T", "ca n't it ? ! DO N'T"),
        ("C$10 US$3.5bn, $1,000.50 at 9:30 a.m.", "C$ 10 US$ 3.5bn , $ 1,000.50 at 9:30 a.m."),
        ('(AT&T/O\'Brien) "state-of-the-art"...', '( AT&T / O\'Brien ) " state-of-the-art " ...'),
        ("see https://a.b/c?d=e, jo.x@reuters.com.", "see https://a.b/c?d=e , jo.x@reuters.com ."),
        ("rock'n'roll '90s said.He I’m +44 10%", "rock'n'roll '90s said . He I ’m +44 10 %"),
        ("No. 5 is no. He, Jr., 20th 1990s", "No. 5 is no . He , Jr. , 20th 1990s"),
        ("U.S.-led dogs' 1/2 6-4", "U.S.-led dogs ' 1/2 6-4"),
        ("हिन्दी में cafe\u0301! 👍🏽 ok👨\u200d👩", "हिन्दी में cafe\u0301 ! 👍🏽 ok 👨\u200d👩"),
        ("but -lrb- not -RRB-", "but -lrb- not -RRB-"),
        ("  \n ", ""),
    ],
)
def test_words(text: str, words: str) -> None:
    assert [word.text for word in split_words(text)] == words.split()


def test_a_line_ends_a_sentence_and_offsets_are_those_of_the_text() -> None:
    text = "A headline\n\n He left. She stayed\r\nhere"
    found = split_into_sentences(text)
    said = ["A headline", "He left .", "She stayed", "here"]
    assert [" ".join(word.text for word in sentence) for sentence in found] == said
    assert all(text[word.begin : word.end] == word.text for words in found for word in words)


@given(TEXTS)
@settings(deadline=None, max_examples=300)
def test_nothing_but_white_space_is_lost_and_offsets_are_exact(text: str) -> None:
    last = 0
    for word in split_words(text):
        assert text[word.begin : word.end] == word.text
        assert word.text
        assert word.text.split() == [word.text]
        assert not text[last : word.begin].strip()
        assert word.begin >= last
        last = word.end
    assert not text[last:].strip()


def test_words_of_a_long_text_take_linear_time() -> None:
    for piece in ("a.B", ".", "-", "a'", "(", "n't", "@a", "a@", "http://("):
        begin = time.process_time()
        split_words(piece * 20_000)
        assert time.process_time() - begin < 2, piece


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He left. She stayed.", ["He left.", "She stayed."]),
        ("he left . she stayed .", ["he left .", "she stayed ."]),
        ('Mr. X left. "She did!" (Yes.)', ["Mr. X left.", '"She did!"', "(Yes.)"]),
        ("No. 5 won ... but lost ... Then", ["No. 5 won ... but lost ...", "Then"]),
        ("wow ! ! ! great ? ! yes\nnew  line", ["wow ! ! !", "great ? !", "yes", "new  line"]),
        ("the U.S. now. And J. Lo. So did I. Then", "the U.S. now.|And J. Lo.|So did I.|Then"),
        ("", []),
        ("\n \n", []),
        (" . ", ["."]),
    ],
)
def test_sentences(text: str, sentences: list[str] | str) -> None:
    wanted = sentences.split("|") if isinstance(sentences, str) else sentences
    assert [text[begin:end] for begin, end in split_sentences(text)] == wanted


@given(TEXTS)
@settings(deadline=None, max_examples=200)
def test_sentences_hold_every_word_once_in_order(text: str) -> None:
    last = 0
    for begin, end in split_sentences(text):
        assert not text[last:begin].strip()
        assert begin < end
        last = end
    assert not text[last:].strip()


@given(st.lists(st.sampled_from(["a", "He", ".", "!", '"', "...", "Mr.", "U.S.", "", ")"])))
@settings(deadline=None, max_examples=200)
def test_sentence_numbers_increase_by_one(words: list[str]) -> None:
    numbers = sentence_numbers(words)
    assert len(numbers) == len(words)
    assert all(after - before in (0, 1) for before, after in zip([0, *numbers], numbers))  # noqa: B905


def test_punctuation_apart_or_not_gives_the_same_sentences() -> None:
    text = 'He left. "Why?" she asked. It rained ... all day (in the U.S. too). Odd!'
    apart = [word.text for word in split_words(text)]
    assert sentence_numbers(apart)[-1] == sentence_numbers(text.split())[-1] == 4
