"""Rows that are copied are those that `Dataset.select` gives."""

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data import row_selection
from nlpseq.data.row_selection import select_rows
from nlpseq.data.split import Split
from nlpseq.readers import tables


def chunked(sizes: list[int]) -> Dataset:
    kinds = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
    tables = [
        pa.table(
            {
                "text": [f"elm {size} {n}" for n in range(size)],
                "label": [n % 2 for n in range(size)],
            }
        )
        for size in sizes
    ]
    return Dataset(
        pa.concat_tables([t.cast(kinds.arrow_schema) for t in tables]).cast(kinds.arrow_schema)
    )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5).filter(any), st.data())
@settings(deadline=None, max_examples=60)
def test_selected_rows_keep_order_columns_and_content(
    sizes: list[int], data: st.DataObject
) -> None:
    rows = chunked(sizes)
    numbers = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    chosen = select_rows(rows, list(numbers))
    expected = rows.select(sorted(numbers))
    assert chosen.to_list() == expected.to_list()
    assert chosen.features == rows.features
    assert (
        Split("train", chosen, "here").fingerprint == Split("train", expected, "here").fingerprint
    )


def test_a_selection_of_a_selection() -> None:
    rows = chunked([4, 3]).select([6, 0, 2])
    assert select_rows(rows, [2, 0])["text"][:] == ["elm 3 2", "elm 4 2"]


def test_rows_on_disk_stay_there_if_they_are_many(tmp_path, monkeypatch) -> None:
    chunked([4, 3]).save_to_disk(tmp_path)
    rows = Dataset.load_from_disk(tmp_path)
    assert not select_rows(rows, [1, 5]).cache_files
    monkeypatch.setattr(row_selection, "MOST_COPIED", 10)
    mapped = select_rows(rows, [1, 5])
    assert mapped.cache_files
    assert mapped["text"][:] == ["elm 4 1", "elm 3 1"]


def test_a_row_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="rows 1 to 9 of 7"):
        select_rows(chunked([4, 3]), [1, 9])


def test_a_large_selection_goes_to_disk(tmp_path, monkeypatch) -> None:
    rows = chunked([40, 30])
    expected = [row for number, row in enumerate(rows.to_list()) if number % 3]
    monkeypatch.setattr(tables, "IN_MEMORY", 100)
    monkeypatch.setattr(tables, "_scratch", lambda: tmp_path)
    before = pa.total_allocated_bytes()
    chosen = select_rows(rows, [number for number in range(70) if number % 3])
    assert pa.total_allocated_bytes() - before < 1000
    assert chosen.to_list() == expected
    assert not list(tmp_path.iterdir())  # the file has no name
