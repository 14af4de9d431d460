"""Train on a CSV file with `nlpseq train` and with Ludwig: commands, wall time, peak memory, disk, accuracy.

    python benchmarks/own_data.py --csv FILE --text COLUMN --label COLUMN [--ludwig-python PATH]

The rows are drawn into train, validation and test once, 80/10/10 and stratified by class, and both sides get the same.
Each side is the command line that its documentation gives, with its own choice of sizes, in a process of its own;
`--ludwig-config` replaces Ludwig's defaults. Without `--ludwig-python` only nlpseq's side is run, and figures of
Ludwig that were measured before are cited: of other data, so nothing is compared with them.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from reporting import Result, add_common, print_turns, run, versions_there, write_report

from nlpseq.cli.option_types import positive_int
from nlpseq.errors import UserError

COLUMNS = {
    "wall time (s)": ("seconds", ".1f"),
    "peak memory (MB)": ("peak_mb", ".0f"),
    "disk (MB)": ("disk_mb", ".1f"),
    "test accuracy": ("accuracy", ".4f"),
}
SPLITS = ("train", "validation", "test")
"""Ludwig names them 0, 1 and 2 in a column `split`."""
LUDWIG_CONFIG = """\
input_features:
  - name: text
    type: text
output_features:
  - name: label
    type: category
preprocessing:
  split:
    type: fixed
    column: split
"""
CITED: dict[str, Any] = {
    "ludwig": "0.17.10",
    "data": "SST-2, 6,920 sentences; BiLSTM of 150 units, GloVe, mean pooling, 8 epochs, one thread",
    "accuracy": [0.829, 0.836],
    "examples_per_second": 450,
    "peak_mb": 1490,
    "disk_mb": 60,
    "import_and_load_seconds": 13.7,
}
"""Measured on the same data as nlpseq 0.1, which had 0.829 and 0.812, 1,370 examples a second and 918 MB."""
Rows = list[tuple[str, str, int]]
"""Text, label and number of the split."""


def read_rows(file: Path, text: str, label: str) -> Rows:
    """Read a file, and draw a split for each row."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise UserError(f"--csv {file}: {error.strerror}") from error
    for column in (text, label):
        if rows and column not in rows[0]:
            raise UserError(f"--csv {file}: no column {column!r}, it has {', '.join(rows[0])}")
    if len(rows) < 10:
        raise UserError(f"--csv {file}: {len(rows)} rows, at least 10 are needed")
    groups: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row[label]].append(number)
    splits = [0] * len(rows)
    generator = random.Random(0)
    for _, group in sorted(groups.items()):
        generator.shuffle(group)
        tenth = len(group) // 10
        for place, number in enumerate(group[: 2 * tenth]):
            splits[number] = 1 if place < tenth else 2
    return [(row[text], row[label], split) for row, split in zip(rows, splits, strict=True)]


def write_csv(file: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table with a header."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([names, *rows])


def measure(command: Sequence[str], folder: Path, threads: int) -> Result:
    """Run a command in a folder, and return its wall time and peak memory."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    log = folder / "log.txt"
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        last = " / ".join(log.read_text("utf-8", "replace").split("\n")[-4:])
        raise UserError(f"{' '.join(command)} failed: {last}")
    log.unlink()
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return {"seconds": seconds, "peak_mb": usage.ru_maxrss / unit}


def disk_mb(folder: Path, *inputs: Path) -> float:
    """Return the size of what a command left in a folder, its inputs not counted."""
    files = (file for file in folder.rglob("*") if file.is_file() and file not in inputs)
    return sum(file.stat().st_size for file in files) / 1e6


def run_nlpseq(rows: Rows, folder: Path, threads: int, seed: int) -> Result:
    """Run `nlpseq train` on three files; report and baselines are part of it."""
    inputs = [folder / f"{name}.csv" for name in SPLITS]
    for number, file in enumerate(inputs):
        write_csv(file, ("text", "label"), [row[:2] for row in rows if row[2] == number])
    words = "train train.csv --validation validation.csv --test test.csv --text text --label label"
    words += f" --output run --device cpu --seed {seed}"
    figures = measure([sys.executable, "-m", "nlpseq", *words.split()], folder, threads)
    metrics = json.loads((folder / "run" / "metrics.json").read_text("utf-8"))
    baselines = {
        one["name"]: one["scores"]["test"]["accuracy"] for one in metrics.get("baselines", [])
    }
    return {
        "commands": [f"nlpseq {words}"],
        **figures,
        "disk_mb": disk_mb(folder, *inputs),
        "accuracy": metrics["test"]["accuracy"],
        "baselines": baselines,
        "training_seconds": metrics["seconds"],
    }


def run_ludwig(
    python: Path, config: str, rows: Rows, folder: Path, threads: int, seed: int
) -> Result:
    """Run `ludwig experiment`, which trains and scores test, on one file with a column `split`."""
    inputs = [folder / "data.csv", folder / "config.yaml"]
    write_csv(inputs[0], ("text", "label", "split"), rows)
    inputs[1].write_text(config, "utf-8")
    words = "experiment --dataset data.csv --config config.yaml --output_directory results"
    words += f" --random_seed {seed}"
    command = [str(python.absolute()), "-m", "ludwig.cli", *words.split()]
    figures = measure(command, folder, threads)
    reports = sorted(folder.rglob("test_statistics.json"))
    if not reports:
        raise UserError(f"ludwig {words} wrote no test_statistics.json")
    scores = json.loads(reports[-1].read_text("utf-8"))["label"]
    return {
        "commands": ["(write config.yaml)", f"ludwig {words}"],
        **figures,
        "disk_mb": disk_mb(folder, *inputs),
        "accuracy": float(scores["accuracy"]),
    }


def summary(name: str, turns: list[Result]) -> Result:
    """Return the turns of a side with the median of each figure."""
    medians = {key: median(turn[key] for turn in turns) for key, _ in COLUMNS.values()}
    return {"name": name, "turns": turns, **medians}


def cited_line() -> str:
    """Return the line that stands for Ludwig's side where it is not run."""
    accuracies = " and ".join(f"{value:.3f}" for value in CITED["accuracy"])
    return (
        f"ludwig: not run (--ludwig-python). Cited, {CITED['ludwig']} on {CITED['data']}: "
        f"accuracy {accuracies}, {CITED['examples_per_second']} examples/s in training, "
        f"{CITED['peak_mb']:,} MB, {CITED['disk_mb']} MB on disk"
    )


def parser() -> argparse.ArgumentParser:
    """Build the parser."""
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--csv", type=Path, required=True, metavar="FILE", help="table with a header")
    made.add_argument("--text", default="text", metavar="COLUMN", help="column of texts")
    made.add_argument("--label", default="label", metavar="COLUMN", help="column of classes")
    made.add_argument(
        "--ludwig-python", type=Path, metavar="PATH", help="a Python 3.12 with ludwig"
    )
    made.add_argument(
        "--ludwig-config", type=Path, metavar="FILE", help="YAML with the features text and label"
    )
    made.add_argument(
        "--threads", type=positive_int, default=2, metavar="N", help="threads of each"
    )
    made.add_argument("--seed", type=int, default=13, metavar="N", help="seed of the first turn")
    add_common(made, rounds=1)
    return made


def main(words: Sequence[str]) -> None:
    """Run both sides in turns, print and write the figures."""
    arguments = parser().parse_args(words)
    rows = read_rows(arguments.csv, arguments.text, arguments.label)
    python, config = arguments.ludwig_python, LUDWIG_CONFIG
    beside: dict[str, Any] = {}
    if python:
        beside = {"ludwig_versions": versions_there(python, "ludwig", "--ludwig-python")}
    if arguments.ludwig_config:
        config = arguments.ludwig_config.read_text("utf-8")
    turns: dict[str, list[Result]] = {"nlpseq": [], **({"ludwig": []} if python else {})}
    for number in range(arguments.rounds):
        seed = arguments.seed + number
        for side, done in turns.items():
            with tempfile.TemporaryDirectory() as scratch:
                if side == "nlpseq":
                    turn = run_nlpseq(rows, Path(scratch), arguments.threads, seed)
                else:
                    folder = Path(scratch)
                    turn = run_ludwig(python, config, rows, folder, arguments.threads, seed)
            done.append(turn)
    results = [summary(name, done) for name, done in turns.items()]
    sizes = {name: sum(row[2] == number for row in rows) for number, name in enumerate(SPLITS)}
    for result in results:
        print(f"{result['name']}: {'; '.join(result['turns'][0]['commands'])}")
        print_turns(result, COLUMNS)
    if not python:
        print(cited_line())
        beside = {"cited": CITED}
    write_report(arguments, results, rows=sizes, ludwig_config=config if python else "", **beside)


if __name__ == "__main__":
    run(main)
