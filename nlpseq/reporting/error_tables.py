"""The errors of a run as people read them: lines and tables, for a terminal or a page.

Nothing is computed here: `ErrorReport.to_json()` has the numbers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from nlpseq.reporting.formats import format_number, format_score, is_percent, score_label
from nlpseq.reporting.terminal import cell, console
from nlpseq.safe_text import for_terminal
from nlpseq.wording import format_count

Report = Mapping[str, Any]
"""`ErrorReport.to_json()`."""
Case = Mapping[str, Any]

_CONFLICTS = {
    "conflicts": "Equal texts with different labels",
    "train_conflicts": "Texts that have another label in train",
}
_LONGEST = 90  # characters of a text in a table
MOST_ROWS = 10  # of a table on a terminal
TITLES = {
    "classes": "Most confident mistakes",
    "spans": "Texts with the most errors",
    "tags": "Texts with the most wrong tags",
    "texts": "Outputs with the worst score",
    "likelihoods": "Texts with the highest nll per token",
    "numbers": "Largest errors",
    "label sets": "Texts with the most wrong labels",
}
_TYPE_COLUMNS = {
    "gold": "gold",
    "predicted": "predicted",
    "correct": "correct",
    "missed": "missed",
    "spurious": "spurious",
    "wrong_type": "wrong type",
    "wrong_boundary": "wrong boundary",
    "wrong_both": "both wrong",
}


class ErrorTable(NamedTuple):
    """A table with its title; the first row is the head.

    Attributes:
        title: of the table.
        rows: head and body.
        words: number of the columns, from the last, that hold text.
    """

    title: str
    rows: list[list[str]]
    words: int = 0


def error_lines(report: Report) -> list[str]:
    """Return the report in a few lines: sizes, main score, label errors, notes."""
    examples = format_count(report["examples"], "example")
    mistakes = report["mistakes"]
    line = f"{report['split']}: {examples}"
    if mistakes is not None:
        share = mistakes / max(report["examples"], 1)
        line += f", {mistakes:,} {wrong_word(report)} ({share:.1%})"
    score = report["scores"].get(report["score"])
    if score is not None:
        line += f"; {score_label(report['score'])} {format_score(report['score'], score)}"
    return [line, *label_error_lines(report), *report["notes"]]


def wrong_word(report: Report) -> str:
    """Return what a wrong example is called: one of several tags or spans may be wrong."""
    return "with errors" if report["kind"] in ("spans", "tags") else "wrong"


def label_error_lines(report: Report) -> list[str]:
    """Return what is known of wrong labels."""
    found, lines = report["label_errors"], []
    if found["estimated"] is not None and not found["note"]:
        lines.append(
            f"labels: about {found['estimated']:.0f} of {report['examples']:,} are wrong by confident learning, "
            f"{format_count(found['count'], 'example')} to look at"
        )
    if found["note"]:
        lines.append(found["note"])
    if conflicts := report["conflicts"]:
        lines.append(f"{format_count(len(conflicts), 'text')} with conflicting labels")
    if conflicts := report.get("train_conflicts"):
        lines.append(f"{format_count(len(conflicts), 'text')} with another label in train")
    return lines


def error_tables(report: Report) -> Iterator[ErrorTable]:
    """Yield the tables that have rows."""
    if report["worst"]:
        name = value_label(report)
        head = ["example", name, "target", "prediction", "text"]
        rows = [
            [
                example_name(case),
                format_value(report, case["value"]),
                *target_and_prediction(report["kind"], case),
                _short(case_text(case)),
            ]
            for case in report["worst"]
        ]
        yield ErrorTable(TITLES[report["kind"]], [head, *rows], words=3)
    if report["confusions"]:
        head = ["count", "of the target", "target", "prediction", "for example"]
        rows = [
            [
                f"{pair['count']:,}",
                f"{pair['share']:.1%}" if pair["target"] != "none" or pair["share"] <= 1 else "",
                pair["target"],
                pair["prediction"],
                _short(_instance(pair)),
            ]
            for pair in report["confusions"]
        ]
        yield ErrorTable("Confusions", [head, *rows], words=3)
    if report["types"]:
        yield type_table(report)
    yield from slice_tables(report)
    yield from _label_tables(report)


def type_table(report: Report) -> ErrorTable:
    """Return counts by type, label or tag, without columns of zeros."""
    rows = report["types"]
    used = [
        name
        for name in _TYPE_COLUMNS
        if name in ("gold", "predicted") or any(r[name] for r in rows)
    ]
    labels = [_TYPE_COLUMNS[name] for name in used]
    kind = {"tags": "tag", "label sets": "label"}.get(report["kind"], "type")
    if kind == "tag":
        labels = ["wrong" if label == "wrong type" else label for label in labels]
    body = [[row["type"], *(f"{row[name]:,}" for name in used)] for row in rows]
    return ErrorTable(f"Errors by {kind}", [[kind, *labels], *body])


def slice_tables(report: Report) -> Iterator[ErrorTable]:
    """Yield scores by length and by rare words."""
    for title, slices in report["slices"].items():
        counted = all(part["mistakes"] is not None for part in slices)
        head = [title, "examples", *(["wrong", "wrong (%)"] if counted else [])]
        head.append(score_label(report["score"]))
        body = []
        for part in slices:
            row = [part["name"], f"{part['examples']:,}"]
            if counted:
                share = part["mistakes"] / part["examples"]
                row += [f"{part['mistakes']:,}", f"{100 * share:.1f}"]
            body.append([*row, format_score(report["score"], part["score"])])
        yield ErrorTable(f"By {title.partition(' (')[0]}", [head, *body])


def _label_tables(report: Report) -> Iterator[ErrorTable]:
    if issues := report["label_errors"]["issues"]:
        head = ["example", "p (label)", "label", "suggested", "text"]
        rows = [
            [
                example_name(issue["case"]),
                f"{issue['case']['value']:.3f}",
                str(issue["case"]["target"]),
                issue["suggested"],
                _short(case_text(issue["case"])),
            ]
            for issue in issues
        ]
        yield ErrorTable("Likely label errors", [head, *rows], words=3)
    for key, title in _CONFLICTS.items():
        if not report.get(key):
            continue
        head = ["examples", "targets", "text"]
        rows = [
            [
                ", ".join(map(example_name, conflict["cases"])),
                " / ".join(
                    dict.fromkeys(plain_target(case["target"]) for case in conflict["cases"])
                ),
                _short(case_text(conflict)),
            ]
            for conflict in report[key]
        ]
        yield ErrorTable(title, [head, *rows], words=3)


def value_label(report: Report) -> str:
    """Return the label of what the worst cases are sorted by."""
    name = report["value"]
    return "nll per token" if name == "nll_per_token" else score_label(name)


def format_value(report: Report, value: float | None) -> str:
    """Return the value of a case in the unit of `value_label`."""
    if value is None:
        return ""
    if is_percent(report["value"]):
        return format_score(report["value"], value)
    return (
        format_number(int(value))
        if value > 1 and float(value).is_integer()
        else format_number(value)
    )


def example_name(case: Case) -> str:
    """Return the index of a case and the ids of the user: `12 (ticket_id T0012)`."""
    name = f"fold {case['fold']}, {case['index']}" if case["fold"] else str(case["index"])
    ids = ", ".join(f"{key} {value}" for key, value in [*case["columns"].items()][:1])
    return f"{name} ({_short(ids, 40)})" if ids else name


def case_text(case: Case) -> str:
    """Return the texts of a case in one line."""
    return " | ".join(text if isinstance(text, str) else " ".join(text) for text in case["texts"])


def target_and_prediction(kind: str, case: Case) -> list[str]:
    """Return reference and prediction of a case; of a tagger what is wrong."""
    if kind in ("spans", "tags"):
        gold, predicted = ("gold", "predicted")
        return [
            _short("; ".join(_span(error, side) for error in case["spans"]), 60)
            for side in (gold, predicted)
        ]
    return [_short(plain_target(case["target"]), 60), _short(plain_prediction(kind, case), 60)]


def plain_target(target: Any) -> str:
    """Return a reference as text."""
    if isinstance(target, float):
        return format_number(target)
    if isinstance(target, list | tuple):
        return ", ".join(map(str, target)) or "none"
    return "" if target is None else str(target)


def plain_prediction(kind: str, case: Case) -> str:
    """Return the prediction of a case as text."""
    prediction = case["prediction"]
    if isinstance(prediction, Mapping):
        key = {"classes": "label", "label sets": "labels", "numbers": "number"}[kind]
        prediction = prediction[key]
    return plain_target(prediction)


def _span(error: Mapping[str, Any], side: str) -> str:
    span = error[side]
    return "-" if span is None else f"{error[f'{side}_text']}/{span[2]}".strip("/")


def _instance(pair: Mapping[str, Any]) -> str:
    if not pair["cases"]:
        return ""
    case = pair["cases"][0]
    if case["spans"]:
        return str(case["spans"][0]["gold_text"] or case["spans"][0]["predicted_text"])
    return case_text(case)


def _short(text: str, length: int = _LONGEST) -> str:
    text = for_terminal(" ".join(text.split()))
    return text if len(text) <= length else f"{text[: length - 1]}…"


def print_errors(report: Report) -> None:
    """Print lines and the first rows of the tables on the terminal; a report has all rows."""
    screen = console()
    for line in error_lines(report):
        screen.print(line, markup=False, soft_wrap=True)
    for table in error_tables(report):
        screen.print()
        screen.print(_drawn(table))


def _drawn(table: ErrorTable) -> Any:
    from rich.table import Table

    head, *body = table.rows
    drawn = Table(title=table.title, title_justify="left")
    words = len(head) - table.words
    for column, name in enumerate(head):
        right = 0 < column < words or (column == 0 and name == "count")
        drawn.add_column(cell(name), justify="right" if right else "left", overflow="fold")
    for row in body[:MOST_ROWS]:
        drawn.add_row(*(cell(value) for value in row))
    if len(body) > MOST_ROWS:
        drawn.caption = f"{len(body) - MOST_ROWS} more on the page, and with --json"
    return drawn
