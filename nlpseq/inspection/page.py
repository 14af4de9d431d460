"""The page of an inspection: one HTML file with its pictures inside, for light and dark screens and for print."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nlpseq.reporting.figures import STYLE, Picture
from nlpseq.safe_text import for_html

_LAYOUT = """\
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
p { max-width: 46rem; overflow-wrap: anywhere; }
figure { display: inline-block; vertical-align: top; margin: 0 1rem 1rem 0; max-width: 100%; }
figure > div { overflow-x: auto; }
img { max-width: 100%; height: auto; }
.wide img { max-width: none; }
figcaption { font-size: .85rem; color: var(--faint); overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: 0 0 1rem; }
th, td { padding: .15rem .8rem .15rem 0; text-align: right; font-weight: normal; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
thead th { border-bottom: 1px solid var(--line); font-weight: bold; }
code { font-size: .9em; overflow-wrap: anywhere; }
@media print {
  body { max-width: none; margin: 0; }
  figure, table { break-inside: avoid; }
  .wide img { max-width: 100%; }
}
"""
_WIDE = 960  # pixels; a wider picture scrolls, so that its labels stay readable


@dataclass(frozen=True)
class PageSection:
    """A section of the page.

    Attributes:
        title: its heading.
        text: paragraphs that explain what it shows.
        pictures: in their order.
        table: rows, the head first; empty: no table.
    """

    title: str
    text: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    table: Sequence[Sequence[str]] = field(default_factory=list)


def inspection_page(title: str, facts: Sequence[str], sections: Sequence[PageSection]) -> str:
    """Return the page as HTML.

    Args:
        title: heading of the page.
        facts: lines below it, such as the command.
        sections: of the page.
    """
    lines = "".join(f"<p><code>{for_html(fact)}</code></p>\n" for fact in facts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{for_html(title)}</title>\n<style>\n{STYLE}{_LAYOUT}</style>\n</head>\n<body>\n"
        f"<h1>{for_html(title)}</h1>\n{lines}{sections_html(sections)}</body>\n</html>\n"
    )


def sections_html(sections: Sequence[PageSection]) -> str:
    """Return the sections as HTML elements."""
    return "".join(map(_section, sections))


def _section(section: PageSection) -> str:
    text = "".join(f"<p>{for_html(paragraph)}</p>\n" for paragraph in section.text)
    pictures = "".join(map(_figure, section.pictures))
    return (
        f"<section>\n<h2>{for_html(section.title)}</h2>\n{text}{_table(section.table)}"
        f"{pictures}</section>\n"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{for_html(cell)}</th>' for cell in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{for_html(cell)}</td>' for cell in row)}</tr>\n" for row in rows[1:]
    )
    return (
        f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody>\n</table></div>\n"
    )


def _figure(picture: Picture) -> str:
    kind = ' class="wide"' if picture.width > _WIDE else ""
    caption = for_html(picture.caption)
    return (
        f"<figure{kind}><div>{picture.to_html()}</div><figcaption>{caption}</figcaption></figure>\n"
    )
