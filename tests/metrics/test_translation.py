"""Translation scores from summed statistics equal sacrebleu's corpus scores."""

import gzip
import json
import math
import os
from pathlib import Path

import pytest
import sacrebleu
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlpseq.metrics.translation import LowercasedTokenizer, TranslationScores, TranslationTarget

METRIC = TranslationScores()
HYPOTHESES = [
    "The cat sat on the mat.",
    "A dog (brown) runs, it barks!",
    "",
    "two  men",
    "on the mat the cat sat.",
]
REFERENCES = [
    "The cat sat on a mat.",
    "A brown dog runs and barks.",
    "Nobody said it.",
    "Two men",
    "the cat sat on the mat.",
]
# Few words and some punctuation, so that n-grams match; anything at all now and then.
WORDS = st.lists(
    st.sampled_from(["a", "B", "the", "cat,", "(x)", "3.5", "it's", "ß", "."]), max_size=9
)
TEXT = st.one_of(WORDS.map(" ".join), st.text(max_size=12))


def total(metric, hypotheses, targets) -> list[float]:
    vectors = map(metric.statistics, hypotheses, targets)
    return [math.fsum(column) for column in zip(*vectors, strict=True)]


def agree(hypotheses, references) -> None:
    scores = METRIC.score(total(METRIC, hypotheses, references))
    bleu = sacrebleu.corpus_bleu(hypotheses, [references], force=True)
    assert scores == pytest.approx(
        {
            "bleu": bleu.score,
            "chrf": sacrebleu.corpus_chrf(hypotheses, [references]).score,
            "ter": sacrebleu.corpus_ter(hypotheses, [references]).score,
            "length_ratio": bleu.ratio,
        },
        rel=0,
        abs=1e-9,
    )


def test_scores_of_a_corpus_are_those_of_sacrebleu() -> None:
    agree(HYPOTHESES, REFERENCES)
    assert 20 < METRIC.score(total(METRIC, HYPOTHESES, REFERENCES))["bleu"] < 80


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
@example([("", "")])
@example([("", "a cat")])
@example([("a cat", "")])
@example([("a cat", ""), ("", "the mat"), ("the mat", "the mat")])
@example([("ab", "abcdefgh"), ("abcdefgh", "ab")])  # orders of chrF that one side lacks
@example([("a\nb c", "a b\u2028c")])
@settings(deadline=None, max_examples=150)
def test_any_texts_score_as_in_sacrebleu(pairs) -> None:
    hypotheses, references = zip(*pairs, strict=True)
    agree([*hypotheses], [*references])


def test_a_perfect_and_an_absent_translation() -> None:
    scores = METRIC.score(total(METRIC, REFERENCES, REFERENCES))
    assert scores == pytest.approx({"bleu": 100, "chrf": 100, "ter": 0, "length_ratio": 1})
    scores = METRIC.score(total(METRIC, [""] * 5, REFERENCES))
    assert scores == {"bleu": 0, "chrf": 0, "ter": 100, "length_ratio": 0}


def test_no_sentence_has_no_score() -> None:
    for nothing in ([], [0.0] * 31):
        with pytest.raises(ValueError, match="no sentences"):
            METRIC.score(nothing)


def test_signatures_are_those_of_sacrebleu() -> None:
    for name, metric in [
        ("bleu", sacrebleu.BLEU()),
        ("chrf", sacrebleu.CHRF()),
        ("ter", sacrebleu.TER()),
    ]:
        metric.corpus_score(HYPOTHESES, [REFERENCES])
        assert METRIC.signatures[name] == str(metric.get_signature())
    assert len(METRIC.signatures) == 3
    signatures = TranslationScores("de").signatures
    tokenized = signatures.pop("bleu_lowercased_tokenized")
    assert signatures == METRIC.signatures
    assert "|tok:none|" in tokenized
    assert "-de|sacremoses:" in tokenized
    assert tokenized.startswith(signatures["bleu"].partition("|")[0])


def test_the_tokenized_bleu_is_a_figure_of_its_own() -> None:
    metric = TranslationScores("de")
    hypotheses = ["Ein Hund läuft, „schnell“ und weit.", "Zwei Männer und 3 Katzen"]
    targets = [
        TranslationTarget("Ein Hund läuft schnell.", "ein hund läuft , &quot; schnell &quot; ."),
        TranslationTarget("Zwei Männer.", "zwei männer und drei katzen"),
    ]
    scores = metric.score(total(metric, hypotheses, targets))
    tokenized = ["ein hund läuft , &quot; schnell &quot; und weit .", "zwei männer und 3 katzen"]
    references = [[target.tokenized for target in targets]]
    expected = sacrebleu.corpus_bleu(tokenized, references, tokenize="none", force=True).score
    assert scores.pop("bleu_lowercased_tokenized") == pytest.approx(expected, rel=0, abs=1e-9)
    raw = [target.text for target in targets]
    assert scores == METRIC.score(total(METRIC, hypotheses, raw))
    assert scores["bleu"] != pytest.approx(expected)
    # A target from JSON is a list; a metric without the tokenized BLEU accepts it, too.
    stored = json.loads(json.dumps(targets))
    assert total(metric, hypotheses, stored) == total(metric, hypotheses, targets)
    assert total(METRIC, hypotheses, stored) == total(METRIC, hypotheses, raw)
    with pytest.raises(ValueError, match="needs a tokenized reference"):
        metric.statistics("ein Hund", "ein Hund")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Herr Schmidt's Katze, 3,5 kg.", "herr schmidt &apos; s katze , 3,5 kg ."),
        ("ein T-Shirt & mehr …", "ein t-shirt &amp; mehr ..."),
        # With its capital, "Nr" would be an abbreviation that keeps its dot.
        ("Haus Nr. 3", "haus nr . 3"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_german_as_moses_tokenizes_it(text, tokens) -> None:
    assert LowercasedTokenizer("de")(text) == tokens


@pytest.mark.real
@pytest.mark.parametrize(
    ("split", "language", "equal", "bleu"),
    [
        ("val", "de", 1013, 99.98),
        ("val", "en", 1014, 99.999),
        ("test_2016_flickr", "de", 1000, 99.999),
        ("test_2016_flickr", "en", 1000, 99.999),
    ],
)
def test_it_reproduces_multi30ks_tokenized_files_from_the_raw_ones(
    split, language, equal, bleu
) -> None:
    root = Path(os.environ.get("NLPSEQ_DATA", Path(__file__).parents[3] / "shared" / "data"))
    folder = root / "translation"
    if not folder.is_dir():
        pytest.skip(f"needs the benchmark sets: there is no {folder}")
    raw, tokenized = (
        gzip.decompress((folder / name).read_bytes()).decode("utf-8").rstrip("\n").split("\n")
        for name in (f"raw/{split}.{language}.gz", f"tok/{split}.lc.norm.tok.{language}.gz")
    )
    tokenize = LowercasedTokenizer(language)
    assert sum(map(str.__eq__, map(tokenize, raw), tokenized)) >= equal
    metric = TranslationScores(language)
    targets = map(TranslationTarget, raw, tokenized)
    assert metric.score(total(metric, raw, targets))["bleu_lowercased_tokenized"] > bleu
