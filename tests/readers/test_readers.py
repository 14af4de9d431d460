import gzip
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from nlpseq.data.sources import load_splits
from nlpseq.errors import UserError
from nlpseq.readers import READERS, FileContent, Reader, read_files, register
from nlpseq.readers.local_files import read_lines
from nlpseq.recipe import DataConfig, Recipe, validate

# Parameters are part of the test names, which must be equal in all processes: no clock, no random seed.
DAMAGED = gzip.compress(random.Random(1).randbytes(500), mtime=0)[:300] + b"x" * 300


def rows(folder: Path, format: str, content: str, name: str = "train.txt") -> dict[str, list]:
    (folder / name).write_bytes(content.encode())
    return read_files(folder, name, format).table.to_pydict()


# Formats


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("a b\nc\n", ["a b", "c"]),
        ("a b\nc", ["a b", "c"]),
        ("a\n\n\nb\n", ["a", "", "", "b"]),
        ("a\n\n", ["a", ""]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("\ufeffa\n", ["a"]),
        ("a\u2028b\x0bc\x85d\n e \n", ["a\u2028b\x0bc\x85d", " e "]),
    ],
)
def test_lines(tmp_path, content, texts) -> None:
    assert rows(tmp_path, "lines", content) == {"text": texts}


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8")), min_size=1)
)
@settings(deadline=None, max_examples=50)
def test_any_lines_come_back(tmp_path_factory, lines) -> None:
    if not "".join(lines).strip() or lines[0].startswith("\ufeff"):
        return
    folder = tmp_path_factory.mktemp("lines")
    assert rows(folder, "lines", "\n".join(lines) + "\n") == {"text": lines}


def test_a_whole_file_is_one_text(tmp_path) -> None:
    assert rows(tmp_path, "text", "a\n\n b\r\nc\n") == {"text": ["a\n\n b\r\nc\n"]}


def test_label_text(tmp_path) -> None:
    assert rows(tmp_path, "label_text", "1 good , really\n0  two\n") == {
        "label": ["1", "0"],
        "text": ["good , really", " two"],
    }


def test_conll(tmp_path) -> None:
    mark, first, second = (
        "-DOCSTART- -X- O O\n",
        "Rome NNP I-NP I-LOC\nwon VBD I-VP O\n",
        "It PRP I-NP O",
    )
    content = f"{mark}\n{first}\n\n{mark}\n{second}"
    assert rows(tmp_path, "conll", content) == {
        "tokens": [["Rome", "won"], ["It"]],
        "tags": [["I-LOC", "O"], ["O"]],
        "line": [3, 9],
    }
    assert read_files(tmp_path, "train.txt", "conll").note == "2 -DOCSTART- lines skipped"
    assert rows(tmp_path, "conll", "a\tO\nb\tB-X\n")["tags"] == [["O", "B-X"]]


def test_trees(tmp_path) -> None:
    content = "(3 (2 It) (4 (2 really) (3 works)))\n(1 bad)\n"
    assert rows(tmp_path, "trees", content) == {
        "label": ["3", "1"],
        "text": ["It really works", "bad"],
        "phrase_labels": [["3", "2", "4", "2", "3"], ["1"]],
        "phrases": [["It really works", "It", "really works", "really", "works"], ["bad"]],
    }


def test_csv_and_tsv(tmp_path) -> None:
    content = 'text,label\n"a, ""b""\nc",1\nNA,02\n'
    assert rows(tmp_path, "csv", content) == {"text": ['a, "b"\nc', "NA"], "label": ["1", "02"]}
    content = 'sentence\tlabel\n"open quote\t1\nb \t0\n'
    assert rows(tmp_path, "tsv", content) == {
        "sentence": ['"open quote', "b "],
        "label": ["1", "0"],
    }
    assert len(rows(tmp_path, "csv", "text\n" + "x" * 200_000 + "\n")["text"][0]) == 200_000


def test_jsonl(tmp_path) -> None:
    content = '{"body": "a\\nb", "id": 1}\n\n{"body": "c", "notes": ["x"]}\n'
    assert rows(tmp_path, "jsonl", content) == {
        "body": ["a\nb", "c"],
        "id": [1, None],
        "notes": [None, ["x"]],
    }


def test_parquet(tmp_path) -> None:
    parquet.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), tmp_path / "train.parquet")
    table = read_files(tmp_path, "train.parquet", "parquet").table
    assert table.to_pydict() == {"text": ["a", "b"], "label": [0, 1]}


def test_parallel(tmp_path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train.en.gz").write_bytes(gzip.compress(b"a cat\n\nit\n"))
    (tmp_path / "train.de").write_text("eine Katze\nleer\nes\n")
    content = read_files(tmp_path, "train.en, train.de", "parallel")
    assert content.table.to_pydict() == {
        "source": ["a cat", "", "it"],
        "target": ["eine Katze", "leer", "es"],
    }
    assert content.origin == f"{tmp_path / 'raw' / 'train.en.gz'}, {tmp_path / 'train.de'}"


# Bad files


@pytest.mark.parametrize(
    ("format", "content", "message"),
    [
        ("label_text", b"1 a\n\n", "line 2: not `label text`"),
        ("label_text", b"1 a\n0\n", "line 2: not `label text`"),
        ("conll", b"a O\n\nb X O\n", "line 3: 3 columns, 2 were expected"),
        ("conll", b"a O\nb\n", "line 2: 1 column, 2 were expected"),
        ("conll", b"-DOCSTART- O\n\n", "holds no example"),
        ("trees", b"(1 a)\n(2 (1 b)\n", "line 2: not a labelled tree"),
        ("trees", b"(1 a) (2 b)\n", "line 1: not a labelled tree"),
        ("trees", b"(1 (2 a) ())\n", "line 1: not a labelled tree"),
        ("trees", b"(1)\n", "line 1: not a labelled tree"),
        ("trees", b"(1 a))\n", "line 1: not a labelled tree"),
        ("csv", b"text,label\na,1\nb\n", "line 3: 1 fields, the first line names 2 columns"),
        ("csv", b'text\n"a\n', "line 2: unexpected end of data"),
        ("tsv", b"text\tlabel\na\t1\t2\n", "line 2: 3 fields"),
        ("csv", b"text,label\n", "holds no example"),
        ("jsonl", b'{"a": 1}\n{"a"\n', "line 2: not JSON"),
        ("jsonl", b'{"a": 1}\n[1]\n', "line 2: not a JSON object"),
        ("jsonl", b'{"a": 1}\n{"a": "x"}\n', "column a mixes types of values"),
        ("parquet", b"PAR1 nonsense", "not a Parquet file"),
        ("lines", b"", "the file is empty"),
        ("lines", b" \n\n", "the file is empty"),
        ("lines", b"a\nb\0c\n", "line 2: a NUL byte"),
        ("lines", b"a\nb\nna\xefve\n", "line 3: not UTF-8.*iconv"),
        ("lines", "ab\n".encode("utf-16-be"), "line 1: a NUL byte.*data.encoding=utf-16-be"),
        ("lines", gzip.compress(b"a\n" * 5000, mtime=0)[:-10], "damaged or cut short"),
        ("lines", DAMAGED, "damaged or cut short"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, format, content, message) -> None:
    (tmp_path / "train.txt").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_files(tmp_path, "train.txt", format)
    assert "\n" not in str(caught.value)
    assert format == "parallel" or str(tmp_path / "train.txt") in str(caught.value)


@pytest.mark.parametrize("content", [b"", DAMAGED], ids=["empty", "damaged"])
@pytest.mark.parametrize("name", READERS)
def test_every_reader_refuses_empty_and_damaged_files(tmp_path, name, content) -> None:
    (tmp_path / "train.txt").write_bytes(content)
    files = "train.txt,train.txt" if READERS[name].several else "train.txt"
    with pytest.raises(UserError, match=r"train\.txt") as caught:
        read_files(tmp_path, files, name)
    assert "\n" not in str(caught.value)


def test_sides_of_unequal_length(tmp_path) -> None:
    (tmp_path / "a").write_text("1\n2\n3\n")
    (tmp_path / "b").write_text("1\n2\n")
    with pytest.raises(UserError, match="has 3 lines.*has 2: they are not parallel"):
        read_files(tmp_path, "a,b", "parallel")


def test_a_suffix_suggests_its_format(tmp_path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(
        UserError, match=r"read with data\.format=trees, try jsonl for \.jsonl files$"
    ):
        read_files(tmp_path, "train.jsonl", "trees")
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(UserError, match="line 1: not JSON: [^;]*$"):
        read_files(tmp_path, "bad.jsonl", "jsonl")


# The table


def test_a_recipe_takes_its_formats_from_the_table() -> None:
    for name in READERS:
        assert DataConfig(format=name, formats={"test": name}).format == name
    document = {"task": "tagging", "data": {"format": "jsonls"}}
    with pytest.raises(UserError, match=r"data\.format = 'jsonls': choose lines, .*mean 'jsonl'"):
        validate(Recipe, document, "recipe x")


def test_every_reader_is_described() -> None:
    for name, reader in READERS.items():
        assert reader.name == name
        assert reader.description
        assert reader.columns
        assert all(suffix.startswith(".") for suffix in reader.suffixes)


def test_a_new_reader_is_one_entry(tmp_path) -> None:
    def read_numbered(file: Path) -> FileContent:
        lines = [line.partition(". ")[2] for line in read_lines(file)]
        return FileContent({"text": lines}, "numbers removed")

    reader = Reader("numbered", read_numbered, "a line `1. text`", "text", (".list",))
    register(reader)
    try:
        (tmp_path / "train.list").write_text("1. a b\n2. c\n")
        document = {
            "task": "language_modeling",
            "data": {
                "format": "numbered",
                "files": {"train": "train.list"},
                "hold_out": {"validation": 0},
            },
        }
        config = validate(Recipe, document, "recipe x").data
        split = load_splits(config, data_dir=tmp_path, fields=["text"])["train"]
        assert list(split.texts("text")) == ["a b", "c"]
        assert split.note == "numbers removed"
        with pytest.raises(ValueError, match="a reader called 'numbered' already"):
            register(replace(reader, suffixes=()))
    finally:
        del READERS["numbered"]


def test_nan_is_null_in_json_lines(tmp_path: Path) -> None:
    content = '{"text": "fir", "label": NaN}\n{"text": "oak", "label": "tree"}\n'
    assert rows(tmp_path, "jsonl", content)["label"] == [None, "tree"]
    assert rows(tmp_path, "jsonl", '{"x": -Infinity}\n')["x"] == [float("-inf")]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 1: several columns are named 'text'"):
        rows(tmp_path, "csv", "text,text,label\nfir,oak,tree\n")


def test_the_page_on_own_data_has_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "own_data.md"
    lines = page.read_text(encoding="utf-8").split("\n")
    begin = lines.index("| `data.format` | a row is | columns |") + 2
    rows_ = [f"| `{r.name}` | {r.description} | {r.columns} |" for r in READERS.values()]
    assert lines[begin : begin + len(rows_)] == rows_
