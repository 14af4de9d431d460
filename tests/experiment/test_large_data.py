"""Many rows are trained on within a bound of memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from nlpseq.tasks.base import baseline_words
from pyarrow import parquet

from nlpseq.data.split import Split

MEASURED = """
import sys
from pathlib import Path
from nlpseq.cli.main import main
main(sys.argv[1:])
if Path("/proc/self/status").exists():
    lines = Path("/proc/self/status").read_text().splitlines()
    print("PEAK", *(line.split()[1] for line in lines if line.startswith("VmHWM:")))
"""


def write_rows(file: Path, rows: int, at_once: int = 100_000) -> None:
    """Write texts of 8 to 20 words with a label that three of them tell, and a map that nobody reads."""
    random = np.random.default_rng(3)
    words = np.array([f"{a}{b}" for a in ("ka", "lo", "mi", "tu", "se") for b in range(8000)])
    cues = np.array([["invoice", "refund"], ["parcel", "courier"], ["login", "password"]])
    labels = np.array(["billing", "shipping", "account"])
    kind = pa.map_(pa.string(), pa.string())
    schema = pa.schema([("text", pa.string()), ("label", pa.string()), ("meta", kind)])
    with parquet.ParquetWriter(file, schema) as writer:
        for begin in range(0, rows, at_once):
            size = min(at_once, rows - begin)
            classes = random.integers(0, 3, size)
            lengths = random.integers(7, 20, size)
            drawn = words[random.zipf(1.3, lengths.sum()) % len(words)].tolist()
            ends = lengths.cumsum()
            hints = cues[classes, random.integers(0, 2, size)]
            texts = [
                " ".join([hint, *drawn[end - length : end]])
                for hint, length, end in zip(hints, lengths, ends, strict=True)
            ]
            meta = pa.array([[("row", str(begin + n))] for n in range(size)], kind)
            writer.write_table(
                pa.table({"text": texts, "label": labels[classes], "meta": meta}, schema=schema)
            )


def train(folder: Path, *further: str) -> str:
    words = ["run", "classification/base", "--data-dir", str(folder), "data.format=parquet"]
    words += ['data.files={train="train.parquet"}', "training.max_steps=50", "--device", "cpu"]
    words += ["--output", str(folder / "run"), *further]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read on Linux")
def test_a_million_rows_take_less_than_two_gigabytes(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.parquet", 1_000_000)
    peak = int(train(tmp_path).split("PEAK")[1]) * 1024
    assert peak < 2e9


def test_baselines_learn_from_a_sample_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset

    rows = Dataset.from_dict({"text": [f"text {n}" for n in range(50)]})
    split = Split("train", rows, "here")
    assert baseline_words.baseline_sample(split) == (split, "")
    monkeypatch.setattr(baseline_words, "MOST_TEXTS", 20)
    monkeypatch.setattr(baseline_words, "TEXTS_AT_ONCE", 7)
    sample, note = baseline_words.baseline_sample(split)
    chosen = sample.column("text")[:]
    assert len({*chosen}) == 20
    assert {*chosen} <= {*rows["text"]}
    assert note == "learnt from 20 of the 50 examples of train, drawn at random"
    assert baseline_words.baseline_sample(split)[0].column("text")[:] == chosen
    sizes = []

    def last_words(texts: list[list[str]]) -> list[str]:
        sizes.append(len(texts))
        return [text[-1] for text in texts]

    predicted = [*baseline_words.predict_in_parts(last_words, split, ["text"])]
    assert predicted == [str(n) for n in range(50)]
    assert sizes == [7] * 7 + [1]
