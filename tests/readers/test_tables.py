"""Large files are read without being held in memory, and give the same tables."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from nlpseq.errors import UserError
from nlpseq.readers import ReadOptions, read_files, tables


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """Let tables go to disk from a few bytes on."""
    monkeypatch.setattr(tables, "CHUNK", 7)
    for module in ("json_files", "delimited", "text"):
        monkeypatch.setattr(f"nlpseq.readers.{module}.CHUNK", 7)
    monkeypatch.setattr("nlpseq.readers.arrow_files.ROWS", 7)
    monkeypatch.setattr(tables, "IN_MEMORY", 200)
    monkeypatch.setattr(tables, "_scratch", lambda: tmp_path)
    return tmp_path


def test_parts_on_disk(small) -> None:
    rows = [{"text": f"elm {n}", "n": n, "extra": None} for n in range(50)]
    rows += [{"text": f"iris {n}", "n": n / 2, "extra": [n]} for n in range(50)]
    (small / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    before = pa.total_allocated_bytes()
    table = read_files(small, "t.jsonl", "jsonl").table
    expected = [{**row, "n": float(row["n"])} for row in rows]
    assert table.to_pylist() == expected
    assert not list(small.glob("*.arrow"))
    parquet.write_table(table, small / "t.parquet")
    (small / "t.csv").write_text("text,n\n" + "".join(f"{r['text']},{r['n']}\n" for r in expected))
    (small / "t.txt").write_text("".join(f"{r['text']}\n" for r in expected))
    assert read_files(small, "t.parquet", "parquet").table.to_pylist() == expected
    csv_rows = [{"text": row["text"], "n": str(row["n"])} for row in expected]
    assert read_files(small, "t.csv", "csv").table.to_pylist() == csv_rows
    assert read_files(small, "t.txt", "lines").table["text"].to_pylist() == [
        r["text"] for r in rows
    ]
    assert pa.total_allocated_bytes() - before < 1 << 20


def test_types_of_parts_that_do_not_fit(small) -> None:
    rows = [{"text": "a", "x": 1}] * 49 + [{"text": "b", "x": "one"}] * 49
    (small / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError, match="column x mixes types of values: int64 and string$"):
        read_files(small, "t.jsonl", "jsonl")
    table = read_files(small, "t.jsonl", "jsonl", ReadOptions(columns=("text",)))
    assert table.table.column_names == ["text"]
    assert table.note == "columns left out, since their types differ by row: x"


MEMORY = """
import resource, sys
from pathlib import Path
import datasets, pyarrow
from nlpseq.readers import ReadOptions, read_files
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = read_files(Path(sys.argv[1]), sys.argv[2], "auto", ReadOptions(columns=("text",))).table
print(len(table), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path, name) -> None:
    texts = [f"{n} " + "an elm and an iris by the lake " * 20 for n in range(500)]
    count = 1000  # 300 MB of text
    if name == "t.parquet":
        schema = pa.schema({"text": pa.string(), "id": pa.int64()})
        with parquet.ParquetWriter(tmp_path / name, schema) as writer:
            for n in range(count):
                writer.write_table(pa.table({"text": texts, "id": [n] * 500}))
    else:
        line = "{},{}\n" if name == "t.csv" else '{{"text": "{}", "id": {}}}\n'
        with (tmp_path / name).open("w") as file:
            file.write("text,id\n" if name == "t.csv" else "")
            for n in range(count):
                file.writelines(line.format(text, n) for text in texts)
    words = [sys.executable, "-c", MEMORY, str(tmp_path), name]
    rows, grown = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 500 * count
    assert float(grown) < 250  # MB; the table has 300
