"""Numbers, scores and durations as people read them."""

import math

import pytest

from nlpseq.reporting.formats import (
    format_duration,
    format_number,
    format_parameters,
    format_score,
    readable_name,
    score_label,
)
from nlpseq.wording import format_count


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (1234567, "1,234,567"),
        (23456.0, "23,456"),
        (537.0, "537"),
        (1.0, "1.000"),
        (104.567, "104.57"),
        (1.5, "1.500"),
        (0.5, "0.500"),
        (0.00123456, "0.001235"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        ({"mean": 104.567, "standard_deviation": 0.25}, "104.57 ± 0.25"),
        ({"mean": 104.567, "standard_deviation": None}, "104.57"),
        ({"mean": 0.479, "standard_deviation": 0.001414}, "0.4790 ± 0.0014"),
        ({"mean": 104.567, "standard_deviation": 23.4}, "105 ± 23"),
        ({"mean": 1.5, "standard_deviation": 0.0}, "1.50 ± 0.00"),
    ],
)
def test_numbers_for_people(value: object, text: str) -> None:
    assert format_number(value) == text


def test_durations() -> None:
    assert [format_duration(s) for s in (4.21, 59.7, 185, 7800)] == [
        "4.2 s",
        "1 min 0 s",
        "3 min 5 s",
        "2 h 10 min",
    ]


def test_parameters_with_their_parts() -> None:
    parameters = {"total": 1_234_567, "embedding": 1_000_000, "encoder": 234_567, "head": 0}
    assert format_parameters(parameters) == "1,234,567 (embedding 1,000,000, encoder 234,567)"
    assert format_parameters({"total": 5}) == "5"


def test_fractions_are_read_in_percent() -> None:
    assert format_score("accuracy", 0.955) == "95.50"
    assert format_score("f1", {"mean": 0.479, "standard_deviation": 0.001414}) == "47.90 ± 0.14"
    assert format_score("f1", {"mean": 0.479, "standard_deviation": None}) == "47.90"
    assert format_score("majority_accuracy", 0.5) == "50.00"
    assert format_score("bleu", 31.234) == "31.23"
    assert format_score("accuracy", None) == ""


def test_labels_have_units_and_usual_spelling() -> None:
    assert score_label("macro_f1") == "macro F1 (%)"
    assert score_label("perplexity") == "perplexity"
    assert readable_name("rougeL") == "ROUGE-L"
    assert readable_name("lead_3_rougeL") == "lead 3 ROUGE-L"
    assert readable_name("bits_per_byte") == "bits per byte"


def test_counts_are_plural_unless_one() -> None:
    assert format_count(1, "step") == "1 step"
    assert format_count(1200, "step") == "1,200 steps"
    assert format_count(1.0, "epoch") == "1 epoch"
    assert format_count(2.5, "epoch") == "2.5 epochs"
    assert format_count(0.531915, "epoch") == "0.53 epochs"
    assert format_count(0.00123, "epoch") == "0.0012 epochs"
