"""Checks of a column of labels before a classifier learns from it."""

from collections.abc import Mapping

from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.wording import format_count

MOST_FRACTIONS = 20
"""Most different numbers that are classes if some of them are no whole numbers, such as ratings of half stars."""
MOST_NUMBERS = 100
"""Most different whole numbers that are classes whatever the number of rows."""


def check_classes(counts: Mapping[str, int], train: Split, column: str) -> None:
    """Check that labels of train are classes.

    Args:
        counts: examples of each label.
        train: the split.
        column: of the labels.

    Raises:
        UserError: there is one class only, or the labels are the values of a quantity.
    """
    total = sum(counts.values())
    if len(counts) < 2:
        raise UserError(
            f"{train.origin}: all {total} examples of train are of the class "
            f"{next(iter(counts))!r}: a classifier needs at least two"
        )
    if is_quantity(counts):
        raise UserError(
            f"{train.origin}: column {train.name_of(column)!r} of train holds {len(counts):,} different numbers "
            f"in {format_count(total, 'row')}, such as {', '.join(sorted(counts)[:3])}: a quantity, not classes; "
            'task = "regression" predicts a number (or data.labels maps numbers to classes)'
        )


def is_quantity(counts: Mapping[str, int]) -> bool:
    """Return whether labels are numbers of so many different values that they measure something."""
    try:
        values = [float(label) for label in counts]
    except ValueError:
        return False
    if any(not value.is_integer() for value in values):
        return len(values) > MOST_FRACTIONS
    return len(values) > MOST_NUMBERS and 2 * len(values) > sum(counts.values())
