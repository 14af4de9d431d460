"""Pairs of texts that `nlpseq predict` reads, for a model that reads two texts at once.

On the command line texts come in twos. A line of a file or of standard input is two texts with a tab between them,
or a JSON object with both; all lines are of the kind of the first.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence

from nlpseq.errors import UserError
from nlpseq.safe_text import show

FIELDS = ("text", "text2")
Pair = tuple[str, str]


def pairs_of_words(words: Sequence[str]) -> Iterator[Pair]:
    """Return pairs of consecutive texts.

    Raises:
        UserError: the number of texts is odd.
    """
    if len(words) % 2:
        raise UserError(
            f"the model reads pairs, so texts come in twos: TEXT TEXT2; there are {len(words)}"
        )
    return iter(list(zip(words[::2], words[1::2], strict=True)))


def pairs_of_lines(lines: Iterator[str], name: str, columns: Sequence[str]) -> Iterator[Pair]:
    """Yield a pair for each line; a first line that names the columns is left out, with a note.

    Args:
        lines: of a file, without line ends.
        name: of the file, for messages.
        columns: names of both texts in the training data; `text` and `text2` are understood too.

    Raises:
        UserError: a line is no pair; it is named by its number.
    """
    headers = ["\t".join(names) for names in (columns, FIELDS)]
    as_json = False
    for number, line in enumerate(lines, 1):
        if number == 1:
            as_json = line.startswith("{")
            if line in headers:
                show(f"{name}: its first line names the columns, so it is no pair", file=sys.stderr)
                continue
        where = f"{name}, line {number}"
        yield _from_json(line, where, columns) if as_json else _from_tabs(line, where)


def _from_tabs(line: str, where: str) -> Pair:
    texts = line.split("\t")
    if len(texts) != 2:
        count = "one text" if len(texts) == 1 else f"{len(texts)} texts"
        raise UserError(
            f"{where}: {count}; the model reads pairs: two texts with one tab between them, or JSON lines "
            'with "text" and "text2"'
        )
    return texts[0], texts[1]


def _from_json(line: str, where: str, columns: Sequence[str]) -> Pair:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UserError(f"{where}: not JSON, as the first line is: {error}") from error
    if not isinstance(record, dict):
        raise UserError(f"{where}: not a JSON object with both texts")
    first, second = (_text(record, keys, where) for keys in zip(columns, FIELDS, strict=True))
    return first, second


def _text(record: Mapping[str, object], keys: Sequence[str], where: str) -> str:
    for key in keys:
        if key in record:
            value = record[key]
            if not isinstance(value, str):
                raise UserError(f"{where}: {key!r} is {value!r:.60}, not a text")
            return value
    raise UserError(f"{where}: no {keys[0]!r}; it has {', '.join(record) or 'nothing'}")
