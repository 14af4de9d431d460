"""What a finished run shows: its scores (by class too), what it cost, what it writes, where it is.

Tables are rich's on a terminal and plain text in a log. It prints what it is given and computes nothing.
"""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FLOOR = "floor_"
"""A score `floor_x` is the best `x` that any model can have on that split."""
MOST_ROWS, MOST_COLUMNS = 20, 8  # of the tables by class: more can be read in metrics.json


def report_run(metrics: Mapping[str, Any], samples: Sequence[str], folder: Path) -> None:
    """Print the end of a run.

    Args:
        metrics: what stands in its metrics.json, or in the summary.json of several seeds.
        samples: texts that show what the model does.
        folder: the run directory.
    """
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    splits = metrics.get(
        "splits", [name for name, value in metrics.items() if isinstance(value, Mapping)]
    )
    if splits:
        console.print(_score_table(metrics, splits))
    _print_details(console, metrics)
    console.print(_cost_table(metrics))
    console.print()
    if samples:
        console.print("samples", style="bold")
        for sample in samples:
            # soft_wrap: a text keeps its own line ends, so that it can be copied
            console.print(f"  {sample}", markup=False, soft_wrap=True)
        console.print()
    console.print(f"run directory: {folder}", markup=False, soft_wrap=True)


def report_quickstart(
    rows: Sequence[Mapping[str, Any]], commands: Iterable[str], folder: Path
) -> None:
    """Print the end of a quickstart: scores beside the best possible ones, answers, what to try next.

    Args:
        rows: one a task, as `tasks` of its summary.json holds them.
        commands: to try next.
        folder: where the runs are.
    """
    from rich.console import Console
    from rich.padding import Padding

    console = Console(highlight=False, emoji=False)
    console.print(_quickstart_table(rows))
    console.print("what the models do now", style="bold")
    for example, group in groupby(rows, key=lambda row: str(row["example"])):
        console.print(f"\n{example}", markup=False, soft_wrap=True)
        console.print(Padding(_answer_table(group), (0, 0, 0, 2), expand=False))
    console.print("\nto go on", style="bold")
    for command in commands:
        console.print(f"  {command}", markup=False, soft_wrap=True)
    console.print(f"\nruns and summary.json: {folder}", markup=False, soft_wrap=True)


def report_recipes(entries: Iterable[Mapping[str, Any]]) -> None:
    """Print the recipes, two lines each: name, score and minutes; data and description.

    Descriptions are wrapped on a terminal, and nowhere else.

    Args:
        entries: fields of the catalogue's.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for entry in entries:
        print(f"{entry['name']}  {_measured(entry)}")
        data = "built-in" if entry["source"] == "builtin" else entry["source"]
        line = f"    {data}: {entry['description']}"
        print(textwrap.fill(line, width, subsequent_indent="    ") if width else line)
    print("\nScores and minutes of training are those of docs/results; a dash: not measured.")


def _measured(entry: Mapping[str, Any]) -> str:
    """`test F1 90.4 (3 seeds), 8 min`, or `test F1 -`."""
    if entry["value"] is None or entry["minutes"] is None:
        return f"{entry['metric']} -"
    seeds = f" ({entry['seeds']} seeds)" if entry["seeds"] > 1 else ""
    digits = 1 if entry["minutes"] < 1 else 0
    return f"{entry['metric']} {entry['value']:g}{seeds}, {entry['minutes']:.{digits}f} min"


def _quickstart_table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """A task a row, a model a column; a dash where no best score is known."""
    from rich.table import Table

    kinds = list(dict.fromkeys(kind for row in rows for kind in row["models"]))
    table = Table("task", "test score")
    for name in [*kinds, "best possible"]:
        table.add_column(name, justify="right")
    for row in rows:
        scores = [row["models"][kind]["score"] for kind in kinds]
        told = [
            "-" if value is None else number(value * row["factor"])
            for value in [*scores, row["best"]]
        ]
        table.add_row(spell(row["task"]), row["told"], *told)
    table.add_section()
    seconds = [sum(row["models"][kind]["seconds"] for row in rows) for kind in kinds]
    table.add_row("training time", "", *map(duration, seconds), "")
    return table


def _answer_table(rows: Iterable[Mapping[str, Any]]) -> "Table":
    """What each model answers for each task, and what is right where one answer is."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for row in rows:
        task = spell(row["task"])
        for kind, model in row["models"].items():
            table.add_row(task, kind, Text(model["answer"]))
            task = ""  # once is enough
        if row["right"] is not None:
            table.add_row(task, "right", Text(row["right"]), style="dim")
    return table


def report_scores(metrics: Mapping[str, Any], splits: Iterable[str]) -> None:
    """Print the scores of some splits."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    console.print(_score_table(metrics, splits))
    _print_details(console, metrics)


def report_inspection(tables: Iterable[tuple[str, Sequence[Sequence[str]]]]) -> None:
    """Print the tables of an inspection, each with its title; one without rows is passed over."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    for title, rows in tables:
        if rows:
            console.print(_table(title, rows))


def _print_details(console: "Console", metrics: Mapping[str, Any]) -> None:
    """What stands behind the scores of the last split, and how they were computed."""
    split, details = last_details(metrics)
    for table in _detail_tables(split, details):
        console.print(table)
    for name, signature in details.get("signatures", {}).items():
        console.print(f"{spell(name)}: {signature}", markup=False, soft_wrap=True)


def _score_table(metrics: Mapping[str, Any], splits: Iterable[str]) -> "Table":
    """One row a score, one column a split and, where it is known, one for the split's floor."""
    from rich.table import Table

    splits = list(splits)
    names = list(
        dict.fromkeys(n for split in splits for n in metrics[split] if not n.startswith(FLOOR))
    )
    table = Table("score")
    rows = [[spell(name)] for name in names]
    for split in splits:
        scores = metrics[split]
        table.add_column(split, justify="right")
        for row, name in zip(rows, names, strict=True):
            row.append(number(scores.get(name)))
        if any(name.startswith(FLOOR) for name in scores):
            table.add_column(f"{split} floor", justify="right", style="dim")
            for row, name in zip(rows, names, strict=True):
                row.append(number(scores.get(FLOOR + name)))
    for row in rows:
        table.add_row(*row)
    return table


def last_details(metrics: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The last scored split that has details (test where it was scored), and these."""
    details = metrics.get("details", {})
    found = [split for split in metrics.get("splits", details) if split in details]
    return (found[-1], details[found[-1]]) if found else ("", {})


def score_rows(details: Mapping[str, Any]) -> tuple[str, list[list[str]]]:
    """What the scores are by, `class`, `type` or `distance`, and their rows: the head first, or no row."""
    for key in ("per_class", "per_type", "by_distance"):
        if scores := details.get(key):
            kind = key.partition("_")[2]
            names = list(next(iter(scores.values())))
            head = [kind, *(spell(name) for name in names)]
            rows = [
                [label, *(number(one.get(name)) for name in names)] for label, one in scores.items()
            ]
            return kind, [head, *rows]
    return "", []


def _detail_tables(split: str, details: Mapping[str, Any]) -> Iterator["Table"]:
    """Scores by class, type or distance, and the confusion matrix where it is small."""
    kind, rows = score_rows(details)
    if rows:
        yield _table(f"{split} by {kind}", rows)
    if intervals := details.get("confidence_intervals"):
        bounds = [
            [spell(name), number(low), number(high)] for name, (low, high) in intervals.items()
        ]
        yield _table(f"{split}, 95% intervals", [["score", "from", "to"], *bounds])
    confusion = details.get("confusion_matrix")
    if confusion and len(confusion["labels"]) <= MOST_COLUMNS:
        labels = confusion["labels"]
        counts = zip(labels, confusion["matrix"], strict=True)
        body = [[label, *(number(count) for count in row)] for label, row in counts]
        yield _table(f"{split} confusion", [["true / predicted", *labels], *body])


def _table(title: str, rows: Sequence[Sequence[str]]) -> "Table":
    """A table of the first rows, whose first column is text and the others are numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for place, name in enumerate(rows[0]):
        table.add_column(Text(name), justify="right" if place else "left")
    body = rows[1:]
    for row in body[:MOST_ROWS]:
        table.add_row(*map(Text, row))
    if len(body) > MOST_ROWS:
        table.caption = f"{len(body) - MOST_ROWS} more in metrics.json"
    return table


def _cost_table(metrics: Mapping[str, Any]) -> "Table":
    """What the run took; a line each for what is known."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    if "tokens_per_second" in metrics:
        table.add_row("tokens per second", number(round(metrics["tokens_per_second"])))
    if "parameters" in metrics:
        table.add_row("parameters", parameter_line(metrics["parameters"]))
    if "seconds" in metrics:
        table.add_row("training time", duration(metrics["seconds"]))
    if "steps" in metrics and "epochs" in metrics:
        table.add_row("trained", f"{number(metrics['steps'])} steps, {metrics['epochs']:g} epochs")
    if "seeds" in metrics:
        table.add_row("seeds", ", ".join(str(seed) for seed in metrics["seeds"]))
    return table


def parameter_line(parameters: Mapping[str, int]) -> str:
    """Total and parts: `1,234 (embedding 1,000, encoder 234)`."""
    parts = ", ".join(
        f"{spell(name)} {number(count)}"
        for name, count in parameters.items()
        if name != "total" and count
    )
    return f"{number(parameters['total'])} ({parts})" if parts else number(parameters["total"])


def spell(name: str) -> str:
    """A score's name in words."""
    return name.replace("_", " ")


def number(value: Any) -> str:
    """A number for people; `mean ± standard deviation` of several; nothing for what is not there."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        deviation = value.get("standard_deviation")
        return number(value["mean"]) + (f" ± {number(deviation)}" if deviation is not None else "")
    if isinstance(value, int) or (abs(value) >= 10 and float(value).is_integer()):
        return f"{int(value):,}"
    if abs(value) >= 10:
        return f"{value:,.2f}"
    return f"{value:.4g}" if abs(value) < 0.01 else f"{value:.3f}"


def duration(seconds: float) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
