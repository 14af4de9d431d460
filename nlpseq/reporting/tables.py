"""Tables that commands print: scores (by class, too), costs, samples, recipes.

rich draws the tables; in a pipe they are plain text. Nothing is computed here.
"""

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.baselines import baseline_rows, verdicts
from nlpseq.reporting.data_report import report_lines, warnings
from nlpseq.reporting.data_report import tables as data_tables
from nlpseq.reporting.formats import (
    format_duration,
    format_number,
    format_parameters,
    format_score,
    is_percent,
    readable_name,
    score_label,
)
from nlpseq.reporting.terminal import cell, console
from nlpseq.safe_text import show
from nlpseq.wording import format_count

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FLOOR = "floor_"
"""Prefix of the best score that any model can reach on a split."""
LEAD = "lead_"
"""Prefix of the scores of the Lead-k baseline, which are among those of a split since 0.1."""
MOST_ROWS, MOST_COLUMNS = 20, 8  # of tables by class; metrics.json has all of them


def report_run(metrics: Mapping[str, Any], samples: Sequence[str], folder: Path) -> None:
    """Print the result of a run.

    Args:
        metrics: content of metrics.json, or of summary.json for several seeds.
        samples: example outputs.
        folder: the run directory.
    """
    screen = console()
    splits = metrics.get(
        "splits", [name for name, value in metrics.items() if isinstance(value, Mapping)]
    )
    if splits:
        screen.print(_score_table(metrics, splits))
    _print_baselines(screen, metrics)
    _print_details(screen, metrics)
    screen.print(_cost_table(metrics))
    _print_verdicts(screen, metrics)
    screen.print()
    if samples:
        screen.print("samples", style="bold")
        for sample in samples:
            # soft_wrap keeps a text's own line breaks, so that it can be copied
            screen.print(f"  {sample}", markup=False, soft_wrap=True)
        screen.print()
    screen.print(f"run directory: {folder}", markup=False, soft_wrap=True)


def print_line(line: str) -> None:
    """Print one line as it is."""
    console().print(line, markup=False, soft_wrap=True)


def print_next_steps(commands: Iterable[str]) -> None:
    """Print commands that are useful now."""
    screen = console()
    screen.print("\nNext steps", style="bold")
    for command in commands:
        screen.print(f"  {command}", markup=False, soft_wrap=True)


def report_data(report: Mapping[str, Any]) -> None:
    """Print the report on data: lines, warnings, tables.

    Args:
        report: `DataReport.to_json()`.
    """
    screen = console()
    for line in report_lines(report):
        screen.print(line, markup=False, soft_wrap=True)
    for line in warnings(report):
        screen.print(f"warning: {line}", markup=False, soft_wrap=True)
    for title, rows in data_tables(report):
        screen.print(_table(title, rows))


def report_scores(metrics: Mapping[str, Any], splits: Iterable[str]) -> None:
    """Print the scores of some splits."""
    screen = console()
    screen.print(_score_table(metrics, splits))
    _print_baselines(screen, metrics)
    _print_details(screen, metrics)
    _print_verdicts(screen, metrics)


def _print_baselines(screen: "Console", metrics: Mapping[str, Any]) -> None:
    if rows := baseline_rows(metrics):
        screen.print(_table("baselines", rows))


def _print_verdicts(screen: "Console", metrics: Mapping[str, Any]) -> None:
    for verdict in verdicts(metrics):
        screen.print(f"\n{verdict}", markup=False, soft_wrap=True)


def report_quickstart(
    rows: Sequence[Mapping[str, Any]], commands: Iterable[str], folder: Path
) -> None:
    """Print the result of a quickstart: scores, example outputs, next steps.

    Args:
        rows: one for each task, as `tasks` in its summary.json.
        commands: suggestions of what to run next.
        folder: where the runs are.
    """
    from rich.padding import Padding

    screen = console()
    screen.print(_quickstart_table(rows))
    screen.print("Example outputs", style="bold")
    for example, group in groupby(rows, key=lambda row: str(row["example"])):
        screen.print(f"\n{example}", markup=False, soft_wrap=True)
        screen.print(Padding(_output_table(group), (0, 0, 0, 2), expand=False))
    screen.print("\nNext steps", style="bold")
    for command in commands:
        screen.print(f"  {command}", markup=False, soft_wrap=True)
    screen.print(f"\nruns and summary.json: {folder}", markup=False, soft_wrap=True)


def report_inspection(tables: Iterable[tuple[str, Sequence[Sequence[str]]]]) -> None:
    """Print the tables of an inspection with their titles, except those without rows."""
    screen = console()
    for title, rows in tables:
        if rows:
            screen.print(_table(title, rows))


def report_recipes(entries: Iterable[Mapping[str, Any]]) -> None:
    """Print the recipes by task: name, score and training minutes in columns, then the description.

    Args:
        entries: fields of `nlpseq.recipe.CatalogueEntry`.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(entry["task"], []).append(entry)
    for task, group in sorted(groups.items()):
        _print_recipes(task, group)
        print()
    print("Scores and minutes of training are those of docs/results; -: not measured.")


def _print_recipes(task: str, group: Sequence[Mapping[str, Any]]) -> None:
    """Print the recipes of a task under the metric that most of them have."""
    metric = Counter(entry["metric"] for entry in group).most_common(1)[0][0]
    percent = is_percent(metric.rpartition(" ")[2].lower())
    head = f"{metric} (%)" if percent else metric
    width = max(len(task), *(len(entry["name"]) for entry in group))
    show(f"{task:<{width}}  {head}  minutes")
    for entry in group:
        measured = entry["value"] is not None and entry["minutes"] is not None
        score = f"{entry['value']:g}" if measured else "-"
        minutes = f"{entry['minutes']:.{0 if entry['minutes'] >= 10 else 1}f}" if measured else "-"
        show(f"{entry['name']:<{width}}  {score:>{len(head)}}  {minutes:>7}")
        sentences = [entry["description"]]
        if entry["metric"] != metric:
            sentences.append(f"Score: {entry['metric']}.")
        if entry["seeds"] > 1:
            sentences.append(f"Mean of {entry['seeds']} runs.")
        if entry["source"] != "builtin":
            sentences.append(f"Data: {entry['source']}.")
        _print_wrapped(" ".join(sentences), indent=4)


def _print_wrapped(text: str, indent: int) -> None:
    """Print a text in lines as wide as the terminal, 80 columns in a pipe."""
    blanks = " " * indent
    lines = textwrap.wrap(
        text,
        shutil.get_terminal_size().columns,
        initial_indent=blanks,
        subsequent_indent=blanks,
        break_on_hyphens=False,
    )
    show("\n".join(lines))


def report_keys(keys: Iterable[Any]) -> None:
    """Print keys of recipes by section: name, type and default, then description and choices.

    Args:
        keys: as `nlpseq.recipe.keys.describe` returns them.
    """
    for (section, kinds), group in groupby(keys, key=lambda key: (key.section, key.kinds)):
        heading = f"[{section}]" if section else "Keys above all sections"
        _print_wrapped(f"{heading}, kind = {' or '.join(kinds)}" if kinds else heading, indent=0)
        for key in group:
            default = key.default if key.default == "required" else f"default {key.default}"
            _print_wrapped(f"{key.name}: {key.type}" + f", {default}" * bool(key.default), indent=2)
            text = f"{key.description[:1].upper()}{key.description[1:]}."
            if key.choices and key.type != "boolean":
                text += f" One of: {', '.join(key.choices)}."
            if key.range:
                text += f" {'Or' if key.choices else 'From'} {key.range}."
            _print_wrapped(text, indent=6)
        print()


def _quickstart_table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """Return a table with a row for each task, a column for each model; `-`: no known best score."""
    from rich.table import Table

    kinds = list(dict.fromkeys(kind for row in rows for kind in row["models"]))
    table = Table("task", "test score")
    for name in [*kinds, "best possible"]:
        table.add_column(name, justify="right")
    for row in rows:
        scores = [*(row["models"][kind]["score"] for kind in kinds), row["best"]]
        cells = ["-" if value is None else format_score(row["score"], value) for value in scores]
        table.add_row(readable_name(row["task"]), score_label(row["score"]), *cells)
    table.add_section()
    seconds = [sum(row["models"][kind]["seconds"] for row in rows) for kind in kinds]
    table.add_row("training time", "", *map(format_duration, seconds), "")
    return table


def _output_table(rows: Iterable[Mapping[str, Any]]) -> "Table":
    """Return the output of each model for each task, with the reference where there is one."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for row in rows:
        task = readable_name(row["task"])
        for kind, model in row["models"].items():
            table.add_row(task, kind, cell(model["output"]))
            task = ""  # only in the first row
        if row["reference"] is not None:
            table.add_row(task, "reference", cell(row["reference"]), style="dim")
    return table


def hidden_scores(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """Return prefixes of scores that are no row of their own: floors, and Lead-k beside other baselines."""
    return (FLOOR, LEAD) if "baselines" in metrics else (FLOOR,)


def _score_table(metrics: Mapping[str, Any], splits: Iterable[str]) -> "Table":
    """Return a table with a row for each score, a column for each split and its floor."""
    from rich.table import Table

    splits = list(splits)
    hidden = hidden_scores(metrics)
    names = list(
        dict.fromkeys(n for split in splits for n in metrics[split] if not n.startswith(hidden))
    )
    table = Table("score")
    rows = [[score_label(name)] for name in names]
    for split in splits:
        scores = metrics[split]
        table.add_column(split, justify="right")
        nothing = metrics.get("details", {}).get(split, {}).get("meaningless", ())
        for row, name in zip(rows, names, strict=True):
            row.append(format_score(name, None if name in nothing else scores.get(name)))
        if any(name.startswith(FLOOR) for name in scores):
            table.add_column(f"{split} floor", justify="right", style="dim")
            for row, name in zip(rows, names, strict=True):
                row.append(format_score(name, scores.get(FLOOR + name)))
    for row in rows:
        table.add_row(*row)
    return table


def last_details(metrics: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the last scored split that has details (`test` if it was scored), and its details."""
    details = metrics.get("details", {})
    scored = [split for split in metrics.get("splits", details) if split in details]
    return (scored[-1], details[scored[-1]]) if scored else ("", {})


def detail_rows(details: Mapping[str, Any]) -> tuple[str, list[list[str]]]:
    """Return scores by `class`, `label`, `type`, `tag` or `distance`: which of them, and rows with a head, or []."""
    for key in ("per_class", "per_label", "per_type", "per_tag", "by_distance"):
        if groups := details.get(key):
            kind = key.partition("_")[2]
            names = list(next(iter(groups.values())))
            head = [kind, *map(score_label, names)]
            body = [
                [label, *(format_score(name, scores.get(name)) for name in names)]
                for label, scores in groups.items()
            ]
            return kind, [head, *body]
    return "", []


def _print_details(screen: "Console", metrics: Mapping[str, Any]) -> None:
    """Print the details of the last scored split, and how its scores were computed."""
    split, details = last_details(metrics)
    for table in _detail_tables(split, details):
        screen.print(table)
    for name, signature in details.get("signatures", {}).items():
        screen.print(f"{readable_name(name)}: {signature}", markup=False, soft_wrap=True)


def _detail_tables(split: str, details: Mapping[str, Any]) -> Iterator["Table"]:
    """Yield scores by class, type or distance, their intervals, and a small confusion matrix."""
    kind, rows = detail_rows(details)
    if rows:
        yield _table(f"{split} by {kind}", rows)
    if intervals := details.get("confidence_intervals"):
        bounds = [
            [score_label(name), format_score(name, low), format_score(name, high)]
            for name, (low, high) in intervals.items()
        ]
        yield _table(f"{split}, 95% intervals", [["score", "from", "to"], *bounds])
    confusion = details.get("confusion_matrix")
    if confusion and len(confusion["labels"]) <= MOST_COLUMNS:
        labels = confusion["labels"]
        counts = zip(labels, confusion["matrix"], strict=True)
        body = [[label, *map(format_number, row)] for label, row in counts]
        yield _table(f"{split} confusion matrix", [["true / predicted", *labels], *body])


def _table(title: str, rows: Sequence[Sequence[str]]) -> "Table":
    """Return a table of the first rows: a column of text, then columns of numbers."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column, name in enumerate(rows[0]):
        table.add_column(cell(name), justify="right" if column else "left")
    body = rows[1:]
    for row in body[:MOST_ROWS]:
        table.add_row(*map(cell, row))
    if len(body) > MOST_ROWS:
        table.caption = f"{len(body) - MOST_ROWS} more in metrics.json"
    return table


def _cost_table(metrics: Mapping[str, Any]) -> "Table":
    """Return what the run took, a line for each known figure."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    if "tokens_per_second" in metrics:
        table.add_row("tokens per second", format_number(round(metrics["tokens_per_second"])))
    if "parameters" in metrics:
        table.add_row("parameters", format_parameters(metrics["parameters"]))
    if "seconds" in metrics:
        table.add_row("training time", format_duration(metrics["seconds"]))
    if "steps" in metrics and "epochs" in metrics:
        steps = format_count(metrics["steps"], "step")
        table.add_row("trained", f"{steps}, {format_count(float(metrics['epochs']), 'epoch')}")
    if "seeds" in metrics:
        table.add_row("seeds", ", ".join(str(seed) for seed in metrics["seeds"]))
    if "folds" in metrics:
        table.add_row("folds", f"{metrics['folds']}; mean ± deviation [95% interval of the mean]")
    return table
