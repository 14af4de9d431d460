"""The report as one HTML page with its pictures inside, for light and dark screens and for print."""

import re
from collections.abc import Iterable, Sequence

from nlpseq.reporting.figures import STYLE, Picture
from nlpseq.safe_text import for_html

from .results import ComparisonResults
from .tables import Rows, all_tables

_LAYOUT = """\
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin-bottom: .2rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
.faint, figcaption { color: var(--faint); }
.verdict { border-left: .3rem solid var(--accent); padding: .2rem 0 .2rem .9rem; margin: .7rem 0;
  font-size: 1.1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.numbers td, .numbers thead th { white-space: pre-line; text-wrap: balance; }
.texts th, .texts td { text-align: left; white-space: normal; vertical-align: top; }
thead th { background: var(--shade); border-bottom-width: 2px; }
tbody th { font-weight: normal; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
pre { background: var(--shade); padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; }
pre code { display: block; padding-left: 2ch; text-indent: -2ch; }
code { overflow-wrap: anywhere; }
@media print {
  body { max-width: none; margin: 0; padding: 0; font-size: .85rem; }
  img { max-height: 6.8cm; }
  th, td { white-space: normal; padding: .2rem .5rem; }
  h2 { break-after: avoid; } tr, figure, .verdict { break-inside: avoid; } .wide { overflow: visible; }
}
"""


def page(report: ComparisonResults, pictures: Sequence[Picture]) -> str:
    """Return the page; everything that comes from data, recipes and paths is escaped."""
    title = _title(report)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            # Nothing in the page can load anything from the network, not even by mistake.
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
            f"<title>{_text(title)}</title>",
            f"<style>\n{STYLE}{_LAYOUT}</style>",
            "</head>",
            "<body>",
            report_html(report, pictures),
            *_method(report),
            *_origin(report),
            "</body>",
            "</html>\n",
        ]
    )


def report_html(report: ComparisonResults, pictures: Sequence[Picture]) -> str:
    """Return title, verdicts, figures, tables and notes as HTML elements."""
    notes = "".join(f"<li>{_text(note)}</li>" for note in report.notes)
    return "\n".join(
        [
            f"<h1>{_text(_title(report))}</h1>",
            f'<p class="faint">{_text(_subtitle(report))}</p>',
            *(f'<p class="verdict">{_sentence(verdict)}</p>' for verdict in report.verdicts),
            *([f"<ul>{notes}</ul>"] if notes else []),
            *(_figure(picture) for picture in pictures),
            *(_table(heading, rows) for heading, rows in all_tables(report)),
        ]
    )


def _title(report: ComparisonResults) -> str:
    return f"{', '.join(model.name for model in report.models)}: {report.unit.label}"


def _text(text: object) -> str:
    return for_html(text)


def _sentence(text: str) -> str:
    """Escape a sentence and keep `p = 0.03` on one line."""
    return re.sub(r"\bp (=|&lt;) (?=\d)", r"p&nbsp;\1&nbsp;", _text(text))


def _subtitle(report: ComparisonResults) -> str:
    seeds = sum(len(model.seeds) for model in report.models)
    return f"{report.task}, {report.split} split of {report.examples:,} examples, {seeds} runs"


def _figure(picture: Picture) -> str:
    caption = _text(picture.caption)
    return f"<figure>\n{picture.to_html()}\n<figcaption>{caption}.</figcaption>\n</figure>"


def _table(heading: str, rows: Rows, kind: str = "numbers") -> str:
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in rows[0])
    body = "\n".join(
        f'<tr><th scope="row">{_text(first)}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows[1:]
    )
    title = f"{heading[:1].upper()}{heading[1:]}"
    return (
        f'<h2>{_text(title)}</h2>\n<div class="wide"><table class="{kind}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _method(report: ComparisonResults) -> Iterable[str]:
    method = (
        f"Scores over seeds: mean ± standard deviation, and the {report.level:.0%} t interval of the mean. "
        f"Differences use {report.samples:,} resampled test sets, the same for all models. If both models have "
        "several seeds, seeds and then examples are resampled, and Student's t turns the standard error into "
        "interval and p-value. With one seed, the interval comes from the paired bootstrap and p from "
        "approximate randomization; both hold for the trained models only. Holm: p corrected for all pairs of "
        "models. Cohen's d_z: the difference divided by the standard deviation of the paired differences of "
        "examples."
    )
    yield "<h2>How to read this</h2>"
    yield f"<p>{_text(method)}</p>"


def _origin(report: ComparisonResults) -> Iterable[str]:
    """Yield commands, seeds, data and versions, to reproduce the comparison."""
    yield "<h2>How to reproduce it</h2>"
    commands = [*(model.command for model in report.models), report.command]
    yield f"<pre>{''.join(f'<code>{_text(command)}</code>' for command in commands)}</pre>"
    rows = [["model", "encoder", "seeds", "trained on (fingerprint)", "versions", "machine"]]
    for model in report.models:
        versions = ", ".join(f"{name} {version}" for name, version in model.versions.items())
        seeds = ", ".join(map(str, model.seeds))
        train = model.data.get("train", "")[:12]
        rows.append([model.name, model.encoder, seeds, train, versions, model.cost.machine])
    yield _table("Models", rows, kind="texts")
    yield (
        f"<p>Fingerprint (SHA-256) of the {_text(report.split)} split: <code>{_text(report.fingerprint)}</code>. "
        "<code>report.json</code> has all numbers, and the tests of every other score.</p>"
    )
