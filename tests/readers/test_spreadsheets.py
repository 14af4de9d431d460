from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from nlpseq.errors import UserError
from nlpseq.readers import ReadOptions, read_files
from nlpseq.readers.detect import detect
from nlpseq.readers.row_stream import open_rows


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    plants = book.active
    plants.title = "plants"
    for row in [("text", "year"), ("an elm", 1900.0), (None, None), ("an iris", 2.5)]:
        plants.append(row)
    book.create_sheet("notes")
    book.save(tmp_path / "t.xlsx")
    return tmp_path


def test_the_first_sheet(sheet) -> None:
    read = read_files(sheet, "t.xlsx", "xlsx")
    assert read.table.to_pydict() == {"text": ["an elm", "an iris"], "year": ["1900", "2.5"]}
    assert read.note == "the first of 2 sheets, 'plants'"
    assert detect(sheet / "t.xlsx").columns == ("text", "year")
    assert detect(sheet / "t.xlsx", header=False).columns == ("1", "2")
    numbered = read_files(sheet, "t.xlsx", "xlsx", ReadOptions(header=False)).table
    assert numbered["1"].to_pylist() == ["text", "an elm", "an iris"]


def test_without_the_engine(monkeypatch, tmp_path) -> None:
    def fail(file: Path) -> None:
        raise ImportError("Missing optional dependency 'openpyxl'")

    monkeypatch.setattr(pd, "ExcelFile", fail)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"openpyxl \(pip install.*save it as CSV UTF-8"):
        read_files(tmp_path, "t.xlsx", "xlsx")


def test_old_spreadsheets(tmp_path) -> None:
    (tmp_path / "t.xls").write_bytes(b"\xd0\xcf\x11\xe0 more")
    for format in ("xlsx", "auto"):
        with pytest.raises(UserError, match=r"old Excel; save it as \.xlsx or CSV UTF-8"):
            read_files(tmp_path, "t.xls", format)


def test_a_spreadsheet_that_a_spreadsheet_program_could_have_written(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    rows = [["text", "stars", "seen"], ['an elm, "tall"\nand old', 4, True], [None, None, None]]
    rows += [["une \u00e9toile \U0001f31f", 2.5, False], ["NA", None, None]]
    for row in rows:
        sheet.append(row)
    book.create_sheet("notes").append(["nothing"])
    book.save(tmp_path / "real.xlsx")
    detected = detect(tmp_path / "real.xlsx")
    assert (detected.format, detected.columns) == ("xlsx", ("text", "stars", "seen"))
    read = read_files(tmp_path, "real.xlsx", "auto").table.to_pydict()
    assert read["text"] == ['an elm, "tall"\nand old', "une \u00e9toile \U0001f31f", "NA"]
    assert read["stars"] == ["4", "2.5", ""]
    stream = open_rows(tmp_path / "real.xlsx")
    assert [row["text"] for _, row in stream.read()] == read["text"]
