"""Pages that are generated from the code: the API reference, and the keys of recipes."""

import importlib
import pkgutil
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import nlpseq

TITLES = {
    "nlpseq": "nlpseq: the functions",
    "nlpseq.predictor": "nlpseq.predictor: typed predictions",
    "nlpseq.task": "nlpseq.task: what a task defines",
}
ORDER = [
    "nlpseq",
    "nlpseq.predictor",
    "nlpseq.task",
    "nlpseq.recipe",
    "nlpseq.data",
    "nlpseq.layers",
    "nlpseq.models",
    "nlpseq.decoding",
    "nlpseq.training",
    "nlpseq.metrics",
    "nlpseq.experiment",
    "nlpseq.analysis",
    "nlpseq.inspection",
    "nlpseq.reporting",
    "nlpseq.tasks",
    "nlpseq.cli",
]
"""Packages and modules with a page of their own; modules directly in `nlpseq` share the first page."""


def pages(folder: Path) -> None:
    """Write every generated page into a folder; unchanged files are left alone."""
    names = ORDER + sorted(_packages() - set(ORDER))
    written = {folder / f"{name}.rst": _api_page(name) for name in names}
    written[folder / "keys.md"] = _keys()
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.iterdir()) - set(written):
        path.unlink()
    for path, text in written.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def modules(package: str) -> list[str]:
    """Return the names of a package and of all public modules below it, the package first."""
    module = importlib.import_module(package)
    if not hasattr(module, "__path__"):
        return [package]
    below = pkgutil.walk_packages(module.__path__, f"{package}.")
    found = [name for _, name, _ in below if not re.search(r"\._", name)]
    return [package, *sorted(found)]


def _packages() -> set[str]:
    """Return every package directly below `nlpseq` that holds code; that of `api` is on the first page."""
    found = pkgutil.iter_modules(nlpseq.__path__, "nlpseq.")
    names = {info.name for info in found if info.ispkg}
    return (names | {"nlpseq.tasks"}) - {"nlpseq.recipes", "nlpseq.api"}


def _api_page(name: str) -> str:
    title = TITLES.get(name, name)
    parts = [f"{title}\n{'=' * len(title)}\n"]
    names = _top_modules() if name == "nlpseq" else modules(name)
    for module in names:
        if module != name:
            parts.append(f"{module}\n{'-' * len(module)}\n")
        # What a package imports from its modules is documented where it is defined.
        hidden = "   :ignore-module-all:\n" if module != "nlpseq" else ""
        parts.append(f".. automodule:: {module}\n   :members:\n{hidden}")
    return "\n".join(parts)


def _top_modules() -> list[str]:
    """Return `nlpseq` and the modules directly in it that have no page of their own."""
    found = pkgutil.iter_modules(nlpseq.__path__, "nlpseq.")
    names = [info.name for info in found if not info.ispkg and info.name != "nlpseq.__main__"]
    return ["nlpseq", *sorted(set(names) - set(ORDER))]


def _keys() -> str:
    """Return the page of recipe keys: sections that all tasks share, then those that each task adds or changes."""
    from nlpseq.tasks import TASKS

    from nlpseq.recipe import Recipe
    from nlpseq.recipe.keys import describe
    from nlpseq.task_lookup import resolve

    shared = describe(Recipe)
    parts = ["## All tasks\n", *_key_tables(shared)]
    for task in TASKS:
        own = [key for key in describe(resolve(task).Config) if key not in shared]
        parts += [f"## {task}\n", *_key_tables(own)]
    return "\n".join(parts)


def _key_tables(keys: list[Any]) -> list[str]:
    """Return a table for each section, and for each kind of encoder or decoder in it."""
    parts = []
    for (section, kinds), group in groupby(keys, key=lambda key: (key.section, key.kinds)):
        title = f"[{section}]" if section else "top level"
        suffix = f", kind = {', '.join(f'`{kind}`' for kind in kinds)}" if kinds else ""
        parts.append(f"### `{title}`{suffix}\n" if section else f"### {title}\n")
        parts.append(
            "| key | type | default | choices or range | description |\n|---|---|---|---|---|"
        )
        for key in group:
            choices = "" if key.type == "boolean" else ", ".join(f"`{c}`" for c in key.choices)
            choices = "; ".join(filter(None, [choices, key.range]))
            default = f"`{key.default}`" if key.default else ""
            description = re.sub(r"(?<!`)(--[a-z-]+)", r"`\1`", key.description)
            cells = [f"`{key.name}`", key.type, default, choices, description]
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("")
    return parts


def docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring, which is Markdown with Google's sections, into reStructuredText in place."""
    lines[:] = as_rst(lines)


def as_rst(lines: list[str]) -> list[str]:
    """Return docstring lines with diagrams as literal blocks and Markdown's plain characters escaped."""
    found: list[str] = []
    outer = 0  # indentation of the last paragraph that is not literal
    for paragraph in _paragraphs(lines):
        indent = min((_indent(line) for line in paragraph if line.strip()), default=0)
        if not any(line.strip() for line in paragraph):
            found += paragraph
        elif (found and indent >= outer + 4) or _is_table(paragraph):
            deeper = " " * max(0, outer + 4 - indent)
            found += [f"{' ' * outer}::", "", *(f"{deeper}{line}" for line in paragraph)]
        else:
            outer = _indent(paragraph[-1])
            outer = min(outer, indent) if not paragraph[0].endswith(":") else outer
            found += _escape("\n".join(paragraph)).split("\n")
    return found


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Return runs of lines with text, and runs of blank lines, in their order."""
    return [list(group) for _, group in groupby(lines, key=lambda line: bool(line.strip()))]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_table(paragraph: list[str]) -> bool:
    """Return whether lines are set in columns, by bars or by runs of spaces."""
    columns = [line for line in paragraph if re.search(r"\S {3,}\S| \| ", line)]
    return len(paragraph) > 1 and 2 * len(columns) > len(paragraph)


_CODE = re.compile(r"``[^`]+``|`[^`]+`")


def _escape(text: str) -> str:
    """Escape characters that reStructuredText would read as markup, outside code."""
    parts, last = [], 0
    for match in _CODE.finditer(text):
        glued = text[match.end() : match.end() + 1].isalnum()  # `Batch`es
        code = f"``{match.group().strip('`')}``" + ("\\ " if glued else "")
        parts += [_plain(text[last : match.start()]), code]
        last = match.end()
    return "".join([*parts, _plain(text[last:])])


def _plain(text: str) -> str:
    text = re.sub(r"(?<!\\)([*|])", r"\\\1", text)
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", text)


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what pydantic adds to every class, and fields of named tuples without a description."""
    undescribed = str(getattr(obj, "__doc__", "")).startswith("Alias for field number")
    return True if undescribed or name in {"model_config", "model_post_init"} else None
