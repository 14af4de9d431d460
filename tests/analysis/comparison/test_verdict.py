"""Sentences of a verdict, for differences of every kind."""

from dataclasses import replace

import pytest

from nlpseq.analysis.comparison.pairwise import Difference, ModelPair
from nlpseq.analysis.comparison.score_units import Unit
from nlpseq.analysis.comparison.verdict import format_p_value, round_estimate, verdict

F1 = Unit(True, 100, 0.5, "F1", "F1")
PERPLEXITY = Unit(False, 1, 0.5, "perplexity", "perplexity")
SHOWN = Difference(
    difference=0.012,
    low=0.005,
    high=0.019,
    p_value=0.002,
    corrected_p_value=0.002,
    bootstrap_p_value=0.001,
    randomization_p_value=0.001,
    sacrebleu_p_value=None,
    standard_error=0.003,
    cohens_dz=0.1,
    hedges_g=2.0,
    worth=0.005,
    examples_needed=500,
)
DOUBTFUL = replace(SHOWN, low=-0.004, corrected_p_value=0.21, examples_needed=5296)


def say(found: Difference, unit: Unit = F1, *, over_seeds: bool = True, pairs: int = 1) -> str:
    pair = ModelPair("LSTM", "GRU", over_seeds, {"score": found})
    count = 3 if over_seeds else 1
    return verdict(
        pair, "score", unit, seeds=[count, count], examples=1000, pairs=pairs, level=0.95
    )


def test_a_difference_that_is_shown() -> None:
    assert (
        say(SHOWN) == "LSTM is better than GRU by 1.2 F1 (95% CI 0.5 to 1.9, p = 0.002, 3 seeds)."
    )


def test_equal_predictions_give_no_estimate_of_power() -> None:
    """Power cannot be estimated without variance, as when both give every text the same label."""
    alike = replace(
        SHOWN, difference=0.0, low=0.0, high=0.0, corrected_p_value=1.0, examples_needed=0
    )
    assert say(alike) == (
        "No significant difference between LSTM and GRU: 0.0 F1 (95% CI 0.0 to 0.0, p = 1.00, "
        "3 seeds); their scores are equal on every resampled test set."
    )


def test_the_other_way_round() -> None:
    mirrored = replace(SHOWN, difference=-0.012, low=-0.019, high=-0.005)
    assert (
        say(mirrored)
        == "GRU is better than LSTM by 1.2 F1 (95% CI 0.5 to 1.9, p = 0.002, 3 seeds)."
    )


def test_lower_is_better() -> None:
    found = replace(SHOWN, difference=3.2, low=1.1, high=5.3)
    assert say(found, PERPLEXITY).startswith(
        "GRU is better than LSTM by 3.2 perplexity (95% CI 1.1 to 5.3"
    )


def test_a_score_without_a_better_direction() -> None:
    unit = Unit(None, 1, 0.5, "length ratio", "length ratio")
    assert say(SHOWN, unit).startswith("LSTM is higher than GRU by 0.012 length ratio")


def test_one_seed() -> None:
    said = say(SHOWN, over_seeds=False)
    assert said.startswith("Of these two trained models, LSTM is better")
    assert said.endswith("1 seed); models trained with other seeds may differ.")
    assert "these trained models of LSTM and GRU" in say(DOUBTFUL, over_seeds=False)


def test_no_difference_and_the_sample_size_that_would_show_one() -> None:
    assert say(DOUBTFUL) == (
        "No significant difference between LSTM and GRU: 1.2 F1 (95% CI -0.4 to 1.9, p = 0.21, 3 seeds); "
        "detecting 0.5 F1 needs about 4,300 more examples."
    )
    assert "needs more seeds" in say(replace(DOUBTFUL, examples_needed=None))
    assert "large enough to detect 0.5 F1" in say(replace(DOUBTFUL, examples_needed=900))


def test_the_correction_for_several_pairs_is_named() -> None:
    assert "p = 0.002 after Holm's correction for 3 pairs" in say(SHOWN, pairs=3)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0001, "p < 0.001"), (0.0124, "p = 0.012"), (0.4, "p = 0.40"), (1.0, "p = 1.00")],
)
def test_p_values(value: float, words: str) -> None:
    assert format_p_value(value) == words


def test_estimates_have_two_digits() -> None:
    assert [round_estimate(count) for count in (7, 99, 101, 4296, 123_456)] == [
        7,
        99,
        100,
        4300,
        120_000,
    ]
