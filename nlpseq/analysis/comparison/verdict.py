"""Verdicts: one sentence about each pair of models."""

import math
from collections.abc import Sequence

from .pairwise import Difference, ModelPair
from .score_units import Unit

SIGNIFICANCE = 0.05


def verdict(
    pair: ModelPair,
    score: str,
    unit: Unit,
    *,
    seeds: Sequence[int],
    examples: int,
    pairs: int,
    level: float,
) -> str:
    """Return one sentence about two models.

    Args:
        pair: how they differ.
        score: that decides.
        unit: of the score.
        seeds: number of runs of each of the two.
        examples: number of examples in the split.
        pairs: number of pairs in the comparison, for which p is corrected.
        level: of the interval.
    """
    result = pair.scores[score]
    shown = result.corrected_p_value <= SIGNIFICANCE
    evidence = _evidence(result, unit, seeds, pairs, level, unsigned=shown)
    if shown:
        return _better(pair, result, unit, evidence)
    gap = format_difference(result.difference * unit.factor, result, unit)
    which = "" if pair.over_seeds else "these trained models of "
    return (
        f"No significant difference between {which}{pair.first} and {pair.second}: {gap} {unit.name} "
        f"({evidence}); {_outlook(result, unit, examples)}."
    )


def _better(pair: ModelPair, result: Difference, unit: Unit, evidence: str) -> str:
    names = [pair.first, pair.second] if result.difference > 0 else [pair.second, pair.first]
    word = "higher" if unit.higher_is_better is None else "better"
    if unit.higher_is_better is False:
        names.reverse()
    gap = format_difference(abs(result.difference) * unit.factor, result, unit)
    sentence = f"{names[0]} is {word} than {names[1]} by {gap} {unit.name} ({evidence})"
    if pair.over_seeds:
        return f"{sentence}."
    return f"Of these two trained models, {sentence}; models trained with other seeds may differ."


def _evidence(
    result: Difference,
    unit: Unit,
    seeds: Sequence[int],
    pairs: int,
    level: float,
    *,
    unsigned: bool,
) -> str:
    """Return `95% CI 0.5 to 1.9, p = 0.002, 3 seeds`."""
    ends = [result.low * unit.factor, result.high * unit.factor]
    if unsigned and result.difference < 0:
        ends = [-ends[1], -ends[0]]
    low, high = (format_difference(end, result, unit) for end in ends)
    counts = " and ".join(map(str, dict.fromkeys(seeds)))
    plural = "seed" if set(seeds) == {1} else "seeds"
    corrected = f" after Holm's correction for {pairs} pairs" if pairs > 1 else ""
    p_value = format_p_value(result.corrected_p_value)
    return f"{level:.0%} CI {low} to {high}, {p_value}{corrected}, {counts} {plural}"


def _outlook(result: Difference, unit: Unit, examples: int) -> str:
    """Say how many examples would show the smallest difference of interest."""
    worth = f"{result.worth * unit.factor:g} {unit.name}"
    if result.low == result.high:  # no spread to estimate anything by
        return "their scores are equal on every resampled test set"
    if result.examples_needed is None:
        return f"detecting {worth} needs more seeds; more examples would not be enough"
    more = result.examples_needed - examples
    if more <= 0:
        return f"the test set is large enough to detect {worth} (power 80%)"
    return f"detecting {worth} needs about {round_estimate(more):,} more examples"


def round_estimate(count: int) -> int:
    """Round to two digits, as it is an estimate."""
    digits = max(0, len(str(count)) - 2)
    return round(count, -digits)


def format_difference(value: float, result: Difference, unit: Unit) -> str:
    """Return a difference with the decimals that the width of its interval supports."""
    width = (result.high - result.low) * unit.factor
    decimals = 1 if not width or not math.isfinite(width) else 1 - math.floor(math.log10(width))
    text = f"{value:.{min(max(decimals, 1), 4)}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text  # no minus before 0.0


def format_p_value(p_value: float) -> str:
    """Return `p = 0.012` or `p < 0.001`."""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.3f}" if p_value < 0.1 else f"p = {p_value:.2f}"
