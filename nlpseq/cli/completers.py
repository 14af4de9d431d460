"""Completers, which argcomplete calls when the user presses the tab key; none of them imports torch."""

from argparse import Action, Namespace
from collections.abc import Callable, Iterable

Completer = Callable[..., Iterable[str]]


def attach(action: Action, completer: Completer) -> None:
    """Let argcomplete complete the values of an argument by `completer`."""
    action.completer = completer  # type: ignore[attr-defined]


def recipes(prefix: str, **_: object) -> list[str]:
    """Return the names of recipes, and files of the user."""
    from argcomplete.completers import FilesCompleter

    from nlpseq import recipe

    files: Iterable[str] = FilesCompleter()(prefix)
    return [*(name for name in recipe.names() if name.startswith(prefix)), *files]


def overrides(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
    """Return `section.key=` for each key, or `section.key=value` where the values are known."""
    known = _choices_by_key(_first_recipe(parsed_args))
    name, equals, _value = prefix.partition("=")
    if equals:
        choices = known.get(name, ())
        return [f"{name}={choice}" for choice in choices if f"{name}={choice}".startswith(prefix)]
    return [f"{key}=" for key in known if key.startswith(prefix)]


def shipped_recipes(prefix: str, **_: object) -> list[str]:
    """Return the names of the recipes that `nlpseq recipes` lists."""
    from nlpseq import recipe

    return [name for name in recipe.names() if name.startswith(prefix)]


def recipes_and_overrides(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
    """Return names of recipes and `section.key=`."""
    keys = overrides(prefix, parsed_args)
    return keys if "=" in prefix else [*recipes(prefix), *keys]


def quickstart_tasks(prefix: str, **_: object) -> list[str]:
    """Return the tasks of `nlpseq quickstart`."""
    from nlpseq import recipe

    stem = "/quickstart"
    tasks = [name.removesuffix(stem) for name in recipe.names() if name.endswith(stem)]
    return _complete_list(prefix, tasks)


def encoder_kinds(prefix: str, **_: object) -> list[str]:
    """Return the kinds of encoder."""
    return _complete_list(prefix, _choices_by_key("")["encoder.kind"])


def tasks_and_recipes(prefix: str, **_: object) -> list[str]:
    """Return task names and recipes."""
    from nlpseq import recipe

    tasks = {entry.task for entry in recipe.catalogue()}
    return [*sorted(task for task in tasks if task.startswith(prefix)), *shipped_recipes(prefix)]


def sections(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
    """Return the sections of a recipe."""
    known = _choices_by_key(getattr(parsed_args, "task", None) or "")
    names = dict.fromkeys(key.partition(".")[0] for key in known if "." in key)
    return [name for name in names if name.startswith(prefix)]


def devices(prefix: str, **_: object) -> list[str]:
    """Return the usual devices."""
    return [name for name in ("auto", "cpu", "cuda", "mps") if name.startswith(prefix)]


def _first_recipe(parsed_args: Namespace) -> str:
    """Return the first argument that may be a recipe."""
    words = [getattr(parsed_args, "recipe", None) or ""]
    words += [*(getattr(parsed_args, "runs", None) or [])]
    words += [*(getattr(parsed_args, "models_and_overrides", None) or [])]
    return next((word for word in words if word and "=" not in word), "")


def _choices_by_key(recipe_or_task: str) -> dict[str, list[str]]:
    """Return the keys of a recipe's task with their choices; the keys of all tasks for ''."""
    from nlpseq.cli.schemas import light_schema_of, task_of
    from nlpseq.recipe import Recipe, keys

    choices: dict[str, list[str]] = {}
    for key in keys.describe(light_schema_of(task_of(recipe_or_task)) or Recipe):
        known = choices.setdefault(key.full_name, [])
        known += [choice for choice in key.choices if choice not in known]
    return choices


def _complete_list(prefix: str, names: Iterable[str]) -> list[str]:
    """Complete the last name of a list separated by commas."""
    before, comma, last = prefix.rpartition(",")
    given = before.split(",")
    return [
        f"{before}{comma}{name}" for name in names if name.startswith(last) and name not in given
    ]
