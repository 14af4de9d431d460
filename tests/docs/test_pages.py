"""Links resolve; every name, path, recipe, key and command of the documentation exists."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest
from nlpseq.tasks import TASKS

from nlpseq import recipe
from nlpseq.cli.parser import parse
from nlpseq.readers import READERS
from nlpseq.recipe.keys import describe
from nlpseq.task_lookup import resolve

from .pages import LINK, PAGES, ROOT, anchors, blocks, commands, mentions, name, prose, spans

NAMING = [page for page in PAGES if page.name != "CHANGELOG.md"]  # it names removed features
DOTTED = re.compile(r"nlpseq(\.[A-Za-z_]\w*)+(?=\(|$)")
PATH = re.compile(r"(nlpseq|tasks|recipes|benchmarks|tests|docs)/[\w./]+")
PLACEHOLDER = re.compile(r"^[A-Z_]+$|my_|REPOSITORY")
each_page = pytest.mark.parametrize("page", PAGES, ids=name)
each_naming_page = pytest.mark.parametrize("page", NAMING, ids=name)


@cache
def keys() -> dict[str, set[str]]:
    """Return the names of the keys in each section, over all tasks."""
    found: dict[str, set[str]] = {}
    for task in TASKS:
        for key in describe(resolve(task).Config):
            found.setdefault(key.section, set()).add(key.name)
    return found


def test_there_are_pages() -> None:
    assert len(PAGES) > 20


@each_page
def test_links_resolve(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@each_page
def test_footnotes_are_defined_and_used(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    defined = re.findall(r"^\[\^(\w+)\]:", text, re.MULTILINE)
    used = re.findall(r"(?<=.)\[\^(\w+)\]", text)
    assert len(defined) == len(set(defined))
    assert set(defined) == set(used)


@each_naming_page
def test_dotted_names_exist(page: Path) -> None:
    for span in spans(page):
        if match := DOTTED.match(span):
            assert exists(match.group()), span


@each_naming_page
def test_paths_exist(page: Path) -> None:
    for span in spans(page):
        if PATH.fullmatch(span) and "_build" not in span and not PLACEHOLDER.search(span):
            known = span.removesuffix("/") in recipe.names()
            assert known or (ROOT / span).exists() or (ROOT / f"{span}.md").exists(), span


@each_page
def test_commands_are_understood(page: Path) -> None:
    names = set(recipe.names())
    folders = {known.partition("/")[0] for known in names}
    for words in commands(page):
        if words[0] != "--version":
            parse(words)
        for word in words:
            key, equals, _ = word.partition("=")
            if equals and re.fullmatch(r"[a-z_]+(\.\w+)+", key):
                section, _, rest = key.partition(".")
                assert rest.partition(".")[0] in keys()[section], word
            if words[0] in ("run", "compare", "recipes") and word.partition("/")[0] in folders:
                assert word in names, word


@each_page
def test_mentioned_options_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in mentions(page):
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if words[0].isupper() or words[0].startswith(("-", ".")):
            continue
        with pytest.raises(SystemExit) as end:
            parse([words[0], "--help"])
        assert not end.value.code, words
        help_text = capsys.readouterr().out
        assert all(re.search(rf"{option}\b", help_text) for option in options), words


@each_naming_page
def test_keys_exist(page: Path) -> None:
    for span in spans(page):
        match = re.match(r"([a-z_]+)\.([a-z_0-9]+)(?= ?=|$)", span)
        if match and match[1] in keys() and match[2] not in ("py", "toml", "json", "jsonl", "md"):
            module = ROOT / "nlpseq" / match[1] / f"{match[2]}.py"
            assert match[2] in keys()[match[1]] or module.exists(), span


@each_page
def test_python_compiles_and_names_what_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "nlpseq":
                    assert exists(f"nlpseq.{node.attr}"), ast.unparse(node)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    assert exists(f"{node.module}.{alias.name}"), ast.unparse(node)


def test_every_recipe_and_reader_is_named_somewhere() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = [known for known in recipe.names() if not known.endswith("quickstart_transformer")]
    for known in [*names, *(f"`{reader}`" for reader in READERS)]:
        assert known in text, known


def test_the_architecture_names_every_package_and_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layout = text.partition("```")[2].partition("```")[0]
    for path in (ROOT / "nlpseq").iterdir():
        if path.suffix == ".py" and not path.name.startswith("__"):
            assert path.name in layout, path.name
        elif (path / "__init__.py").exists():
            assert f"{path.name}/" in layout, path.name
    rules = text.partition("## Import rules")[2].partition("## Contracts")[0]
    packages = {path.stem for path in (ROOT / "nlpseq").iterdir() if path.stem[0] not in "_."}
    missing = {name for name in packages if f"`{name}`" not in rules} - {"py"}
    assert not missing


def exists(dotted: str) -> bool:
    """Return whether a dotted name is a module, or an attribute (of an attribute) of one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
