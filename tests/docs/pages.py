"""The pages of the documentation and their parts: links, headings, code spans, commands, Python."""

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
    """Yield the words of every command `nlpseq ...` in a block, without the program's name."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&| \| ", line):
                words = shlex.split(part, comments=True)
                program = words.index("nlpseq") if "nlpseq" in words else -1
                if program == 0 or (program > 0 and words[program - 1] == "-m"):
                    yield words[program + 1 :]


def mentions(page: Path) -> Iterator[list[str]]:
    """Yield the words of every code span `nlpseq COMMAND ...`, which may be incomplete."""
    for span in spans(page):
        if span.startswith("nlpseq ") and "\n" not in span:
            yield span.split()[1:]
