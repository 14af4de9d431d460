"""The errors of a run as one HTML page with nothing outside it, for light and dark screens and for print."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nlpseq.reporting.error_cases import CaseWriter, Shading, chip, probability
from nlpseq.reporting.error_style import LAYOUT, SCRIPT, script_hash
from nlpseq.reporting.error_tables import TITLES, ErrorTable, slice_tables, type_table, wrong_word
from nlpseq.reporting.figures import STYLE
from nlpseq.reporting.formats import format_score, readable_name, score_label
from nlpseq.safe_text import for_html
from nlpseq.wording import format_count

Report = Mapping[str, Any]
"""`ErrorReport.to_json()`."""


_SIDES = f"{chip('target', 'reference', 'gold')}, {chip('predicted', 'prediction', 'wrong')}"
_SHARE = ' class="share"'
_LEGEND = (
    '<span class="legend">Shading by integrated gradients: {}<span class="scale"></span>{}.</span>'
)


class _Section(NamedTuple):
    """A section: its anchor, name in the navigation, heading, explanation and content."""

    anchor: str
    name: str
    title: str
    hint: str
    content: str


def error_page(report: Report, shading: Shading | None = None, command: str = "") -> str:
    """Return the page; everything that comes from data is escaped.

    Args:
        report: `ErrorReport.to_json()`.
        shading: shaded texts by fold and index of a case, already HTML.
        command: that made the page.
    """
    writer = CaseWriter(report, shading or {})
    sections = [section for section in _sections(report, writer) if section.content]
    title = f"Errors of {report['run']}"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {script_hash()}"
    body = "".join(
        f'<section>\n<h2 id="{part.anchor}">{for_html(part.title)}</h2>\n'
        f'<p class="hint">{part.hint}</p>\n{part.content}</section>\n'
        for part in sections
    )
    made = f"Made by <code>{for_html(command)}</code>." if command else "Made by nlpseq."
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{for_html(title)}</title>\n<style>\n{STYLE}{LAYOUT}</style>\n</head>\n<body>\n<main>\n"
        f"{_header(report, title)}{_navigation(report, sections)}{body}"
        f"<footer>{made}</footer>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _header(report: Report, title: str) -> str:
    examples, mistakes = report["examples"], report["mistakes"]
    tiles = [(f"{examples:,}", f"examples of {report['split']}")]
    if mistakes is not None:
        share = mistakes / max(examples, 1)
        tiles.append((f"{mistakes:,}", f"{wrong_word(report)} ({share:.1%})"))
    name = report["score"]
    if (score := report["scores"].get(name)) is not None:
        tiles.append((format_score(name, score), score_label(name)))
    if report["label_errors"]["estimated"] is not None and not report["label_errors"]["note"]:
        tiles.append((f"{report['label_errors']['estimated']:.0f}", "wrong labels (estimated)"))
    if report["conflicts"]:
        tiles.append((f"{len(report['conflicts']):,}", "texts with conflicting labels"))
    drawn = "".join(
        f'<div class="tile"><b>{for_html(value)}</b><span>{for_html(label)}</span></div>\n'
        for value, label in tiles
    )
    notes = [*report["notes"], *filter(None, [report["label_errors"]["note"]])]
    listed = "".join(f"<p>{for_html(note)}</p>" for note in notes)
    return (
        f'<header>\n<h1>{for_html(title)}</h1>\n<p class="lead">{for_html(readable_name(report["task"]))} · '
        f'{for_html(report["split"])} split</p>\n<div class="tiles">\n{drawn}</div>\n'
        + (f'<div class="notes">{listed}</div>\n' if notes else "")
        + "</header>\n"
    )


def _navigation(report: Report, sections: Sequence[_Section]) -> str:
    links = "".join(f'<a href="#{part.anchor}">{for_html(part.name)}</a>\n' for part in sections)
    pairs = [f"{pair['target']} → {pair['prediction']}" for pair in report["confusions"]]
    choice = ""
    if report["kind"] == "classes" and len(pairs) > 1:
        options = "".join(
            f'<option value="{for_html(pair)}">{for_html(pair)}</option>' for pair in pairs
        )
        choice = (
            '<label class="filter">show <select id="pair"><option value="">all pairs of classes</option>'
            f"{options}</select></label>\n"
        )
    return f"<nav>\n{links}{choice}</nav>\n"


def _sections(report: Report, writer: CaseWriter) -> Iterator[_Section]:
    """Yield the sections in their order; those without content are left out."""
    numbers = report["kind"] == "numbers"
    ends = ("lowers the number", "raises it") if numbers else ("against the prediction", "for it")
    shaded = _LEGEND.format(*ends) if writer.shading else ""
    hints = {
        "classes": f"The model is sure and wrong: {_SIDES}. {shaded}",
        "spans": "Wrong spans are marked: in the reference and in the output of the model.",
        "tags": "Wrongly tagged tokens are marked: in the reference and in the output of the model.",
        "likelihoods": "Texts that surprise the model most.",
    }
    worst = "".join(writer.card(case, writer.value(case)) for case in report["worst"])
    title = TITLES[report["kind"]]
    yield _Section("worst", title, title, hints.get(report["kind"], shaded), _cases(worst))
    yield _Section(
        "confusions",
        "Confusions",
        "Confusions",
        f"{_SIDES}; the percentage is of all that have this reference. Open a pair for examples.",
        _confusions(report, writer),
    )
    if report["types"]:
        table = type_table(report)
        yield _Section("types", table.title, table.title, "", _table(table))
    slices = "".join(
        f"<h3>{for_html(table.title)}</h3>\n{_table(table)}" for table in slice_tables(report)
    )
    yield _Section(
        "slices",
        "Length and rare words",
        "By length and rare words",
        "Parts of the split with about the same number of texts, and texts by how often train has their rarest word.",
        slices,
    )
    yield from _label_sections(report, writer)


def _label_sections(report: Report, writer: CaseWriter) -> Iterator[_Section]:
    found = report["label_errors"]
    cards = "".join(
        writer.card(
            issue["case"],
            probability("p (label)", issue["case"]["value"]),
            suggested=issue["suggested"],
        )
        for issue in found["issues"]
    )
    hint = (
        "Confident learning: the model, which was not trained on these examples, gives another class more "
        "probability than examples of that class have on average. "
        f"{format_count(found['count'], 'example')}, the likeliest errors first: "
        f"{chip('label', 'the label', 'wrong')}, {chip('likely', 'the likely class', 'gold')}."
    )
    yield _Section("labels", "Label errors", "Likely label errors", hint, _cases(cards))
    conflicts = "".join(map(_conflict, report["conflicts"]))
    yield _Section(
        "conflicts",
        "Conflicts",
        "Equal texts with different labels",
        "At least one of the labels is wrong, or the text alone does not decide.",
        conflicts,
    )


def _cases(cards: str) -> str:
    if not cards:
        return ""
    return f'<div class="cases">\n{cards}<p class="none" hidden>none of this pair in the list</p>\n</div>\n'


def _confusions(report: Report, writer: CaseWriter) -> str:
    largest = max((pair["count"] for pair in report["confusions"]), default=1)
    lists = []
    for pair in report["confusions"]:
        key = f"{pair['target']} → {pair['prediction']}"
        cards = "".join(
            writer.card(case, writer.value(case) if case["value"] is not None else "")
            for case in pair["cases"]
        )
        filtered = f' data-pair="{for_html(key)}"' if report["kind"] == "classes" else ""
        share = f"{pair['share']:.1%}" if pair["target"] != "none" else ""
        lists.append(
            f"<details{filtered}><summary><span>{chip('target', pair['target'], 'gold')} "
            f'<span class="arrow">→</span> {chip("predicted", pair["prediction"], "wrong")}</span>'
            f"<b>{pair['count']:,}</b>"
            f'<span class="bars"><i class="bar" style="--share:{0.8 * pair["count"] / largest:.3f}"></i>'
            f"<span>{share}</span></span></summary>\n{cards}</details>\n"
        )
    return "".join(lists)


def _conflict(conflict: Mapping[str, Any]) -> str:
    texts = [text if isinstance(text, str) else " ".join(text) for text in conflict["texts"]]
    labels: dict[str, list[str]] = {}
    for case in conflict["cases"]:
        target = case["target"]
        name = ", ".join(map(str, target)) if isinstance(target, list | tuple) else str(target)
        ids = [str(value) for value in case["columns"].values() if value is not None][:1]
        where = f"fold {case['fold']}, {case['index']}" if case["fold"] else str(case["index"])
        labels.setdefault(name, []).append(ids[0] if ids else where)
    chips = " ".join(
        f'{chip("label", name, "wrong")}<span class="name">{for_html(", ".join(examples))}</span>'
        for name, examples in labels.items()
    )
    content = "".join(f'<p class="text" dir="auto">{for_html(text)}</p>\n' for text in texts)
    return f'<article class="case"><div class="meta">{chips}</div>\n{content}</article>\n'


def _table(table: ErrorTable) -> str:
    """Return a table; a column `wrong (%)` gets a bar."""
    head, *body = table.rows
    share = head.index("wrong (%)") if "wrong (%)" in head else -1
    cells = "".join(
        f'<th scope="col"{_SHARE if column == share else ""}>{for_html(cell)}</th>'
        for column, cell in enumerate(head)
    )
    largest = max((float(row[share]) for row in body), default=0.0) if share > 0 else 0.0
    rows = []
    for first, *rest in body:
        drawn = [f'<th scope="row">{for_html(first)}</th>']
        for column, cell in enumerate(rest, start=1):
            if column == share:
                part = 0.8 * float(cell) / (largest or 1.0)
                bar = f'<i class="bar" style="--share:{part:.3f}"></i><span>{cell}%</span>'
                drawn.append(f'<td{_SHARE}><div class="bars">{bar}</div></td>')
            else:
                drawn.append(f"<td>{for_html(cell)}</td>")
        rows.append(f"<tr>{''.join(drawn)}</tr>")
    return (
        f'<div class="wide"><table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody>\n</table></div>\n"
    )
