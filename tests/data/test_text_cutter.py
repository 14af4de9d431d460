"""Cutting of raw text, and the same in tokenizer.json."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.text_cutter import TextCutter, join_words, whole
from nlpseq.data.word_tokenizer import tokenize_words
from tests.data.scripts import SCRIPTS


def cut(text: str, **options: object) -> list[str]:
    return [text[a:b] for a, b in TextCutter(**options).spans(text)]  # type: ignore[arg-type]


def test_scripts_without_spaces_become_characters() -> None:
    assert cut("我有GDP增长3.5%。") == [*"我有", "GDP", *"增长", "3.5", "%", "。"]
    assert cut("ที่นี่ ok") == ["ที่", "นี่", "ok"]
    assert cut("ありがとう!") == [*"ありがとう", "!"]
    assert cut("안녕 하세요.") == ["안녕", "하세요", "."]
    assert cut("我有 书", rule="whitespace", spaceless=False) == ["我有", "书"]
    assert cut("我有 a,b", rule="whitespace") == ["我", "有", "a,b"]


def test_tags_stay_whole() -> None:
    assert cut("so<br/>it is <eos> or </s>.") == [
        "so",
        "<br/>",
        "it",
        "is",
        "<eos>",
        "or",
        "</s>",
        ".",
    ]
    assert cut("a < b > c") == ["a", "<", "b", ">", "c"]
    assert cut("x<eos>", version=1, spaceless=False) == ["x", "<", "eos", ">"]


def test_a_language_has_the_rules_of_moses() -> None:
    assert cut("l'homme dit", language="fr") == ["l'", "homme", "dit"]
    assert cut("l'homme dit", language="sw") == cut("l'homme dit") == ["l'homme", "dit"]
    assert TextCutter(language="fr").unexpressed
    assert not TextCutter(language="am").unexpressed


@given(st.text(SCRIPTS, max_size=16), st.sampled_from(["words", "whitespace"]), st.booleans())
@settings(deadline=None, max_examples=500)
def test_tokenizer_json_cuts_alike(text: str, rule: str, spaceless: bool) -> None:
    cutter = TextCutter(rule, spaceless=spaceless or rule == "words")
    words = [text[a:b] for a, b in cutter.spans(text)]
    assert [word for word, _ in cutter.backend().pre_tokenize_str(text)] == words
    assert "".join("".join(words).split()) == "".join(text.split())
    assert spaceless or all(word == word.strip() for word in words)


@given(st.text(SCRIPTS, max_size=16), st.sampled_from(["fr", "de", "ru", "hi"]))
@settings(deadline=None, max_examples=100)
def test_moses_loses_nothing(text: str, language: str) -> None:
    assert "".join(cut(text, language=language)) == "".join(text.split())


@given(st.text(SCRIPTS.replace("\x1c", ""), max_size=16))
@settings(deadline=None, max_examples=300)
def test_version_1_joins_as_nlpseq_0_1_did(text: str) -> None:
    joined, origins = join_words(text, whole(TextCutter(version=1, spaceless=False).spans(text)))
    assert joined == (tokenize_words(text) if text.strip() else "")
    assert len(origins) == len(joined)
    for char, (begin, end) in zip(joined, origins, strict=True):
        assert char == text[begin:end] or char in " \n"


@pytest.mark.parametrize("rule", ["words", "whitespace"])
def test_nothing_to_cut(rule: str) -> None:
    assert join_words(" \n ", whole(TextCutter(rule).spans(" \n "))) == ("", [])


def test_words_between_blanks_hold_other_white_space() -> None:
    text = "10\u00a0000 a\u2028b\tc\r\nd\u3000\x1ce\x0b \u2028 \u3000f\x0cg\x85"
    words = ["10\u00a0000", "a\u2028b", "c", "d\u3000\x1ce", "f\x0cg"]
    assert cut(text, rule="whitespace", spaceless=False) == words
    assert [text[a:b] for a, b in TextCutter().words_between_blanks(text)] == words
    older = TextCutter("whitespace", spaceless=False, version=2)
    assert [text[a:b] for a, b in older.spans(text)] == text.split()
    assert [word for word, _ in older.backend().pre_tokenize_str(text)] == text.split()
