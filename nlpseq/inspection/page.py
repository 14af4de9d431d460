"""One page of pictures and tables that needs nothing else: images are in it, and it asks nothing of a network.

For light and dark screens and for paper. Pictures are drawn on white, and keep a white ground on a dark page.
"""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_START = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; }}
h2 {{ font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid rgb(128 128 128 / 40%); }}
p {{ max-width: 46rem; overflow-wrap: anywhere; }}
figure {{ display: inline-block; vertical-align: top; margin: 0 1rem 1rem 0; max-width: 100%; }}
figure > div {{ overflow-x: auto; }}
img {{ background: #fff; border-radius: .3rem; max-width: 100%; height: auto; }}
img.wide {{ max-width: none; }}
figcaption {{ font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; font-size: .9rem; margin: 0 0 1rem; }}
th, td {{ padding: .15rem .8rem .15rem 0; text-align: right; font-weight: normal; }}
th:first-child, td:first-child {{ text-align: left; overflow-wrap: anywhere; }}
thead th {{ border-bottom: 1px solid rgb(128 128 128 / 40%); font-weight: bold; }}
code {{ font-size: .9em; overflow-wrap: anywhere; }}
@media print {{
  body {{ max-width: none; margin: 0; }}
  figure, table {{ break-inside: avoid; }}
  img.wide {{ max-width: 100%; }}
}}
</style>
</head>
<body>
<h1>{title}</h1>
"""
_END = "</body>\n</html>\n"
_WIDE = 1000  # pixels; a wider picture is scrolled instead of shrunk until nothing can be read


@dataclass(frozen=True)
class Picture:
    """A PNG file and what stands below it."""

    path: Path
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        text: what there is to see, paragraph by paragraph.
        pictures: in their order.
        table: rows, the head first; none: no table.
    """

    title: str
    text: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    table: Sequence[Sequence[str]] = field(default_factory=list)


def inspection_page(title: str, facts: Sequence[str], sections: Sequence[Section]) -> str:
    """The page as HTML.

    Args:
        title: heading of the page.
        facts: lines below it, such as the command.
        sections: what follows.

    Raises:
        OSError: a picture cannot be read.
    """
    head = _START.format(title=html.escape(title))
    lines = "".join(f"<p><code>{html.escape(fact)}</code></p>\n" for fact in facts)
    return head + lines + "".join(map(_section, sections)) + _END


def _section(section: Section) -> str:
    text = "".join(f"<p>{html.escape(paragraph)}</p>\n" for paragraph in section.text)
    pictures = "".join(map(_figure, section.pictures))
    return (
        f"<section>\n<h2>{html.escape(section.title)}</h2>\n{text}{_table(section.table)}"
        f"{pictures}</section>\n"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows[1:]
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _figure(picture: Picture) -> str:
    data = picture.path.read_bytes()
    width = int.from_bytes(data[16:20], "big")  # of a PNG's header
    kind = ' class="wide"' if width > _WIDE else ""
    caption = html.escape(picture.caption)
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure><div><img{kind} alt="{caption}" src="{uri}"></div>'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )
