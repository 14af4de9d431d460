"""Output of all benchmarks: a table, a report in JSON, one line for errors."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nlpseq.cli.option_types import positive_int
from nlpseq.errors import UserError
from nlpseq.versions import machine, versions

CPU = torch.device("cpu")
Result = dict[str, Any]
Columns = Mapping[str, tuple[str, str]]
"""The key of a turn and the format of its value, for each column title."""


def named_turns(result: Result) -> list[tuple[str, Result]]:
    """Build the table of turns and medians."""
    numbered = [(str(number), turn) for number, turn in enumerate(result["turns"], 1)]
    return [*numbered, ("median", result)]


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; the first row is the heading."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def print_turns(result: Result, columns: Columns) -> None:
    """Build rows for the turns and the medians; columns without values are left out."""
    there = {title: column for title, column in columns.items() if column[0] in result}
    rows = [("turn", *there)]
    for name, turn in named_turns(result):
        rows.append((name, *(format(turn[key], spec) for key, spec in there.values())))
    print_table(rows)


def add_common(parser: argparse.ArgumentParser, rounds: int) -> None:
    """Build a parser with the options of all benchmarks."""
    parser.add_argument(
        "--rounds", type=positive_int, default=rounds, metavar="N", help="turns of each side"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")


def write_report(arguments: argparse.Namespace, results: Any, **beside: Any) -> None:
    """Write the figures, versions and machine to the file of `--output`, if given."""
    if not arguments.output:
        return
    options = {name: value for name, value in vars(arguments).items() if not callable(value)}
    beside = {"machine": machine(CPU), "versions": versions(), **beside}
    document = {"arguments": options, **beside, "results": results}
    arguments.output.write_text(json.dumps(document, indent=2, default=str) + "\n", "utf-8")


def versions_there(python: Path, package: str, option: str) -> dict[str, str]:
    """Return the versions of torch and of another project in a separate environment.

    Args:
        python: of that environment.
        package: the other project.
        option: by which `python` was given.

    Raises:
        UserError: the project is not there, or torch is not the same as here.
    """
    code = f"import importlib.metadata as m; print(m.version('torch'), m.version('{package}'))"
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
    except OSError as error:
        raise UserError(f"{option} {python} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise UserError(f"{option} {python} has no torch or no {package}: pip install them there")
    found = dict(zip(("torch", package), done.stdout.split(), strict=True))
    if found["torch"] != versions()["torch"]:
        raise UserError(
            f"torch {found['torch']} there, {versions()['torch']} here: make them equal"
        )
    return found


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run a benchmark with the arguments of the command line."""
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
