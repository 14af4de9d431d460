"""Input of `nlpseq predict`: texts from the command line, lines, or the rows of a file with columns.

Files are opened before the model is loaded, so that their errors are reported at once.
"""

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from nlpseq.cli.pair_input import pairs_of_lines, pairs_of_words
from nlpseq.cli.table_input import Table, as_options, choose_sides, is_table, open_table
from nlpseq.cli.text_input import Item, read_texts
from nlpseq.errors import UserError
from nlpseq.predictor import ColumnReader, Predictor
from nlpseq.readers.row_stream import RowStream
from nlpseq.reporting.prediction_records import CSV, TABLES, TSV, RecordLayout

READ_AHEAD = 100
"""Lines that are read before a model is loaded."""
_TABLE_OPTIONS = ("column", "file_format", "delimiter", "header", "encoding")


@dataclass(frozen=True)
class PredictInput:
    """The items to predict.

    Attributes:
        items: texts, pairs, or rows of `table`.
        table: the file with columns, if there is one.
    """

    items: Iterator[Item]
    table: Table | None = None

    @property
    def as_tokens(self) -> bool:
        """Return whether the texts are lists of tokens."""
        return self.table is not None and self.table.as_tokens

    def layout(self, arguments: Namespace, format: str | None) -> RecordLayout:
        """Return the columns of the predictions in a format."""
        table = self.table
        has_columns = table is not None or format in TABLES
        probabilities = arguments.probabilities
        details: dict[str, Any] = {
            "tokens": arguments.tokens or bool(arguments.explain),
            "probabilities": not has_columns if probabilities is None else probabilities,
        }
        if table is None:
            return RecordLayout(delimiter="\t" if format == TSV else ",", **details)
        stream = table.stream
        delimiter = "\t" if format == TSV else ","
        if format == CSV and stream.format == CSV and stream.delimiter != "\t":
            delimiter = stream.delimiter
        quoted = stream.quoted or delimiter != stream.delimiter
        return RecordLayout(
            table.columns, table.shows_text, delimiter=delimiter, quoted=quoted, **details
        )


@dataclass(frozen=True)
class OpenedInput:
    """Input that has been opened, and read as far as the model is not needed."""

    lines: Iterator[str] | None = None
    stream: RowStream | None = None
    table: Table | None = None

    def read(self, arguments: Namespace, predictor: Predictor[Any]) -> PredictInput:
        """Return the items as the model reads them: texts, or pairs of texts.

        Raises:
            UserError: they are not what the model reads; there is a doubt which column has the texts.
        """
        wanted = predictor.text_columns if isinstance(predictor, ColumnReader) else ()
        if self.stream is not None:
            table = self.table or _choose(self.stream, arguments, wanted)
            _check_sides(table, predictor, len(wanted) == 2)
            return PredictInput(table.rows(), table)
        assert self.lines is not None
        if len(wanted) < 2:
            return PredictInput(self.lines)
        if arguments.texts:
            return PredictInput(iter([*pairs_of_words(list(self.lines))]))
        return PredictInput(iter(pairs_of_lines(self.lines, source_name(arguments), wanted)))


def open_input(arguments: Namespace) -> OpenedInput:
    """Open the input, and read what can be read without the model.

    Raises:
        UserError: nothing or too much is given, or a file cannot be read.
    """
    file = arguments.file
    if arguments.texts or not is_table(file, arguments.file_format, arguments.column):
        _check_no_table_options(arguments)
        unread = read_texts(arguments.texts, file, sys.stdin)
        first = list(islice(unread, READ_AHEAD))
        return OpenedInput(lines=chain(first, unread))
    stream = _open_stream(arguments)
    if not arguments.column:
        return OpenedInput(stream=stream)
    _say(stream)
    table = Table(stream, choose_sides(stream, arguments.column))
    return OpenedInput(stream=stream, table=table.check())


def _open_stream(arguments: Namespace, **changes: Any) -> RowStream:
    given = {name: getattr(arguments, name) for name in ("delimiter", "header", "encoding")}
    options = {name: value for name, value in (given | changes).items() if value is not None}
    return open_table(arguments.file, arguments.file_format, arguments.column, options)


def _say(stream: RowStream) -> None:
    """Print what was assumed of a file."""
    for note in stream.notes:
        print(f"{stream.file}: {as_options(note)}", file=sys.stderr)


def source_name(arguments: Namespace) -> str:
    """Return the name of the input for messages."""
    return str(arguments.file or "standard input")


def _check_no_table_options(arguments: Namespace) -> None:
    given = [name for name in _TABLE_OPTIONS if getattr(arguments, name) not in (None, [])]
    if given == ["file_format"] and arguments.file is not None and not arguments.texts:
        return  # lines
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UserError(f"{options}: only for a --file with columns")


def _choose(stream: RowStream, arguments: Namespace, wanted: tuple[str, ...]) -> Table:
    """Return the table with the columns that leave no doubt, and say which."""
    known = {*wanted, "text", "text2"} & {*stream.columns}
    if len(wanted) == 2 and stream.header and arguments.header is None and not known:
        stream = _open_stream(arguments, header=False)
        print(
            f"{stream.file}: each line is a pair, the first one too (--header true changes this)",
            file=sys.stderr,
        )
    _say(stream)
    table = Table(stream, choose_sides(stream, (), wanted))
    names = " and ".join(f"{side[0]!r}" for side in table.sides)
    what = "columns" if len(table.sides) > 1 else "column"
    print(
        f"{stream.file}: {stream.format}, {what} {names} (--column changes this)", file=sys.stderr
    )
    return table.check()


def _check_sides(table: Table, predictor: Predictor[Any], paired: bool) -> None:
    """Check that there are as many columns as the model reads texts."""
    count = len(table.sides)
    if count == 1 + paired:
        return
    if paired:
        raise UserError(
            f"--column: the model reads pairs, so it is given twice, once for each text, not {count} times"
        )
    joined = ",".join(side[0] for side in table.sides)
    raise UserError(
        f"--column is given {count} times, and a {predictor.name} reads one text: name one column, or several "
        f"that are joined: --column {joined}"
    )
