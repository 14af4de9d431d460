"""Input of `nlpseq predict`: texts from the command line, lines, or the rows of a file with columns.

Files are opened before the model is loaded, so that their errors are reported at once.
"""

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from nlpseq.cli.pair_input import pairs_of_lines, pairs_of_words
from nlpseq.cli.spooled_input import as_given, spool, spool_file
from nlpseq.cli.table_input import LINES, Table, as_options, choose_sides, is_table, open_table
from nlpseq.cli.text_input import Item, read_texts
from nlpseq.errors import UserError
from nlpseq.predictor import ColumnReader, Predictor
from nlpseq.readers.dialect import is_number, name_of_delimiter
from nlpseq.readers.reader import AUTO
from nlpseq.readers.row_stream import RowStream, format_by_suffix
from nlpseq.readers.token_stream import gather_rows
from nlpseq.reporting.prediction_records import CSV, TABLES, TSV, RecordLayout
from nlpseq.safe_text import show
from nlpseq.stored_files import read_object, reading

STANDARD_INPUT = "standard input"
READ_AHEAD = 100
"""Lines that are read before a model is loaded."""
_READ_OPTIONS = ("delimiter", "header", "encoding")
_TEXT_FIELDS = ("tokens", "source", "text")
_TABLE_OPTIONS = ("column", "file_format", *_READ_OPTIONS)


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
        wanted = (
            predictor.text_columns
            if isinstance(predictor, ColumnReader)
            else _named_column(Path(arguments.run))
        )
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
    if file is None and not arguments.texts and _names_columns(arguments):
        file = _spool_standard_input()
    if arguments.texts or not is_table(file, arguments.file_format, arguments.column):
        _check_no_table_options(arguments)
        unread = read_texts(arguments.texts, file, sys.stdin)
        first = list(islice(unread, READ_AHEAD))
        return OpenedInput(lines=chain(first, unread))
    arguments.file = spool_file(file)
    stream = _open_stream(arguments)
    if not arguments.column:
        return OpenedInput(stream=stream)
    _say(stream)
    table = Table(stream, choose_sides(stream, arguments.column))
    return OpenedInput(stream=stream, table=_checked(table))


def _names_columns(arguments: Namespace) -> bool:
    """Return whether standard input has columns: the user names one, or a format that has."""
    return bool(arguments.column) or arguments.file_format not in (None, LINES)


def _spool_standard_input() -> Path:
    """Copy standard input to a file, as rows are read twice.

    Raises:
        UserError: it is the terminal, or closed.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("no text: name a --file, or pipe its rows in")
    return spool(sys.stdin.buffer, STANDARD_INPUT)


def _checked(table: Table) -> Table:
    """Read the file once, and say which lines have no row: predictions have none for them either.

    Raises:
        UserError: a row has no text.
    """
    checked, skipped = table.check(), table.stream.skipped
    if skipped:
        which = f"empty {'line' if len(skipped) == 1 else 'lines'} skipped"
        show(
            f"{table.stream.file}: {len(skipped):,} {which} (the first is line {skipped[0]}); the output has no row "
            "for them",
            file=sys.stderr,
        )
    return checked


def _open_stream(arguments: Namespace, **changes: Any) -> RowStream:
    given = {name: getattr(arguments, name) for name in _READ_OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    learnt = _options_of_run(arguments, given)
    if learnt and not changes:
        said = ", ".join(f"--{name} {_written(value)}" for name, value in learnt.items())
        _print_note(f"{arguments.file}: read with {said}, as the data of the run")
    options = learnt | given | changes
    stream = open_table(arguments.file, arguments.file_format, arguments.column, options)
    sentence = _data_section(Path(arguments.run)).get("sentence_id")
    return gather_rows(stream, str(sentence)) if sentence else stream


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else name_of_delimiter(str(value))


def _data_section(run: Path) -> dict[str, Any]:
    """Return the `data` section of a model in a local folder; {} if there is none, which loading reports."""
    from nlpseq.model_directory import CONFIG

    try:
        section = read_object(run, CONFIG)["recipe"]["data"]
    except (OSError, UserError, LookupError, TypeError):
        return {}
    return section if isinstance(section, dict) else {}


def _named_column(run: Path) -> tuple[str, ...]:
    """Return the column from which a model in a local folder had its texts, if its recipe names one."""
    columns = _data_section(run).get("columns")
    named = columns if isinstance(columns, dict) else {}
    column = next((named[field] for field in _TEXT_FIELDS if field in named), None)
    return (column,) if isinstance(column, str) else ()


def _options_of_run(arguments: Namespace, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with which a run in a local folder read its own files, if those have the format of the file.

    Those in `given` are left out, and `header = false` if a column is named.
    """
    with reading(f"{arguments.run}/config.json: recipe.data"):
        return _settled_options(_data_section(Path(arguments.run)), arguments, given)


def _settled_options(
    data: Mapping[str, Any], arguments: Namespace, given: Mapping[str, Any]
) -> dict[str, Any]:
    named = dict(data.get("files") or {})
    train = str(named.get("train", next(iter(named.values()), "")))
    read_as = data.get("format", AUTO)
    read_as = format_by_suffix(Path(train)) if read_as == AUTO else read_as
    if not read_as or read_as != (arguments.file_format or format_by_suffix(arguments.file)):
        return {}
    options = {name: data[name] for name in _READ_OPTIONS if data.get(name, AUTO) != AUTO}
    if not all(is_number(name) for name in arguments.column) and options.get("header") is False:
        del options["header"]
    return {name: value for name, value in options.items() if name not in given}


def _say(stream: RowStream) -> None:
    """Print what was assumed of a file."""
    for note in stream.notes:
        _print_note(f"{stream.file}: {as_options(note)}")


def _print_note(note: str) -> None:
    show(as_given(note), file=sys.stderr)


def source_name(arguments: Namespace) -> str:
    """Return the name of the input for messages."""
    return str(arguments.file or STANDARD_INPUT)


def _check_no_table_options(arguments: Namespace) -> None:
    given = [name for name in _TABLE_OPTIONS if getattr(arguments, name) not in (None, [])]
    if given == ["file_format"] and arguments.file is not None and not arguments.texts:
        return  # lines
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UserError(
            f"{options}: only for a --file with columns, or standard input with --column or --file-format"
        )


def _choose(stream: RowStream, arguments: Namespace, wanted: tuple[str, ...]) -> Table:
    """Return the table with the columns that leave no doubt, and say which."""
    known = {*wanted, "text", "text2"} & {*stream.columns}
    if len(wanted) == 2 and stream.header and arguments.header is None and not known:
        stream = _open_stream(arguments, header=False)
        _print_note(
            f"{stream.file}: each line is a pair, the first one too (--header true changes this)"
        )
    _say(stream)
    table = Table(stream, choose_sides(stream, (), wanted))
    names = " and ".join(f"{side[0]!r}" for side in table.sides)
    what = "columns" if len(table.sides) > 1 else "column"
    _print_note(f"{stream.file}: {stream.format}, {what} {names} (--column changes this)")
    return _checked(table)


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
