"""Columns that stay beside predictions."""

from datetime import date
from typing import Any

import pytest
from datasets import Dataset

from nlpseq.data.kept_columns import is_id, kept_columns, kept_values
from nlpseq.data.split import Split
from nlpseq.errors import UserError

ROWS: dict[str, list[Any]] = {
    "text": ["one two", "three"],
    "label": ["a", "b"],
    "ticket_id": ["T1", "T2"],
    "priority": [3, 1],
    "rating": [float("nan"), 2.5],
    "day": [date(2020, 2, 1), date(2020, 2, 2)],
    "target": ["x", "y"],
    "notes": [["p", "q"], []],
}


def split(**names: str) -> Split:
    return Split("test", Dataset.from_dict(ROWS), "here", names=names)


def values(*wanted: str, **names: str) -> list[dict[str, Any]]:
    part = split(**names)
    return [*kept_values(part, kept_columns(part, ["text"], wanted), [0, 1])]


@pytest.mark.parametrize(
    "name", ["id", "ID", "idx", "guid", "uid", "uuid", "ticket_id", "doc-id", "sentId", "meta.id"]
)
def test_names_of_ids(name: str) -> None:
    assert is_id(name)


@pytest.mark.parametrize("name", ["valid", "paid", "grid", "text", "identity", "Madrid", "id_card"])
def test_other_names(name: str) -> None:
    assert not is_id(name)


def test_texts_and_ids_are_kept() -> None:
    assert values() == [
        {"text": "one two", "ticket_id": "T1"},
        {"text": "three", "ticket_id": "T2"},
    ]


def test_wanted_columns_are_kept_as_json() -> None:
    first, _ = values("priority", "rating", "day")

    assert first == {
        "text": "one two",
        "ticket_id": "T1",
        "priority": 3,
        "rating": None,
        "day": "2020-02-01",
    }


def test_all_scalars_replace_no_key_of_a_record() -> None:
    first, _ = values("*")

    assert first["data.target"] == "x"
    assert "target" not in first
    assert "notes" not in first


def test_a_field_is_known_by_the_name_that_the_data_have() -> None:
    first, _ = values("category", label="category")

    assert first["category"] == "a"


def test_examples_in_any_order_and_twice() -> None:
    part = split()
    kept = kept_values(part, kept_columns(part, ["text"]), [1, 0, 1])

    assert [row["ticket_id"] for row in kept] == ["T2", "T1", "T2"]


@pytest.mark.parametrize(
    ("wanted", "message"), [("priorty", "no column 'priorty'"), ("notes", "holds lists")]
)
def test_a_column_that_cannot_be_kept(wanted: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        kept_columns(split(), ["text"], [wanted])
