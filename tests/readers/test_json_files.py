import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.errors import UserError
from nlpseq.readers import LocalTable, ReadOptions, read_files

ROWS = [{"text": "an elm", "label": "tree"}, {"text": "an iris", "label": "herb"}]


def read(folder: Path, content: str, format: str = "json", **options) -> LocalTable:
    (folder / "t.json").write_text(content, encoding="utf-8")
    return read_files(folder, "t.json", format, ReadOptions(**options))


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"data": ROWS},
        {"version": 2, "data": ROWS, "more": [{"a": 1}]},
        {"version": 2, "examples": ROWS},
        {"text": ["an elm", "an iris"], "label": ["tree", "herb"]},
        {"text": {"0": "an elm", "1": "an iris"}, "label": {"0": "tree", "1": "herb"}},
    ],
    ids=["list", "data", "data of several", "only list", "columns", "pandas"],
)
def test_documents(tmp_path, document, indent) -> None:
    table = read(tmp_path, json.dumps(document, indent=indent))
    assert table.table.to_pylist() == ROWS


def test_json_lines_under_either_name(tmp_path) -> None:
    content = "\n".join(map(json.dumps, ROWS))
    assert read(tmp_path, content).table.to_pylist() == ROWS
    assert read(tmp_path, content, "jsonl").table.to_pylist() == ROWS


VALUE = st.none() | st.booleans() | st.text(st.characters(codec="utf-8"), max_size=8)


@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1), flag=VALUE)
@settings(deadline=None, max_examples=60)
def test_any_texts_come_back(tmp_path_factory, texts, flag) -> None:
    rows = [{"text": text, "more": {"flag": flag, "words": text.split(" ")}} for text in texts]
    folder = tmp_path_factory.mktemp("json")
    assert read(folder, json.dumps(rows)).table.to_pylist() == rows
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    assert read(folder, lines, "jsonl").table.to_pylist() == rows


@pytest.mark.parametrize(
    ("content", "format", "message"),
    [
        ('[{"a": 1},\n {"a" 2}]', "json", "line 2: not JSON"),
        ('[{"a": 1}, 2]', "json", "row 2: not a JSON object: '2'"),
        ("3\n", "json", "neither a list of objects nor an object"),
        ('{"a": [1, 2], "b": [1]}', "json", "neither columns of equal length.*its keys are a, b"),
        ("[]", "json", "holds no example"),
        ('[{"a": 1}]', "jsonl", "line 1: not a JSON object.*data.format=json"),
        ("[\n", "jsonl", "line 1: not JSON.*data.format=json"),
        ('{"a": 1}\n{"a": 2}\n{"a": "x"}\n', "jsonl", "int in line 1 and str in line 3"),
    ],
)
def test_faults(tmp_path, content, format, message) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content, format)


def test_columns_that_nobody_reads_may_hold_anything(tmp_path) -> None:
    rows = [{"text": "a", "x": 1, "y": {"z": [1]}}, {"text": "b", "x": "two", "y": [2**70]}]
    content = "\n".join(map(json.dumps, rows))
    table = read(tmp_path, content, "jsonl", columns=("text",))
    assert table.table.to_pydict() == {"text": ["a", "b"]}
    assert table.note == "columns left out, since their types differ by row: x, y"
    with pytest.raises(UserError, match="column x mixes types of values: int in line 1 and str"):
        read(tmp_path, content, "jsonl", columns=("text", "x"))
