"""Options that name the files and columns of the user's data, for `nlpseq train` and `nlpseq data`."""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from nlpseq.errors import UserError

_ASSIGNMENT = re.compile(r"[a-z_]+(\.[\w.]+)?=.*", re.DOTALL)
_COLUMNS = {
    "text": "the text; several, joined: title,body",
    "text2": "the second text of a pair, beside --text and --label",
    "label": "the class of a text",
    "labels": "lists of labels, or columns of 0 and 1: toxic,insult",
    "number": "a number to predict (regression)",
    "tags": "the tag of each token",
    "spans": 'spans by offset in the text: [[0, 4, "PER"], ...]',
    "source": "the text to translate or to summarize",
    "target": "its translation or summary",
}


def add_data_and_columns(parser: ArgumentParser) -> None:
    """Add DATA, files of other splits, and an option for each field."""
    parser.add_argument(
        "data",
        nargs="*",
        default=[],
        metavar="DATA",
        help="file, folder with files of train, dev and test, two files of parallel text, or the id of a "
        "data set of the Hub; then key=value: changes to the recipe, such as training.epochs=3 or "
        "data.delimiter=;",
    )
    parser.set_defaults(words="data")
    for name in ("validation", "test"):
        parser.add_argument(f"--{name}", metavar="FILE", help=f"file of the {name} split")
    group = parser.add_argument_group("columns, by name or, without a header, by number")
    for name, text in _COLUMNS.items():
        group.add_argument(f"--{name}", metavar="COLUMN", help=text)


def columns_given(arguments: Namespace) -> dict[str, str]:
    """Return the column of each field that the user names."""
    return {
        name: value for name in _COLUMNS if (value := getattr(arguments, name)) not in (None, "")
    }


def splits_given(arguments: Namespace) -> dict[str, str]:
    """Return the files of other splits."""
    return {name: value for name in ("validation", "test") if (value := getattr(arguments, name))}


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the paths and the `key=value` assignments among the words of a command.

    Raises:
        UserError: there is no path.
    """
    paths = [word for word in words if not _ASSIGNMENT.fullmatch(word) or Path(word).exists()]
    if not paths:
        raise UserError("name the data, for instance `tickets.csv`; see `nlpseq train --help`")
    return paths, [word for word in words if word not in paths]
