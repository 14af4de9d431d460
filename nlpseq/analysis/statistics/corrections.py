"""Several comparisons at once: one of twenty would look real by chance alone."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): whoever rejects below a errs anywhere in the family with at most a.

    The smallest of m values is multiplied by m, the next by m - 1 and so on; none gets smaller than one
    before it, none exceeds 1.

    Returns:
        The corrected values, in the order of the given ones.
    """
    count, least = len(p_values), 0.0
    corrected = [0.0] * count
    for rank, place in enumerate(sorted(range(count), key=p_values.__getitem__)):
        least = max(least, min(1.0, (count - rank) * p_values[place]))
        corrected[place] = least
    return corrected
