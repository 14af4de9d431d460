"""Raw text is joined to the words of the training data that rules cut."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.text_cutter import TextCutter, join_words
from nlpseq.data.word_joiner import LONGEST_WORD, WordJoiner, words_of_parts
from tests.data.scripts import SCRIPTS

CUTTER = TextCutter()


def joined(words: list[str], text: str, fold: Any = str) -> list[str]:
    cut = WordJoiner(words, CUTTER, fold).join(text, CUTTER.spans(text))
    return [word.spell(text) for word in cut]


def test_the_longest_word_at_each_position() -> None:
    words = ["北京", "北京大学", "大学生", "thủ đô", "thủ"]
    assert joined(words, "北京大学生") == ["北京大学", "生"]
    assert joined(words, "去北京, 大学生") == ["去", "北京", ",", "大学生"]
    assert joined(words, "thủ  đô thủ") == ["thủ đô", "thủ"]
    assert joined(words, "北 京") == ["北", "京"]
    assert joined(words, "Thủ Đô", str.lower) == ["Thủ Đô"]


@pytest.mark.parametrize("space", ["\u2028", "\x85", "\x0b", "\x0c", "\u00a0", "\u3000", "\x1c"])
def test_words_that_hold_any_white_space(space: str) -> None:
    word = f"a{space}b"
    assert joined([word], f"x a{space}b") == ["x", word]
    assert joined([word], "x a b") == ["x", word]
    assert joined([word, "a b"], f"a b a{space}b") == ["a b", word]
    assert joined([space], f"x{space} y{space}{space}z{space}") == ["x", space, "y", "z", space]


@pytest.mark.parametrize("gap", ["\n", " \r\n", "\n\n"])
def test_no_word_goes_over_a_line_break(gap: str) -> None:
    assert joined(["a b", "中国"], f"a{gap}b 中{gap}国") == ["a", "b", "中", "国"]
    assert words_of_parts([f"a{gap}b"], CUTTER) == []


def test_words_to_keep_are_those_of_several_parts_by_frequency() -> None:
    words = ["a b", "word", "中国", "a b", "中", ".", "", " ", "\u3000", "don't", "中" * 101]
    assert LONGEST_WORD == 100
    assert words_of_parts(words, CUTTER) == ["a b", "中国", "\u3000", "don't"]


def test_words_that_other_rules_keep_whole() -> None:
    words = ["c++", "c", ":)", ":", ")", "end.", "end", ".", "don't", "do", "n't", "<3", "it"]
    assert words_of_parts(words, CUTTER) == ["c++", ":)", "<3"]
    assert joined(["c++", ":)", "<3"], "use c++, it <3 :) c + + ok:)") == [
        *["use", "c++", ",", "it", "<3", ":)", "c", "+", "+", "ok", ":)"]
    ]


@given(st.lists(st.text(SCRIPTS, max_size=5), max_size=8), st.text(SCRIPTS, max_size=20))
@settings(deadline=None, max_examples=150)
def test_nothing_is_lost_and_offsets_stay(words: list[str], text: str) -> None:
    joiner = WordJoiner(words_of_parts(words, CUTTER), CUTTER, str)
    cut = joiner.join(text, CUTTER.spans(text))
    pieces = [text[slice(*word.span)] for word in cut]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    for word, piece in zip(cut, pieces, strict=True):
        assert word.spell(text).split() == piece.split() or piece.isspace()
        assert len(word.parts) == len(word.gaps) + 1
    line, origins = join_words(text, cut)
    assert len(line) == len(origins)
    assert all(c.isspace() or c == text[a:b] for c, (a, b) in zip(line, origins, strict=True))
