"""Text of users and models as it is shown: on a terminal, in HTML, in Markdown; characters, never commands or markup.

Labels, tokens, generated texts and names of files may come from a stranger. Every line that is printed, every message,
page and model card passes them through one of these functions.
"""

import html
import re
import sys
from typing import TextIO

# Control characters could command a terminal. They become their pictures (U+2400 and up), those of Latin-1, which have
# none, U+FFFD. Characters that reverse the order of what follows (bidirectional embeddings, overrides and isolates)
# become their codes; the marks U+200E and U+200F, which reverse nothing, stay.
_PICTURES: dict[int, int | str] = {code: 0x2400 + code for code in range(32)}
_PICTURES |= {0x7F: 0x2421, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}
_PICTURES |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_IN_LINES = {code: shown for code, shown in _PICTURES.items() if chr(code) not in "\n\t"}
_JSON_CODES = {code: f"\\u{code:04x}" for code in _IN_LINES}
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)|[&<>]|(?<=\w)://|(?i:www)\.")


def for_terminal(text: object, *, one_line: bool = False) -> str:
    r"""Return text in which control characters are visible.

    Args:
        text: any text, or an object that has one.
        one_line: line ends and tabs become visible, too.

    >>> for_terminal("a\x1b[31m")
    'a␛[31m'
    """
    return str(text).translate(_PICTURES if one_line else _IN_LINES)


def for_html(text: object) -> str:
    """Return text for an element or a quoted attribute of HTML or SVG.

    >>> for_html('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(for_terminal(text), quote=True)


def for_markdown(text: object) -> str:
    r"""Return text as one line of Markdown, also for the cell of a table, without links, markup or HTML.

    >>> for_markdown("a|b <i>*c*")
    'a\\|b &lt;i&gt;\\*c\\*'
    """
    return _MARKUP.sub(_literal, for_terminal(text, one_line=True))


def _literal(match: re.Match[str]) -> str:
    """Return markup as characters: HTML by its entities, a web address without its link, the rest after a backslash."""
    found = match[0]
    if found in _HTML:
        return _HTML[found]
    return f"{found[:-1]}\\{found[-1]}" if found[0].isalnum() else f"\\{found}"


def show(text: object, *, file: TextIO | None = None) -> None:
    """Print a line in which control characters are visible.

    Args:
        text: of the line.
        file: where to print; None: standard output.
    """
    print(for_terminal(text), file=file)


def for_output(text: str) -> str:
    """Return what is written to standard output: as it is into a file or pipe, made visible on a terminal."""
    return for_terminal(text) if sys.stdout.isatty() else text


def for_json(text: str) -> str:
    r"""Return JSON in which control characters are `\u` codes."""
    return text.translate(_JSON_CODES)


def for_json_output(text: str) -> str:
    """Return JSON for standard output: as it is into a file or pipe, see `for_json` on a terminal."""
    return for_json(text) if sys.stdout.isatty() else text
