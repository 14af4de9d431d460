"""The report as one HTML page: pictures inside, nothing asked of the network, for screen and print."""

import base64
import html
import re
from collections.abc import Iterable, Sequence

from .figures import Picture
from .report import Report
from .tables import Rows, all_tables

_STYLE = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1e21; --faint: #5f656d; --line: #d5d9de;
  --shade: #f3f5f7; --accent: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1b1e23; --ink: #e4e6ea; --faint: #a3a9b2; --line: #3b4048; --shade: #24282e;
    --accent: #56b4e9; }
}
body { background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; max-width: 60rem;
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
.numbers td { white-space: normal; text-wrap: balance; }
.texts th, .texts td { text-align: left; white-space: normal; vertical-align: top; }
thead th { background: var(--shade); border-bottom-width: 2px; }
tbody th { font-weight: normal; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
pre { background: var(--shade); padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; }
pre code { display: block; padding-left: 2ch; text-indent: -2ch; }
code { overflow-wrap: anywhere; }
.dark { display: none; }
@media (prefers-color-scheme: dark) { .dark { display: inline; } .light { display: none; } }
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --faint: #444; --line: #bbb; --shade: #f3f5f7;
    --accent: #0072b2; }
  body { max-width: none; margin: 0; padding: 0; font-size: .85rem; }
  .dark { display: none; } .light { display: inline; }
  img { max-height: 6.8cm; }
  th, td { white-space: normal; padding: .2rem .5rem; }
  h2 { break-after: avoid; } tr, figure, .verdict { break-inside: avoid; } .wide { overflow: visible; }
}
"""


def page(report: Report, pictures: Sequence[Picture]) -> str:
    """Write the page; all that came from data, recipes and paths is escaped."""
    names = ", ".join(model.name for model in report.models)
    title = f"{names}: {report.unit.label}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            # Nothing in here could call home, not even by mistake.
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
            f"<title>{_text(title)}</title>",
            f"<style>\n{_STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{_text(title)}</h1>",
            f'<p class="faint">{_text(_subtitle(report))}</p>',
            *(f'<p class="verdict">{_sentence(verdict)}</p>' for verdict in report.verdicts),
            *(_figure(picture) for picture in pictures),
            *(_table(heading, rows) for heading, rows in all_tables(report)),
            *_notes(report),
            *_origin(report),
            "</body>",
            "</html>\n",
        ]
    )


def _text(text: object) -> str:
    return html.escape(str(text), quote=True)


def _sentence(text: str) -> str:
    """No line ends within `p = 0.03`."""
    return re.sub(r"\bp (=|&lt;) (?=\d)", r"p&nbsp;\1&nbsp;", _text(text))


def _subtitle(report: Report) -> str:
    seeds = sum(len(model.seeds) for model in report.models)
    return f"{report.task}, {report.split} split of {report.examples:,} examples, {seeds} runs"


def _figure(picture: Picture) -> str:
    images = (
        f'<img class="{theme}" alt="{_text(picture.text)}" '
        f'src="data:image/png;base64,{base64.b64encode(image).decode()}">'
        for theme, image in picture.images.items()
    )
    return (
        f"<figure>\n{''.join(images)}\n<figcaption>{_text(picture.text)}.</figcaption>\n</figure>"
    )


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


def _notes(report: Report) -> Iterable[str]:
    method = (
        f"Scores over seeds: mean ± standard deviation, and the {report.level:.0%} t interval of the mean. "
        f"Differences: {report.samples:,} resampled test sets, the same for all models. With several seeds for "
        "both models, seeds are resampled and then examples, and the standard error is read on Student's t; with one, "
        "the interval is the paired bootstrap's and p is that of approximate randomization, and both speak of the "
        "trained models only. Holm: p corrected for all pairs of models. Cohen's d_z: the difference by "
        "the standard deviation of the paired differences of examples."
    )
    yield "<h2>How to read this</h2>"
    yield f"<p>{_text(method)}</p>"
    if report.notes:
        yield f"<ul>{''.join(f'<li>{_text(note)}</li>' for note in report.notes)}</ul>"


def _origin(report: Report) -> Iterable[str]:
    """Commands, seeds, data and versions: what it takes to do it again."""
    yield "<h2>Where it comes from</h2>"
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
        "All figures, and the tests of every other score, are in <code>report.json</code>.</p>"
    )
