"""Texts with spans in the forms of annotation tools: each comes back as it was written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.errors import UserError
from nlpseq.readers import read_files
from nlpseq.readers.detect import detect
from nlpseq.readers.span_forms import as_span_column, as_spans

Row = tuple[str, list[tuple[int, int, str]]]


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def studio(key: str) -> Callable[[list[Row]], str]:
    def write(rows: list[Row]) -> str:
        tasks = []
        for text, spans in rows:
            result = [
                {
                    "value": {"start": b, "end": e, "text": text[b:e], "labels": [label]},
                    "type": "labels",
                }
                for b, e, label in spans
            ]
            skipped = {"was_cancelled": True, "result": []}
            tasks.append({"id": 7, "data": {"text": text}, key: [skipped, {"result": result}]})
        return json.dumps(tasks)

    return write


FORMS: dict[str, Callable[[list[Row]], str]] = {
    "doccano": lambda rows: lines([{"text": text, "label": spans} for text, spans in rows]),
    "doccano entities": lambda rows: lines(
        [
            {
                "text": text,
                "entities": [
                    {"id": 1, "start_offset": b, "end_offset": e, "label": label}
                    for b, e, label in spans
                ],
                "relations": [],
            }
            for text, spans in rows
        ]
    ),
    "entities": lambda rows: lines([{"text": text, "entities": spans} for text, spans in rows]),
    "prodigy": lambda rows: lines(
        [
            {
                "text": text,
                "tokens": [{"text": "a", "id": 0}],
                "spans": [{"start": b, "end": e, "label": label} for b, e, label in spans],
            }
            for text, spans in rows
        ]
    ),
    "spacy": lambda rows: json.dumps([[text, {"entities": spans}] for text, spans in rows]),
    "spacy lines": lambda rows: lines([[text, {"entities": spans}] for text, spans in rows]),
    "spacy annotator": lambda rows: json.dumps(
        {
            "classes": ["A"],
            "annotations": [None, *([text, {"entities": spans}] for text, spans in rows)],
        }
    ),
    "spacy doc": lambda rows: json.dumps(
        [
            {
                "text": text,
                "ents": [{"start": b, "end": e, "label": label} for b, e, label in spans],
                "sents": [],
            }
            for text, spans in rows
        ]
    ),
    "label studio": studio("annotations"),
    "label studio, older": studio("completions"),
    "label studio, min": lambda rows: json.dumps(
        [
            {
                "text": text,
                "annotator": 1,
                **(
                    {
                        "label": [
                            {"start": b, "end": e, "text": text[b:e], "labels": [label]}
                            for b, e, label in spans
                        ]
                    }
                    if spans
                    else {}
                ),
            }
            for text, spans in rows
        ]
    ),
}


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    drawn = []
    for text in draw(
        st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=3)
    ):
        pairs = draw(
            st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=3)
        )
        label = st.sampled_from(["A", "B-C", "名"])
        drawn.append((text, [(min(pair), max(pair), draw(label)) for pair in pairs]))
    return drawn


@pytest.mark.parametrize("form", FORMS)
@given(data=rows())
@settings(deadline=None, max_examples=30)
def test_every_form_comes_back(form: str, data: list[Row], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("spans")
    (folder / "a.json").write_text(FORMS[form](data), encoding="utf-8")
    table = read_files(folder, "a.json", "spans").table
    found = [
        (text, [(span["start"], span["end"], span["label"]) for span in spans])
        for text, spans in zip(
            table.column("text").to_pylist(), table.column("spans").to_pylist(), strict=True
        )
    ]
    assert found == data


DATA: list[Row] = [("Ann met Bob", [(0, 3, "PER"), (8, 11, "PER")]), ("nobody", [])]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_detected_and_read_without_a_format(form: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(FORMS[form](DATA), encoding="utf-8")
    found = detect(tmp_path / "a.json").format
    special = form.startswith("spacy") and form != "spacy doc"
    expected = special or form in ("label studio", "label studio, older")
    assert (found == "spans") == expected
    table = read_files(tmp_path, "a.json", "auto").table
    assert table.column("text").to_pylist() == [text for text, _ in DATA]
    column = next(
        name for name in ("spans", "entities", "label", "ents") if name in table.column_names
    )
    spans = as_spans(table.column(column)[0].as_py())
    assert spans is not None
    assert [span["label"] for span in spans] == ["PER", "PER"]


def test_single_values_of_other_columns_are_kept(tmp_path: Path) -> None:
    row = {"id": 5, "text": "a", "label": [[0, 1, "X"]], "meta": {"a": 1}, "by": "me"}
    (tmp_path / "a.jsonl").write_text(lines([row, {**row, "id": 6}]))
    table = read_files(tmp_path, "a.jsonl", "spans").table
    assert set(table.column_names) == {"text", "spans", "line", "id", "by"}
    assert table.column("line").to_pylist() == [1, 2]
    assert table.column("id").to_pylist() == [5, 6]


def test_tasks_without_annotation_and_with_several_are_counted(tmp_path: Path) -> None:
    annotation = {"result": [{"value": {"start": 0, "end": 1, "labels": ["X"]}}]}
    tasks = [
        {"data": {"text": "ab"}, "annotations": []},
        {"data": {"text": "cd"}, "annotations": [annotation, {"result": []}]},
    ]
    (tmp_path / "a.json").write_text(json.dumps(tasks))
    found = read_files(tmp_path, "a.json", "spans")
    assert found.table.column("text").to_pylist() == ["cd"]
    assert "1 tasks without an annotation left out" in found.note
    assert "1 tasks with several annotations" in found.note


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '{"text": "a", "label": []}\n{"txt": "b"}',
            "a.json, line 2: there is no 'text', only txt",
        ),
        ('{"text": "a", "label": []}\n{"text": 5}', "line 2: there is no 'text'"),
        ('{"text": "a"}', "line 1: there is no list of spans"),
        ('[["a", {"entities": [[0, 1]]}]]', "item 1: .* is no list of spans"),
        ('[["a", {"entities": [[0, 1, "X"], [0, "b", "X"]]}]]', "item 1: .* no whole numbers"),
        ('[["a", {"entities": [[0, 1, null]]}]]', "item 1: .* has no label"),
        ('{"text": "a", "label": []}\n{"text": ', "line 2: not JSON"),
        ("hello", "not JSON"),
        ('[{"paragraphs": []}]', "item 1: the JSON of spaCy 2"),
        ('[{"data": {"a": "x", "b": "y"}, "annotations": [{"result": []}]}]', "no text in 'data'"),
        ("[]", "no text with spans"),
        ("5", "neither a JSON array nor"),
    ],
)
def test_what_is_no_span_is_named_with_its_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=said):
        read_files(tmp_path, "a.json", "spans")


@pytest.mark.parametrize("value", ["PER", 5, [1, 2], ["a"], [["a", "b", "c"]], {"a": 1}, "[x"])
def test_cells_without_spans(value: Any) -> None:
    assert as_spans(value) is None
    assert as_span_column([value, None]) == [value, None]


def test_columns_of_triples_become_records() -> None:
    column = as_span_column([[], None, [[0, 3, "A"]]])
    assert column == [[], None, [{"start": 0, "end": 3, "label": "A"}]]
    assert as_spans({"start": [0], "end": [3], "label": ["A"]}) == column[2]
