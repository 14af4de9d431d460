"""Docstrings: every public name has one, and it starts with a verb or a noun, not with a question word."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("nlpseq", "tasks", "benchmarks", "docs")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
QUESTION = re.compile(r"(What|Whose|Whom|Which|Whether|Who|How|Where)\b")
Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
MOST_LINES = 50
ALLOWED_ABOVE = 3


def definitions(path: Path) -> Iterator[Definition]:
    """Yield a module, its classes and its functions, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Definition):
            yield node


def name_of(node: Definition) -> str:
    return "module" if isinstance(node, ast.Module) else node.name


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_do_not_start_with_a_question_word(path: Path) -> None:
    documented = {name_of(node): ast.get_docstring(node) or "" for node in definitions(path)}
    assert not [name for name, text in documented.items() if QUESTION.match(text)]


def test_few_functions_are_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in SOURCES
        for node in definitions(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES
    ]
    assert len(long) <= ALLOWED_ABOVE, long
