"""Spreadsheets, read by pandas where it and its engine are installed."""

from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.readers.delimited import Record, collect
from nlpseq.readers.dialect import RECORDS, settle_header
from nlpseq.readers.reader import FileContent, Reader, ReadOptions

_DEFAULTS = ReadOptions()
OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def read_xlsx(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read the first sheet of a spreadsheet; every value is text, as in CSV."""
    records, note = first_sheet(file)
    header, assumed = settle_header([fields for _, fields in records[:RECORDS]], options)
    return collect(file, records, header, options, [note, assumed])


def first_sheet(file: Path) -> tuple[list[Record], str]:
    """Return the rows of the first sheet that are not empty, and a note if there are more sheets.

    Raises:
        UserError: pandas or its engine is missing, or the file is damaged or empty.
    """
    try:
        sheet, note = _read_sheet(file)
    except ImportError as error:
        raise UserError(
            f"{file}: a spreadsheet, which pandas reads with openpyxl (pip install pandas openpyxl); or save "
            "it as CSV UTF-8 and set data.format=csv"
        ) from error
    records: list[Record] = [
        (number, [_to_text(value) for value in row])
        for number, row in enumerate(sheet, start=1)
        if any(map(_to_text, row))
    ]
    if not records:
        raise UserError(f"{file}: the file holds no example")
    return records, note


def _read_sheet(file: Path) -> tuple[list[tuple[Any, ...]], str]:
    import pandas as pd  # optional

    if not file.is_file() or not file.stat().st_size:
        raise UserError(f"{file}: the file is empty")
    with file.open("rb") as stream:
        if stream.read(4) == OLD_EXCEL:
            raise UserError(f"{file}: a spreadsheet of old Excel; save it as .xlsx or CSV UTF-8")
    try:
        with pd.ExcelFile(file) as book:
            names = [str(name) for name in book.sheet_names]
            options = {"header": None, "dtype": object, "keep_default_na": False}  # `NA` is a text
            frame = pd.read_excel(book, sheet_name=names[0], **options)
    except ImportError:
        raise
    except Exception as error:  # of pandas, openpyxl and zipfile, without a common base class
        raise UserError(f"{file}: not a spreadsheet, or damaged: {error}") from error
    note = f"the first of {len(names)} sheets, {names[0]!r}" if len(names) > 1 else ""
    return list(frame.itertuples(index=False, name=None)), note


def _to_text(value: Any) -> str:
    """Return a cell as text; whole numbers have no decimals, and empty cells are empty."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


READERS = (
    Reader(
        "xlsx",
        read_xlsx,
        "a row of the first sheet of a spreadsheet; needs pandas and openpyxl",
        "its own or 1, 2, ...; all of them text",
        (".xlsx", ".xlsm"),
        options=("header", "columns"),
    ),
)
