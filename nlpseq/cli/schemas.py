"""The schema of a task's recipes, imported without torch where that is possible."""

import importlib
from pathlib import Path
from typing import Any

from nlpseq import recipe
from nlpseq.recipe import Recipe


def task_of(name: str) -> str:
    """Return the task of a recipe; a name that is no recipe's is returned as it is."""
    if name not in recipe.names() and not (name.endswith(".toml") and Path(name).is_file()):
        return name
    return str(recipe.read_document(name).get("task", ""))


def schema_of(task: str) -> type[Recipe]:
    """Return the schema of a task.

    Raises:
        UserError: there is no such task.
    """
    light = light_schema_of(task)
    if light is not None:
        return light
    from nlpseq.task_lookup import resolve  # imports torch

    return resolve(task).Config


def light_schema_of(task: str) -> type[Recipe] | None:
    """Return `<Task>Recipe` from the module `recipe` of a task's package; None if it is not there."""
    tables: Any = importlib.import_module("nlpseq.tasks")
    path = tables.TASKS.get(tables.short_name(task), "")
    module_name, _, class_name = path.partition(":")
    package = module_name.rpartition(".")[0]
    if not package:
        return None
    try:
        module = importlib.import_module(f"{package}.recipe")
    except ModuleNotFoundError:
        return None
    return getattr(module, f"{class_name}Recipe", None)
