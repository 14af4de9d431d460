"""Corrections for several comparisons at once: by chance alone, one of twenty looks significant."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Apply Holm's correction (1979): rejecting below a, the chance of any false rejection is at most a.

    The smallest of m values is multiplied by m, the next by m - 1 and so on; none becomes smaller than the one
    before it, and none exceeds 1.

    Returns:
        The corrected values, in the order of the given ones.
    """
    count, least = len(p_values), 0.0
    corrected = [0.0] * count
    for rank, index in enumerate(sorted(range(count), key=p_values.__getitem__)):
        least = max(least, min(1.0, (count - rank) * p_values[index]))
        corrected[index] = least
    return corrected
