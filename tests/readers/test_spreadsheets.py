import zipfile
from pathlib import Path

import pandas as pd
import pytest

from nlpseq.errors import UserError
from nlpseq.readers import ReadOptions, read_files
from nlpseq.readers.detect import detect


@pytest.fixture
def sheet(monkeypatch, tmp_path) -> Path:
    """Give pandas a spreadsheet, since openpyxl is optional."""

    class Book:
        sheet_names = ("plants", "notes")

        def __init__(self, file: Path) -> None:
            self.file = file

        def __enter__(self) -> "Book":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def parse(self, name: str, header: None, dtype: type) -> pd.DataFrame:
            rows = [("text", "year"), ("an elm", 1900.0), (None, None), ("an iris", 2.5)]
            return pd.DataFrame(rows, dtype=object)

    monkeypatch.setattr(pd, "ExcelFile", Book)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    return tmp_path


def test_the_first_sheet(sheet) -> None:
    read = read_files(sheet, "t.xlsx", "xlsx")
    assert read.table.to_pydict() == {"text": ["an elm", "an iris"], "year": ["1900", "2.5"]}
    assert read.note == "the first of 2 sheets, 'plants'"
    with zipfile.ZipFile(sheet / "t.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
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
