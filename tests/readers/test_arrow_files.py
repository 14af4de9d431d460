from pathlib import Path

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from pyarrow import feather, parquet

from nlpseq.data.sources import load_splits
from nlpseq.errors import UserError
from nlpseq.readers import ReadOptions, read_files
from nlpseq.readers.detect import detect, detect_splits
from nlpseq.recipe import DataConfig

ROWS = {"text": ["an elm", "an iris", None], "label": ["tree", "herb", "tree"]}
ODD = {
    "map": pa.array([[("a", "b")]] * 3, pa.map_(pa.string(), pa.string())),
    "bytes": pa.array([b"\xff"] * 3),
    "interval": pa.array([1] * 3, pa.duration("s")),
    "nested": pa.array([[{"a": [1]}]] * 3),
}


def write(file: Path, table: pa.Table) -> None:
    if file.suffix == ".parquet":
        parquet.write_table(table, file)
    elif file.name == "stream.arrow":
        with pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    else:
        feather.write_feather(table, file, compression="lz4")


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "stream.arrow"])
def test_types_of_text_and_columns_that_nobody_reads(tmp_path, name) -> None:
    columns = {
        "text": pa.array(ROWS["text"], pa.large_string()),
        "label": pa.array(ROWS["label"]).dictionary_encode(),
        "tokens": pa.array([["a"], ["b", "c"], []], pa.list_(pa.string())),
        "id": [1, 2, 3],
        **ODD,
    }
    write(tmp_path / name, pa.table(columns))
    format = "parquet" if name == "t.parquet" else "arrow"
    options = ReadOptions(columns=("text", "label"))
    table = read_files(tmp_path, name, format, options).table
    assert table.to_pydict() == {**ROWS, "id": [1, 2, 3]}
    assert not any(pa.types.is_dictionary(field.type) for field in table.schema)
    everything = read_files(tmp_path, name, format).table
    assert everything.column_names == ["text", "label", "tokens", "id", "nested"]
    assert detect(tmp_path / name).format == format
    assert detect(tmp_path / name).columns == tuple(everything.column_names)
    with pytest.raises(UserError, match="column 'map' holds map<string, string.*which is not read"):
        read_files(tmp_path, name, format, ReadOptions(columns=("map",)))


def test_nested_columns_by_dots(tmp_path) -> None:
    pairs = [{"en": "an elm", "vo": "ulm"}, {"en": "an iris", "vo": "iridin"}]
    write(tmp_path / "t.parquet", pa.table({"id": [1, 2], "translation": pairs}))
    config = DataConfig(
        format="parquet",
        files={"train": "t.parquet"},
        columns={"source": "translation.en", "target": "translation.vo"},
        hold_out={"validation": 0},
    )
    split = load_splits(config, data_dir=tmp_path, fields=["source", "target"])["train"]
    assert list(split.texts("target")) == ["ulm", "iridin"]
    detected = detect(tmp_path / "t.parquet")
    assert detected.columns == ("id", "translation.en", "translation.vo")


def test_two_columns_of_one_name(tmp_path) -> None:
    table = pa.table([["a"], ["b"], ["c"]], names=["text", "x", "x"])
    write(tmp_path / "t.parquet", table)
    with pytest.raises(UserError, match="several columns are named 'x'"):
        read_files(tmp_path, "t.parquet", "parquet")
    options = ReadOptions(columns=("text",))
    assert read_files(tmp_path, "t.parquet", "parquet", options).table.column_names == ["text"]


def test_files_without_rows_and_damaged_files(tmp_path) -> None:
    for name in ("t.parquet", "t.arrow"):
        write(tmp_path / name, pa.table({"text": pa.array([], pa.string())}))
        with pytest.raises(UserError, match="holds no example"):
            read_files(tmp_path, name, "auto")
        write(tmp_path / name, pa.table(ROWS))
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(UserError, match="damaged"):
            read_files(tmp_path, name, name[2:])


@pytest.mark.parametrize("format", ["arrow", "auto"])
def test_folders_of_save_to_disk(tmp_path, format) -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["herb", "tree"])})
    rows = Dataset.from_dict({"text": ["an elm", "an iris"], "label": [1, 0]}, features)
    selected = rows.select([1, 0])  # saved with indices
    DatasetDict({"train": rows, "dev": selected}).save_to_disk(tmp_path / "saved")
    assert detect_splits(tmp_path / "saved") == {"train": "train", "validation": "dev"}
    config = DataConfig(format=format, files={"train": "saved/train", "validation": "saved/dev"})
    splits = load_splits(config, data_dir=tmp_path, fields=["text", "label"], label_field="label")
    assert list(splits["validation"].texts("text")) == ["an iris", "an elm"]
    assert splits["train"].labels("label") == ["tree", "herb"]
    with pytest.raises(UserError, match=r"a DatasetDict; name its splits.*saved/train.*dev, train"):
        read_files(tmp_path, "saved", format)
    rows.save_to_disk(tmp_path / "one")
    assert detect_splits(tmp_path / "one") == {"train": "."}
    assert detect(tmp_path / "one").columns == ("text", "label")
    assert len(read_files(tmp_path / "one", ".", format).table) == 2
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="a folder without"):
        read_files(tmp_path, "none", format)


@pytest.mark.parametrize("names", ["data", "data/train-*.parquet", "data/train-*"])
@pytest.mark.parametrize("format", ["parquet", "auto"])
def test_folders_of_shards(tmp_path, names, format) -> None:
    (tmp_path / "data").mkdir()
    for number in range(3):
        table = pa.table({"text": [f"elm {number}"], "n": [number if number else 0.5]})
        write(tmp_path / "data" / f"train-0000{number}-of-00003.parquet", table)
    read = read_files(tmp_path, names, format)
    assert read.table["text"].to_pylist() == ["elm 0", "elm 1", "elm 2"]
    assert read.table["n"].to_pylist() == [0.5, 1, 2]
    assert len(read.files) == 3
    assert detect_splits(tmp_path) == {"train": "data/train-*.parquet"}
    with pytest.raises(UserError, match=r"no file matches dev-\*"):
        read_files(tmp_path, "dev-*", format)


def test_names_of_labels_in_parquet(tmp_path) -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["herb", "tree"])})
    rows = Dataset.from_dict({"text": ["an elm", "an iris"], "label": [1, 0]}, features)
    rows.to_parquet(tmp_path / "t.parquet")
    config = DataConfig(format="parquet", files={"train": "t.parquet"}, hold_out={"validation": 0})
    split = load_splits(config, data_dir=tmp_path, fields=["text", "label"])["train"]
    assert split.labels("label") == ["tree", "herb"]
