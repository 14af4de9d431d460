"""What a comparison found, in plain words."""

import math
from collections.abc import Sequence

from .pairwise import Difference, Pair
from .score_units import Unit

SIGNIFICANCE = 0.05


def verdict(
    pair: Pair,
    score: str,
    unit: Unit,
    *,
    seeds: Sequence[int],
    examples: int,
    pairs: int,
    level: float,
) -> str:
    """One sentence on two models.

    Args:
        pair: how they differ.
        score: that decides.
        unit: how it is told.
        seeds: how many runs each of the two has.
        examples: of the test split.
        pairs: of models in the whole comparison, over which p was corrected.
        level: of the interval.
    """
    found = pair.scores[score]
    if found.corrected_p_value <= SIGNIFICANCE:
        return _shown(
            pair, found, unit, _evidence(found, unit, seeds, pairs, level, pair.over_seeds)
        )
    sure = _evidence(found, unit, seeds, pairs, level, pair.over_seeds, unsigned=False)
    gap = told(found.difference * unit.factor, found, unit)
    ends = "" if pair.over_seeds else "these trained models of "
    return (
        f"No difference can be shown between {ends}{pair.first} and {pair.second}: {gap} {unit.name} ({sure})"
        f"; {_further(found, unit, examples)}."
    )


def _shown(pair: Pair, found: Difference, unit: Unit, evidence: str) -> str:
    names = [pair.first, pair.second] if found.difference > 0 else [pair.second, pair.first]
    word = "higher" if unit.higher_is_better is None else "better"
    if unit.higher_is_better is False:
        names.reverse()
    gap = told(abs(found.difference) * unit.factor, found, unit)
    sentence = f"{names[0]} is {word} than {names[1]} by {gap} {unit.name} ({evidence})"
    if pair.over_seeds:
        return f"{sentence}."
    return (
        f"Of these two trained models, {sentence}; how others of their kind would do is not known."
    )


def _evidence(
    found: Difference,
    unit: Unit,
    seeds: Sequence[int],
    pairs: int,
    level: float,
    over_seeds: bool,
    *,
    unsigned: bool = True,
) -> str:
    """`95% CI 0.5 to 1.9, p = 0.002, 3 seeds`."""
    ends = [found.low * unit.factor, found.high * unit.factor]
    if unsigned and found.difference < 0:
        ends = [-ends[1], -ends[0]]
    low, high = (told(end, found, unit) for end in ends)
    counts = " and ".join(map(str, dict.fromkeys(seeds)))
    plural = "seed" if set(seeds) == {1} else "seeds"
    corrected = f" after Holm's correction for {pairs} pairs" if pairs > 1 else ""
    return f"{level:.0%} CI {low} to {high}, {p_words(found.corrected_p_value)}{corrected}, {counts} {plural}"


def _further(found: Difference, unit: Unit, examples: int) -> str:
    """What it would take to show a difference that is worth it."""
    worth = f"{found.worth * unit.factor:g}"
    if found.low == found.high:  # no spread to estimate anything by
        return "no example tells them apart"
    if found.examples_needed is None:
        return f"showing {worth} needs more seeds: with these, no number of examples would do"
    more = found.examples_needed - examples
    if more <= 0:
        return f"a difference of {worth} would probably have been seen (4 times of 5)"
    return f"showing {worth} would need about {rounded(more):,} more examples"


def rounded(count: int) -> int:
    """To two digits: it is an estimate."""
    digits = max(0, len(str(count)) - 2)
    return round(count, -digits)


def told(value: float, found: Difference, unit: Unit) -> str:
    """A difference with as many decimals as its interval has meaning for."""
    width = (found.high - found.low) * unit.factor
    decimals = 1 if not width or not math.isfinite(width) else 1 - math.floor(math.log10(width))
    text = f"{value:.{min(max(decimals, 1), 4)}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text  # no minus before 0.0


def p_words(p_value: float) -> str:
    """`p = 0.012`, `p < 0.001`."""
    return (
        "p < 0.001"
        if p_value < 0.001
        else f"p = {p_value:.3f}"
        if p_value < 0.1
        else f"p = {p_value:.2f}"
    )
