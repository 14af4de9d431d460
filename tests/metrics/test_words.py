"""Words of summaries in many scripts, and the same words as rouge-score in English."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.tokenizers import DefaultTokenizer

from nlpseq.metrics.scripts import main_script, rouge_words
from nlpseq.metrics.summarization import ROUGES, SummaryScores, SummaryTarget, best_lead
from nlpseq.metrics.words import WordTokenizer, lead, words_of

ENGLISH = st.one_of(
    st.text(alphabet=st.characters(max_codepoint=127), max_size=40),
    st.text(alphabet="aeinrstxyz'’“”-–— .,!?éïœAB09_\n", max_size=40),
    st.lists(
        st.sampled_from(
            "the running cats' ponies; U.S.A. e-mail 3,000 caresses naïve it's".split()
        ),
        max_size=12,
    ).map(" ".join),
)


@given(ENGLISH)
@settings(max_examples=500, deadline=None)
def test_english_words_are_those_of_rouge_score(text: str) -> None:
    expected = DefaultTokenizer(use_stemmer=True).tokenize(text)
    assert WordTokenizer("rouge-score").tokenize(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Лиса спит, ёж нет.", ["лиса", "спит", "ёж", "нет"]),
        ("लड़की पढ़ती है।", ["लड़की", "पढ़ती", "है"]),
        ("猫が好き!", ["猫", "が", "好", "き"]),
        ("读3本book。", ["读", "3", "本", "book"]),
        ("น้ำ ดี", ["น้ำ"[:2], "ำ", "ดี"]),
        ("می‌روم", ["می‌روم"]),
        ("e\u0301te\u0301", ["été"]),
        ("snake_case isn't", ["snake_case", "isn", "t"]),
    ],
)
def test_words_by_script(text: str, words: list[str]) -> None:
    text_words = words_of(text)
    if not text.isascii() and "น" in text:
        assert "".join(text_words) == re.sub(r"\s", "", text)
        assert all(len(word) <= 3 for word in text_words)
    else:
        assert text_words == [*map(_composed, words)]


def _composed(word: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", word)


@pytest.mark.parametrize(
    ("texts", "script", "words"),
    [
        (["A fox sleeps.", "Two foxes at a café"], "spaced", "rouge-score"),
        (["Füchse schlafen überall"], "spaced", "unicode"),
        (["Лиса спит"], "spaced", "unicode"),
        (["狐狸睡觉。", "用iPhone拍照"], "chinese", "unicode"),
        (["キツネが寝る。", "漢字"], "japanese", "unicode"),
        (["여우가 잔다"], "korean", "unicode"),
        (["สุนัขจิ้งจอกนอน"], "spaceless", "unicode"),
        ([""], "spaced", "rouge-score"),
    ],
)
def test_the_script_of_texts(texts: list[str], script: str, words: str) -> None:
    if "café" in texts[-1]:
        texts = [*texts, *["Plain words follow here."] * 50]
    assert main_script(texts) == script
    assert rouge_words(texts) == words


SCRIPTS = [
    "Лиса спит дома",
    "狐狸睡觉。",
    "ሰላም ለዓለም",
    "สวัสดี",
    "مرحبا بكم",
    "Ɗan ƙasa ɓoye",
    "été",
    "A fox",
]


@pytest.mark.parametrize("text", SCRIPTS)
@pytest.mark.parametrize("words", ["rouge-score", "unicode"])
def test_equal_texts_have_rouge_100_in_every_script(text: str, words: str) -> None:
    metric = SummaryScores(words)  # type: ignore[arg-type]
    scores = metric.score(metric.statistics(text, SummaryTarget(text, "")))
    assert [scores[name] for name in ("rouge1", "rougeL", "rougeLsum")] == [100] * 3


def test_of_several_references_the_best_counts_for_each_score() -> None:
    metric = SummaryScores()
    target = SummaryTarget("a fox sleeps", "", ("dogs bark", "the fox runs now"))
    scores = metric.score(metric.statistics("the fox runs", target))
    assert scores["rouge1"] == pytest.approx(100 * 2 * 3 / 7)
    alone = metric.score(metric.statistics("the fox runs", SummaryTarget("a fox sleeps", "")))
    assert scores["rouge1"] > alone["rouge1"]
    metric.num_references = 3
    assert metric.signatures["rouge"].startswith("nrefs:3|")
    metric.num_references = -1
    assert metric.signatures["rouge"].startswith("nrefs:var|")


@pytest.mark.parametrize(
    ("text", "k", "expected"),
    [
        ("我喝茶。你吃饭。", 3, "我喝茶。"),
        ("我用 Python 写", 3, "我用 Python"),
        ("one two  three", 2, "one two"),
        ("one two", 0, ""),
        ("Лиса спит", 9, "Лиса спит"),
    ],
)
def test_lead_counts_the_words_of_rouge(text: str, k: int, expected: str) -> None:
    assert lead(text, k) == expected


def test_the_best_lead_of_chinese() -> None:
    pairs = [("今天天气很好我们去公园", "今天天气"), ("明天下雨大家在家里看书", "明天下雨")]
    assert best_lead(pairs, range(1, 12), "unicode") == 4
    assert set(ROUGES) == set(SummaryScores.directions)
