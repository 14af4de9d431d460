"""Columns of numbers and of several labels, as the tasks read them, so that a report counts what they learn."""

from collections.abc import Mapping

from nlpseq.data.columns import SEVERAL_LABELS
from nlpseq.data.label_lists import AUTO, read_label_lists
from nlpseq.data.number_column import NUMBER, read_numbers, with_column
from nlpseq.data.split import Split
from nlpseq.errors import UserError


def readable_values(
    splits: Mapping[str, Split], columns: Mapping[str, str], separator: str = AUTO
) -> dict[str, Split]:
    """Return splits with texts of such columns read: `3,5` as a number, `price;service` as labels.

    Columns that cannot be read stay as they are; the task says why when it loads them.

    Args:
        splits: by name.
        columns: column for each field.
        separator: between the labels of a text.
    """
    read = dict(splits)
    for field in (NUMBER, SEVERAL_LABELS):
        column = columns.get(field)
        own = {
            name: split
            for name, split in splits.items()
            if column is not None and _holds_texts(split, column)
        }
        if not own or column is None:
            continue
        try:
            if field == NUMBER:
                numbers, _ = read_numbers(own, column)
                found = {n: with_column(own[n], column, numbers[n], "float64") for n in numbers}
            else:
                lists, _ = read_label_lists(own, column, separator=separator)
                found = {
                    name: with_column(own[name], column, lists[name], "list") for name in lists
                }
        except UserError:
            continue
        read |= found
    return read


def _holds_texts(split: Split, column: str) -> bool:
    feature = split.rows.features.get(column)
    return getattr(feature, "dtype", None) in ("string", "large_string")
