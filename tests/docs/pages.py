"""The pages of the documentation, and what they hold: links, headings, code spans, commands, Python."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(?P<language>[\w{}]*)[^\n]*\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")


def name(page: Path) -> str:
    """Return a page's path in the project, for the names of tests."""
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of code in one language."""
    text = page.read_text(encoding="utf-8")
    return [match["body"] for match in FENCE.finditer(text) if match["language"] == language]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as repository hosts and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def spans(page: Path) -> list[str]:
    """Return the code spans of a page; a span that a line break cuts counts as one line."""
    text = re.sub(r"(?<=\S)\n(?=\S)", " ", prose(page))
    return SPAN.findall(text)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of every complete command `nlpseq ...` in blocks and code spans."""
    lines = [line for block in blocks(page, "bash") for line in _lines(block)]
    lines += [span for span in spans(page) if span.startswith("nlpseq ")]
    for line in lines:
        for part in re.split(r"&&|\||; do|; done", line):
            if not re.search(r"\.\.\.|…| -m nlpseq", part):
                words = shlex.split(part, comments=True)
                if words and words[0] == "nlpseq" and words[1:]:
                    yield words[1:]
            elif "-m nlpseq" in part:
                yield shlex.split(part.partition("-m nlpseq")[2], comments=True)


def _lines(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()
