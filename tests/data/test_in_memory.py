"""Data in memory of every kind become the same splits."""

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nlpseq.data import stream_cache
from nlpseq.data.in_memory import read_in_memory
from nlpseq.errors import UserError

TEXTS = ["tea is hot", "ice is cold", "fire is hot"]
LABELS = ["hot", "cold", "hot"]
COLUMNS = {"text": TEXTS, "label": LABELS}
ROWS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
TABLES = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas object": lambda: pd.DataFrame(COLUMNS, dtype=object),
    "pandas category": lambda: pd.DataFrame(COLUMNS).astype("category"),
    "pandas pyarrow": lambda: pd.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "pandas index": lambda: pd.DataFrame(COLUMNS, index=pd.Index([7, 8, 9], name="id")),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars enum": lambda: pl.DataFrame(
        COLUMNS, schema={"text": pl.Categorical, "label": pl.Enum(["cold", "hot"])}
    ),
    "polars lazy": lambda: pl.DataFrame(COLUMNS).lazy(),
    "Dataset": lambda: datasets.Dataset.from_dict(COLUMNS),
    "Dataset numpy": lambda: datasets.Dataset.from_dict(COLUMNS).with_format("numpy"),
    "IterableDataset": lambda: datasets.Dataset.from_dict(COLUMNS).to_iterable_dataset(),
    "generator": lambda: iter(ROWS),
    "pyarrow": lambda: pa.table(COLUMNS),
    "pyarrow dictionary": lambda: pa.table(
        {name: pa.array(values).dictionary_encode() for name, values in COLUMNS.items()}
    ),
    "pyarrow view": lambda: pa.table(
        {name: pa.array(values, pa.string_view()) for name, values in COLUMNS.items()}
    ),
    "pyarrow batch": lambda: pa.RecordBatch.from_pydict(COLUMNS),
    "pyarrow reader": lambda: pa.table(COLUMNS).to_reader(),
    "list of dicts": lambda: ROWS,
    "dict of lists": lambda: COLUMNS,
    "dict of arrays": lambda: {"text": np.array(TEXTS), "label": pd.Series(LABELS)},
    "dict of others": lambda: {"text": pl.Series(TEXTS), "label": pa.array(LABELS)},
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_any_kind_is_the_train_split(kind: str) -> None:
    data = read_in_memory(TABLES[kind]())
    assert data.single
    assert list(data.splits) == ["train"]
    split = data.splits["train"]
    assert split.rows.column_names == ["text", "label"]
    assert list(split.texts("text")) == TEXTS
    assert split.labels("label") == LABELS
    assert not data.unreadable
    plain = read_in_memory(COLUMNS)
    assert data.fingerprints == plain.fingerprints


@pytest.mark.parametrize("kind", TABLES)
def test_splits_of_any_kind(kind: str) -> None:
    data = read_in_memory({"train": TABLES[kind](), "dev": ROWS[:1], "test": ROWS[1:]})
    assert not data.single
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 3,
        "validation": 1,
        "test": 2,
    }
    assert data.splits["validation"].name == "validation"
    assert "called dev in the data" in data.splits["validation"].note


def test_dataset_dicts_keep_the_names_of_classes() -> None:
    rows = datasets.Dataset.from_dict({"text": TEXTS, "label": [1, 0, 1]})
    rows = rows.cast_column("label", datasets.ClassLabel(names=["cold", "hot"]))
    for given in (rows, rows.to_iterable_dataset(), rows.shuffle(seed=1).sort("text")):
        split = read_in_memory({"train": given}).splits["train"]
        assert set(split.labels("label")) == {"cold", "hot"}
    whole = read_in_memory(datasets.DatasetDict(train=rows, test=rows.select([2])))
    assert whole.kind == "datasets.DatasetDict"
    assert whole.splits["test"].labels("label") == ["hot"]
    streamed = datasets.IterableDatasetDict({"train": rows.to_iterable_dataset()})
    assert read_in_memory(streamed).splits["train"].labels("label") == LABELS


def test_missing_values_of_any_kind_are_null() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "real": [1.5, float("nan")],
            "text": pd.Series(["a", np.nan], dtype=object),
            "text2": pd.array(["a", pd.NA], dtype="string"),
            "class": pd.Categorical(["a", None]),
        }
    )
    for data in (frame, frame.convert_dtypes(dtype_backend="pyarrow"), frame.to_dict("records")):
        second = read_in_memory(data).splits["train"].rows[1]
        assert second == dict.fromkeys(frame.columns)
    assert read_in_memory(pl.DataFrame({"a": ["x", None]})).splits["train"].rows[1] == {"a": None}


def test_cells_may_hold_lists_and_arrays() -> None:
    words = [["a", "b"], ["c"]]
    for column in (
        pd.Series([np.array(tokens) for tokens in words]),
        pl.Series(words),
        pl.Series(words, dtype=pl.List(pl.Categorical)),
        pa.array(words, pa.large_list(pa.large_string())),
        words,
        [tuple(tokens) for tokens in words],
    ):
        rows = read_in_memory({"tokens": column}).splits["train"].rows
        assert rows["tokens"][:] == words
    spans = [[[0, 3, "A"]], [], [(4, 5, "B")]]
    rows = read_in_memory({"spans": spans, "text": ["abc", "", "abcdef"]}).splits["train"].rows
    assert rows[0]["spans"] == [{"start": 0, "end": 3, "label": "A"}]


def test_columns_that_nobody_reads_may_hold_anything() -> None:
    frame = pd.DataFrame({**COLUMNS, "extra": [object(), 1, "a"], "mixed": ["a", 1, 2.0]})
    data = read_in_memory(frame)
    assert set(data.unreadable["train"]) == {"extra", "mixed"}
    assert "'extra', 'mixed'" in data.splits["train"].note
    assert set(data.read(["text", "label"], {})) == {"train"}
    for fields, columns in (
        (["mixed"], {}),
        (["text"], {"text": "mixed"}),
        (["text"], {"text": ("text", "mixed")}),
    ):
        with pytest.raises(
            UserError, match=r"pandas.DataFrame\): column 'mixed' of the train split cannot be read"
        ):
            data.read(fields, columns)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "data: the list is empty"),
        ({}, "data={}: give a pandas or polars DataFrame"),
        (None, "data=None: give a pandas"),
        (3, "data=3: give a pandas"),
        ([1, 2], r"data=\[1, 2\]: give a pandas"),
        ([[1, "a"]], "give a pandas"),
        (["a text"], r"a list of texts; give their column a name, data=\{'text': \['a text'"),
        (pd.Series(TEXTS), "a pandas.Series is one column"),
        (np.zeros((2, 2)), "a numpy.ndarray is one column"),
        (pd.DataFrame({"text": []}), "the pandas.DataFrame has no rows"),
        (pl.DataFrame({"text": []}), "the polars.DataFrame has no rows"),
        (datasets.Dataset.from_dict({"text": []}), "the datasets.Dataset has no rows"),
        (
            {"train": pd.DataFrame({"text": []})},
            r"data\['train'\]: the pandas.DataFrame has no rows",
        ),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "several columns are named 'text'"),
        ({"text": TEXTS, "label": ["a"]}, "column 'label' has 1 values, 'text' has 3"),
        ({"text": TEXTS, "label": 3}, "a list, array or Series for each name, but 'label': 3"),
        ({"text": TEXTS, "label": "a"}, "but 'label': 'a'"),
        ({"train": {"text": "a"}}, r"data\['train'\]: \{'text': 'a'\} is no table"),
        ({"train": ROWS, "test": 3}, r"data\['test'\]: 3 is no table"),
        (pd.DataFrame({"text": [object()]}), "no column can be read: text"),
        (iter([]), "the stream has no rows"),
        (iter(["a"]), "data, row 1: 'a' is not a dict"),
        ([{}], "no column"),
    ],
)
def test_other_data_are_refused_in_one_line(data: object, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read_in_memory(data)
    assert "\n" not in str(caught.value)


def test_a_stream_is_cached_and_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_cache, "_ROWS_AT_ONCE", 4)
    rows = (
        {"text": f"text {n}", "note": None if n < 9 else "late", **({"odd": n} if n % 2 else {})}
        for n in range(11)
    )
    split = read_in_memory(rows).splits["train"]
    assert len(split) == 11
    assert split.rows[10] == {"text": "text 10", "note": "late", "odd": None}
    assert split.rows[1] == {"text": "text 1", "note": None, "odd": 1}
    assert "11 rows of a stream, written to a cache" in split.note


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ({"text": "a"} for _ in iter(int, 1)),
            "more than 20 rows; a stream may have no end.*take",
        ),
        (({"x": 1 // (6 - n)} for n in range(9)), "the stream fails: ZeroDivisionError"),
        (({"text": "a" if n < 4 else 1} for n in range(9)), "a column changes its type.*text"),
        (({"text": "a"} if n < 6 else "b" for n in range(9)), "data, row 7: 'b' is not a dict"),
    ],
)
def test_a_stream_that_cannot_be_read(
    rows: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_cache, "_ROWS_AT_ONCE", 4)
    monkeypatch.setattr(stream_cache, "MOST_ROWS", 20)
    with pytest.raises(UserError, match=said):
        read_in_memory(rows)


def test_a_full_disk_stops_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_cache, "FREE_BYTES", 2**70)
    with pytest.raises(UserError, match="the disk of .* is full .*HF_HOME"):
        read_in_memory(iter(ROWS))


def test_pandas_and_polars_are_not_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from nlpseq.data.in_memory import read_in_memory; read_in_memory([{'text': 'a'}]);"
        "print([name for name in ('polars',) if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
