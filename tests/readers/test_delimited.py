"""CSV and TSV: delimiters, headers, quotation, and what is said when they are guessed."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.errors import UserError
from nlpseq.readers import LocalTable, ReadOptions, read_files

ROWS = [("the fir, old", "tree"), ('a "red"\nelm', "tree"), ("an iris; blue", "herb")]


def read(folder: Path, content: str | bytes, format: str = "csv", **options) -> LocalTable:
    data = content.encode() if isinstance(content, str) else content
    (folder / "t.csv").write_bytes(data)
    return read_files(folder, "t.csv", format, ReadOptions(**options))


def written(rows, delimiter: str = ",", end: str = "\r\n") -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=end).writerows(rows)
    return stream.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "bom"])
def test_any_delimiter_and_line_end(tmp_path, delimiter, end, mark) -> None:
    content = mark + written([("text", "label"), *ROWS], delimiter, end)
    content = content if end != "\r" else content.replace("\n", "\r")
    table = read(tmp_path, content)
    expected = [text.replace("\n", "\r") if end == "\r" else text for text, _ in ROWS]
    assert table.table.to_pydict() == {"text": expected, "label": [label for _, label in ROWS]}
    assert ("data.delimiter" in table.note) == (delimiter != ",")


FIELD = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)


@given(
    rows=st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    header=st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_any_fields_come_back(tmp_path_factory, rows, delimiter, header) -> None:
    folder = tmp_path_factory.mktemp("csv")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *rows] if header else rows)
    table = read(folder, stream.getvalue(), delimiter=delimiter, header=header).table
    names = ["a", "b", "c"] if header else ["1", "2", "3"]
    assert table.column_names == names
    assert list(zip(*table.to_pydict().values(), strict=True)) == rows


TSV_FIELD = st.text(st.characters(exclude_characters="\0\r\n\t", codec="utf-8"), max_size=12)


@given(rows=st.lists(st.tuples(TSV_FIELD, TSV_FIELD), min_size=1, max_size=8))
@settings(deadline=None, max_examples=50)
def test_any_lines_of_tsv_come_back(tmp_path_factory, rows) -> None:
    content = "".join(f"{a}\t{b}\n" for a, b in [("x", "y"), *rows])
    table = read(tmp_path_factory.mktemp("tsv"), content, "tsv", header=True).table
    assert list(zip(*table.to_pydict().values(), strict=True)) == rows


@pytest.mark.parametrize("name", ["tab", "\t"])
def test_a_delimiter_by_name(tmp_path, name) -> None:
    table = read(tmp_path, "text\tlabel\nan elm, old\ttree\n", delimiter=name)
    assert table.table.to_pydict() == {"text": ["an elm, old"], "label": ["tree"]}


def test_a_delimiter_that_occurs_once_is_text(tmp_path) -> None:
    table = read(tmp_path, "text\nan elm; old\na fir\nan iris\n").table
    assert table.to_pydict() == {"text": ["an elm; old", "a fir", "an iris"]}


def test_the_line_of_excel(tmp_path) -> None:
    table = read(tmp_path, "sep=;\r\ntext;label\r\nan elm, old;tree\r\n").table
    assert table.to_pydict() == {"text": ["an elm, old"], "label": ["tree"]}


# Headers


def test_columns_without_a_header_are_numbered(tmp_path) -> None:
    content = "an old elm in the park,tree\nan iris by the lake,herb\na fir,tree\n"
    table = read(tmp_path, content)
    assert table.table.column_names == ["1", "2"]
    assert len(table.table) == 3
    assert table.note == (
        "the first line was read as data, not as names of columns: they are 1 to 2 "
        "(data.header=true changes this)"
    )


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("text,label", True),
        ("Kommentar,Klasse", True),
        ("en,hau", True),
        ("text,2024", True),  # a column of a year, beside a known name
        ("a fir,tree", False),  # the label occurs again
        ("7,tree", False),
        (",tree", False),
        ("this elm stands in the park since 1900,old", False),
        ("an oak!,old", False),
    ],
)
def test_header_or_data(tmp_path, first, header) -> None:
    content = f"{first}\nan elm,tree\nan iris,herb\n"
    assert len(read(tmp_path, content).table) == (2 if header else 3)
    for told in (True, False):
        table = read(tmp_path, content, header=told)
        assert (len(table.table), table.note) == ((2 if told else 3), "")


def test_the_columns_of_the_task_decide_about_the_header(tmp_path) -> None:
    def rows(content: str, *named: str, further: tuple[str, ...] = ()) -> tuple[int, str]:
        table = read(tmp_path, content, columns=(*named, *further), named=named)
        return len(table.table), table.note

    assert rows("1,2\nan elm,tree\n", "1", "2") == (1, "")
    count, note = rows("an elm,tree\nan iris,herb\n", "1", "2")
    assert (count, "read as data" in note) == (2, True)
    count, note = rows("text,label\nan iris,herb\n", "1", "2")
    assert count == 1
    assert note == "the first line has names of columns (data.header=false changes this)"
    assert rows("great!,tree\nan elm,tree\n", "tree", further=("spans", "text2")) == (1, "")
    assert rows("great!,tree\nan elm,tree\n", further=("text", "tree")) == (1, "")
    assert rows("great!,tree\nan elm,tree\n", further=("text", "label"))[0] == 2


def test_columns_by_number_in_spite_of_a_header(tmp_path) -> None:
    table = read(tmp_path, "x,y,z\na,b,c\n", columns=("2", "-1"), header=True).table
    assert table.to_pydict() == {"x": ["a"], "2": ["b"], "-1": ["c"]}


def test_two_columns_of_one_name(tmp_path) -> None:
    content = "text,note,note\na,b,c\n"
    with pytest.raises(UserError, match=r"line 1: several columns are named 'note'.*FIELD=3"):
        read(tmp_path, content)
    assert read(tmp_path, content, columns=("text",)).table.to_pydict() == {
        "text": ["a"],
        "note": ["b"],
    }
    with pytest.raises(UserError, match="several columns are named 'note'"):
        read(tmp_path, content, columns=("note",))
    assert read(tmp_path, content, columns=("3",), header=True).table["3"].to_pylist() == ["c"]


def test_blanks_around_names(tmp_path) -> None:
    table = read(tmp_path, "text , label\na,b\n", columns=("text", "label")).table
    assert table.column_names == ["text", "label"]


# Faults


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('text,label\n"a\nb",1\nc\n', "line 4: 1 fields, the first line names 2 columns"),
        ("a fir,tree\nb,tree\nc,tree,d\n", "line 3: 3 fields, the first line has 2 columns"),
        ('text,label\na,1\n"b,2\nc,3\n', "line 3: unexpected end of data.*data.format=tsv"),
        ('text,label\n"a" b,1\n', "line 2: ',' expected after '\"'"),
        ("text,label\n", "holds no example"),
        ("\n \n", "the file is empty"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path, content, message) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


def test_a_quotation_mark_that_is_never_closed_is_noticed(tmp_path) -> None:
    lines = "".join(f"text {n},tree\n" for n in range(150))
    note = read(tmp_path, f'text,label\n"a\n{lines}",herb\nb,tree\n').note
    assert note == "the record in line 2 has 152 lines: is a quotation mark not closed?"


def test_tsv_keeps_quotation_marks_and_says_so(tmp_path) -> None:
    content = 'text\tlabel\n"an ""old"" elm"\ttree\n"a fir"\ttree\n'
    table = read(tmp_path, content, "tsv")
    assert table.table["text"].to_pylist() == ['"an ""old"" elm"', '"a fir"']
    assert "data.format=csv data.delimiter=tab removes them" in table.note


def test_a_text_of_ten_million_characters(tmp_path) -> None:
    text = "elm " * 2_500_000
    assert read(tmp_path, f"text,label\n{text},tree\n").table["text"].to_pylist() == [text]


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_headers_within_files_that_were_joined(tmp_path, format, delimiter) -> None:
    lines = ["text,label", "the fir,tree", "text,herb", "text,label", "an iris,herb", "text,label"]
    content = "\n".join(lines).replace(",", delimiter)
    table = read(tmp_path, content, format)
    assert table.table["label"].to_pylist() == ["tree", "herb", "herb"]
    assert "2 lines that repeat the header left out" in table.note
    assert len(read(tmp_path, "text\na\ntext\n").table) == 2
