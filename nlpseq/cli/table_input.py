"""Files with columns that `nlpseq predict` reads: which column holds the texts, and every row with what else it has."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.cli.text_input import TableRow, TextOrPair
from nlpseq.errors import UserError, suggest
from nlpseq.files import is_utf8
from nlpseq.readers import READERS
from nlpseq.readers.reader import AUTO, ReadOptions
from nlpseq.readers.row_stream import Row, RowStream, format_by_suffix, open_rows

if TYPE_CHECKING:
    import pyarrow as pa

LINES = "lines"
SAMPLE = 1000
"""Rows from which the column of texts is guessed."""
_JOINED_BY = " "  # as `data.columns` joins columns to one field
Side = tuple[str, ...]
"""Columns that are joined to one text."""


def is_table(file: Path | None, format: str | None, columns: Sequence[str]) -> bool:
    """Return whether a file is read by columns: the user says so, or its ending does."""
    if file is None or format == LINES:
        return False
    return bool(format or columns or format_by_suffix(file))


def open_table(
    file: Path, format: str | None, columns: Sequence[str], options: Mapping[str, Any]
) -> RowStream:
    """Open a file with columns.

    Raises:
        UserError: it cannot be read in its format.
    """
    named = tuple(part for name in columns for part in [name, *_parts(name)])
    settled = ReadOptions(**options, columns=named, named=tuple(columns))
    return open_rows(file, format or AUTO, settled)


def as_options(note: str) -> str:
    """Write the keys of a recipe in a note of a reader as options of `predict`."""
    note = re.sub(r"data\.format\b=?", "--file-format ", note)
    note = re.sub(r"data\.(encoding|delimiter|header)\b=?", r"--\1 ", note)
    return note.replace(" changes", "changes").replace("changes", " changes").replace("  ", " ")


@dataclass(frozen=True)
class Table:
    """The rows of a file with the text of each.

    Attributes:
        stream: the file.
        sides: columns of the text, or of each text of a pair.
        columns: all columns of the file, known after `check`.
        as_tokens: the texts are lists of tokens.
    """

    stream: RowStream
    sides: tuple[Side, ...]
    columns: tuple[str, ...] = ()
    as_tokens: bool = False

    @property
    def shows_text(self) -> bool:
        """Return whether each text is the value of one column."""
        return not self.as_tokens and all(len(side) == 1 for side in self.sides)

    def schema(self) -> "pa.Schema | None":
        """Return the types of the columns, of JSON lines by reading all of them; None for text.

        Raises:
            UserError: a column of JSON lines mixes types.
        """
        if self.stream.format != "jsonl":
            return self.stream.schema
        table = READERS["jsonl"].read(self.stream.file).columns
        return None if isinstance(table, dict) else table.schema

    def rows(self) -> Iterator[TableRow]:
        """Yield the rows in the order of the file.

        Raises:
            UserError: a row has no text; it is named.
        """
        names = self._names()
        for number, row in self.stream.read():
            where = self.stream.where(number)
            texts = [_text_of(row, side, where) for side in self.sides]
            text: TextOrPair = (texts[0], texts[1]) if len(texts) == 2 else texts[0]
            columns = {names[name]: value for name, value in row.items()} if names else row
            yield TableRow(text, columns, where)

    def _names(self) -> dict[str, str]:
        """Return names of columns if there is no header: `text`, `text2` for those of the texts, else numbers."""
        if self.stream.header:
            return {}
        names = {name: name for name in self.stream.columns}
        for side, name in zip(self.sides, ("text", "text2"), strict=False):
            names |= {side[0]: name} if len(side) == 1 else {}
        return names

    def check(self) -> "Table":
        """Read the whole file once and return the table with all its columns; nothing is predicted yet.

        Raises:
            UserError: there is no row, or a row has no text, or one of another kind than the first.
        """
        names = dict.fromkeys([*self._names().values()] or self.stream.columns)
        kind: type | None = None
        for row in self.rows():
            for text in row.text if isinstance(row.text, tuple) else (row.text,):
                kind = kind or type(text)
                if type(text) is not kind:
                    raise UserError(
                        f"{row.where}: {_KINDS[type(text)]}, but {_KINDS[kind]} in rows before it"
                    )
            if self.stream.format == "jsonl":
                names.update(dict.fromkeys(row.columns))
        if kind is None:
            raise UserError(f"{self.stream.file}: there is no row in it")
        return Table(self.stream, self.sides, tuple(names), kind is list)


_KINDS: dict[type, str] = {str: "a text", list: "a list of tokens"}


def choose_sides(
    stream: RowStream, given: Sequence[str], wanted: Sequence[str] = ()
) -> tuple[Side, ...]:
    """Return the columns of the texts: those that the user names, or those that leave no doubt.

    Args:
        stream: the file.
        given: values of `--column`.
        wanted: columns of the model's training data, if it names them; two for a model of pairs.

    Raises:
        UserError: a column is not there, or there is a doubt which to take.
    """
    if given:
        return tuple(_named(name, stream) for name in given)
    rows = [row for _, row in islice(stream.read(), SAMPLE)]
    names = tuple(dict.fromkeys([*stream.columns, *(name for row in rows for name in row)]))
    if len(wanted) == 2:
        pairs = [tuple(wanted), ("text", "text2"), names]
        chosen = next((pair for pair in pairs if len(pair) == 2 and {*pair} <= {*names}), None)
        if chosen is not None:
            return (chosen[0],), (chosen[1],)
        raise UserError(
            f"{stream.file}: the model reads pairs; name both columns, --column FIRST --column SECOND; "
            f"the file has {_described(names, rows)}"
        )
    usual = next((name for name in (*wanted, "text") if name in names), "")
    if name := usual or _likely(names, rows):
        return ((name,),)
    raise UserError(
        f"{stream.file}: name the column of the texts with --column; the file has {_described(names, rows)}"
    )


def _parts(name: str) -> list[str]:
    return [part.strip() for part in name.split(",")] if "," in name else []


def _named(name: str, stream: RowStream) -> Side:
    """Return the columns that a value of `--column` names: one, or several with commas between them."""
    known = stream.columns
    parts = [name] if name in known or not _parts(name) else _parts(name)
    return tuple(_settle(part, stream) for part in parts)


def _settle(name: str, stream: RowStream) -> str:
    """Return the name of a column that is given by its name, by a path into objects, or by its number."""
    known = stream.columns
    if name in known or name.partition(".")[0] in known:
        return name
    if (
        re.fullmatch("-?[1-9][0-9]{0,3}", name)
        and abs(int(name)) <= len(known)
        and stream.delimiter
    ):
        return known[int(name) - 1 if int(name) > 0 else int(name)]
    if stream.format == "jsonl" and any(name in row for _, row in islice(stream.read(), SAMPLE)):
        return name
    hint = suggest(name, known)
    raise UserError(
        f"--column {name}: {stream.file} has no such column{hint.rstrip('?.')}; it has {', '.join(known)}"
    )


def _likely(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the one column whose values are texts, or else lists of tokens; '' if there is a doubt."""
    if len(names) == 1:
        return names[0]
    from nlpseq.data.column_kinds import column_of  # late: not for lines

    kinds = {name: column_of(name, [row.get(name) for row in rows]) for name in names}
    texts = [name for name, column in kinds.items() if column.kind == "text"]
    tokens = [name for name in names if _holds_tokens([row.get(name) for row in rows])]
    strings = [
        name
        for name, column in kinds.items()
        if column.kind in ("label", "constant") and not column.numeric
    ]
    for candidates in (texts, tokens, strings):
        if candidates:
            return (
                candidates[0]
                if len(candidates) == 1 and not (candidates is texts and tokens)
                else ""
            )
    return ""


def _holds_tokens(values: Sequence[Any]) -> bool:
    return all(
        isinstance(value, list) and all(isinstance(item, str) for item in value) for value in values
    )


def _described(names: Sequence[str], rows: Sequence[Row]) -> str:
    from nlpseq.data.column_kinds import column_of

    return ", ".join(column_of(name, [row.get(name) for row in rows]).describe() for name in names)


def _text_of(row: Row, side: Side, where: str) -> str | list[str]:
    """Return the text of a row: a string, or a list of tokens.

    Raises:
        UserError: it is missing, or neither.
    """
    values = [_value(row, name, where) for name in side]
    for name, value in zip(side, values, strict=True):
        if (
            isinstance(value, list)
            and all(isinstance(token, str) for token in value)
            and len(side) == 1
        ):
            parts = value
        elif isinstance(value, str):
            parts = [value]
        else:
            advice = "; fill or drop rows without a text first" if value is None else ""
            raise UserError(f"{where}: column {name!r} is {_shown(value)}, not a text{advice}")
        if not all(map(is_utf8, parts)):
            raise UserError(f"{where}: column {name!r} is not valid Unicode")
    return values[0] if len(values) == 1 else _JOINED_BY.join(values)


def _shown(value: object) -> str:
    return "null" if value is None else f"{value!r:.60}"


def _value(row: Row, name: str, where: str) -> Any:
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise UserError(f"{where}: no column {name!r}; it has {', '.join(row) or 'nothing'}")
        value = value[part]
    return value
