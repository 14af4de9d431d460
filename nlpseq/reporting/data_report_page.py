"""The report on data as one HTML page with nothing outside it, for light and dark screens and for print."""

from collections.abc import Mapping, Sequence
from typing import Any

from nlpseq.reporting.data_report import ReportTable, report_lines, tables, warnings
from nlpseq.reporting.figures import STYLE
from nlpseq.safe_text import for_html

_LAYOUT = """\
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
ul { padding-left: 1.2rem; }
li { overflow-wrap: anywhere; }
.warnings { border-left: .3rem solid #d55e00; padding-left: 1.6rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .25rem .8rem .25rem .3rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, .words th, .words td { text-align: left; overflow-wrap: anywhere; }
thead th { background: var(--shade); border-bottom-width: 2px; white-space: nowrap; }
tbody th { font-weight: normal; }
svg { display: block; max-width: 100%; height: auto; margin: .6rem 0; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .faint { fill: var(--faint); }
svg rect { fill: var(--accent); }
@media print { body { max-width: none; margin: 0; } tr, svg { break-inside: avoid; } }
"""
_WORDS = ("Scripts and languages", "Equal texts with different labels")
_BAR, _LABEL, _ROW = 320, 180, 22  # pixels
_MOST_BARS = 20


def report_page(report: Mapping[str, Any], title: str) -> str:
    """Return the page; everything that comes from data is escaped.

    Args:
        report: `DataReport.to_json()`.
        title: heading, such as the name of the file.
    """
    parts = [
        f"<h1>{_text(title)}</h1>",
        _list(report_lines(report)),
    ]
    if found := warnings(report):
        parts += ["<h2>To look at</h2>", _list(found, "warnings")]
    train = report["splits"].get("train") or next(iter(report["splits"].values()))
    counts = _counts(train)
    if len(counts) > 1:
        parts += [f"<h2>{_text('Distribution in train')}</h2>", _bars(counts)]
    parts += [_table(table) for table in tables(report)]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{_text(title)}</title>\n<style>\n{STYLE}{_LAYOUT}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _counts(split: Mapping[str, Any]) -> Mapping[str, int]:
    """Return what a split is to be learnt of: counts of labels, types of spans, or tags."""
    if split["labels"]:
        counts: Mapping[str, int] = split["labels"]["counts"]
        return counts
    if split["tags"]:
        counts = split["tags"]["types"] or split["tags"]["counts"]
        return counts
    counts = split["spans"]
    return counts


def _bars(counts: Mapping[str, int]) -> str:
    """Return a bar chart as SVG, whose colours follow the page."""
    shown = list(counts.items())[:_MOST_BARS]
    largest = max(count for _, count in shown)
    total = sum(counts.values())
    rows = []
    for index, (name, count) in enumerate(shown):
        y = index * _ROW
        width = max(round(_BAR * count / largest), 1)
        label = name.replace("\0", ", ")
        label = label if len(label) <= 26 else f"{label[:25]}…"
        rows.append(
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{_text(label)}</text>'
            f'<rect x="{_LABEL}" y="{y + 4}" width="{width}" height="{_ROW - 8}" rx="2"/>'
            f'<text class="faint" x="{_LABEL + width + 6}" y="{y + 15}">{count:,} ({count / total:.1%})</text>'
        )
    height = len(shown) * _ROW
    width = _LABEL + _BAR + 120
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="number of examples by label">{"".join(rows)}</svg>'
    )


def _list(lines: Sequence[str], kind: str = "") -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f'<ul class="{kind}">{items}</ul>' if kind else f"<ul>{items}</ul>"


def _table(table: ReportTable) -> str:
    head, *body = table.rows
    cells = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    rows = "\n".join(
        f'<tr><th scope="row">{_text(first)}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in body
    )
    kind = ' class="words"' if table.title in _WORDS else ""
    return (
        f'<h2>{_text(table.title)}</h2>\n<div class="wide"><table{kind}>\n<thead><tr>{cells}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _text(text: object) -> str:
    return for_html(text)
