"""Tasks by their names: the only module that imports a task; and recipes, validated by the schema of their task."""

import importlib
import inspect
import re
from collections.abc import Sequence
from typing import Any

from nlpseq import custom_code, recipe
from nlpseq.errors import UserError, suggest
from nlpseq.recipe import Recipe
from nlpseq.task import Task
from nlpseq.wording import abbreviate

_CLASS_PATH = re.compile(r"nlpseq\.tasks(\.[a-z_][a-z0-9_]*)+:[A-Z]\w*", re.ASCII)


def task_name(name: str) -> str:
    """Return the short name of a task of nlpseq, however it is named; any other name is returned unchanged."""
    return str(_tables().short_name(name))


def resolve(name: str) -> type[Task[Any]]:
    """Import the class of a task.

    Args:
        name: one of `nlpseq.tasks.TASKS`, such as `tagging`, `nlpseq.tasks.<module>:<Class>`, or
            `<file>.py:<Class>` of a file that was given with `--code`.

    Raises:
        UserError: there is no such task.
    """
    known = _tables().TASKS
    if custom_code.is_custom(name):
        return _checked(name, custom_code.lookup(name, "task"))
    path = known.get(task_name(name), name)
    if not _CLASS_PATH.fullmatch(path):
        raise UserError(
            f"task {abbreviate(name)}: no such task{suggest(name, known)} Available: {', '.join(known)}"
        )
    module_name, _, class_name = path.partition(":")
    try:
        task_class = getattr(importlib.import_module(module_name), class_name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(f"task {name!r}: this version of nlpseq has no such task") from error
    return _checked(name, task_class)


def _checked(name: str, task_class: Any) -> type[Task[Any]]:
    """Return the class if it is a complete `Task`."""
    if not (isinstance(task_class, type) and issubclass(task_class, Task)):
        raise UserError(f"task {name!r} is not a Task")
    if inspect.isabstract(task_class):
        missing = ", ".join(sorted(task_class.__abstractmethods__))
        raise UserError(f"task {name!r} does not define {missing}")
    return task_class


def _tables() -> Any:
    """Return the module of the tables of tasks, imported by name since the library names no task."""
    return importlib.import_module("nlpseq.tasks")


def read_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, apply overrides, and validate it by the schema of its task.

    Args:
        name: name of a recipe, or path of a TOML file.
        overrides: `section.key=value` assignments.

    Raises:
        UserError: no such recipe, or a key or value that the schema refuses.
    """
    document = recipe.override(recipe.read_document(name), overrides)
    if "task" not in document:
        raise UserError(f"recipe {name}: key task is missing, for example task = 'classification'")
    given = document["task"]
    task = task_name(given if isinstance(given, str) else abbreviate(given))
    return recipe.validate(resolve(task).Config, {**document, "task": task}, f"recipe {name}")
