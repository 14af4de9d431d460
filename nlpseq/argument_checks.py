"""Checks of arguments in Python that would be misread, such as `seeds="13"` as seeds 1 and 3."""

import operator
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError

MAX_SEED = 2**32 - 1


def checked(**arguments: Any) -> dict[str, Any]:
    """Check arguments of the functions of nlpseq by their names, and convert them.

    Raises:
        UserError: one of them is of a wrong type; one line says what to give.
    """
    return {name: _CHECKS[name](name, value) for name, value in arguments.items()}


def as_recipe_name(argument: str, recipe: Any) -> str:
    """Return the name of a recipe, or the path of a TOML file, as a string.

    Raises:
        UserError: it is no name or path.
    """
    if not isinstance(recipe, str | Path) or not str(recipe).strip():
        raise UserError(
            f"{argument}={recipe!r:.60}: give the name of a recipe, such as 'sentiment/quickstart' "
            "(`nlpseq recipes` lists them), or the path of a TOML file"
        )
    return str(recipe)


def as_names(argument: str, values: Any) -> list[str]:
    """Return names or texts as a list.

    Args:
        argument: name of the argument, for the message.
        values: strings, or paths, in any iterable except a string.

    Raises:
        UserError: a single string, something else, or an item that is no string.
    """
    if isinstance(values, str | bytes | Path):
        raise UserError(f"{argument}={values!r:.60}: give a list, {argument}=[{str(values)!r:.60}]")
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise UserError(f"{argument}={values!r:.60}: give a list of strings")
    names = list(values)
    for index, name in enumerate(names):
        if not isinstance(name, str | Path):
            raise UserError(f"{argument}[{index}]: {name!r:.60} is not a string")
    return [str(name) for name in names]


def as_run(argument: str, run: Any) -> str:
    """Return a run directory or Hub id as a string.

    Raises:
        UserError: it is neither a string nor a path.
    """
    if not isinstance(run, str | Path) or not str(run).strip():
        raise UserError(f"{argument}={run!r:.60}: give a run directory or a Hub id")
    return str(run)


def as_runs_or_recipes(argument: str, names: Any) -> list[str]:
    """Return the names of runs and recipes, of which there must be one.

    Raises:
        UserError: there is none, or one is no string.
    """
    if not names:
        raise UserError(
            "give run directories, such as 'runs/a', 'runs/b', or a recipe with kinds of models, "
            "such as 'sentiment/quickstart', models=['lstm', 'gru']"
        )
    first = next(iter(names))
    if not isinstance(first, str | Path) and isinstance(first, Iterable):
        raise UserError("give the names one by one, not in a list: (*names) instead of (names)")
    return as_names(argument, names)


def as_folder(argument: str, folder: Any) -> Path | None:
    """Return a folder as a path, or None.

    Raises:
        UserError: it is no path.
    """
    if folder is None:
        return None
    if not isinstance(folder, str | Path) or not str(folder):
        raise UserError(f"{argument}={folder!r:.60}: give the path of a folder")
    return Path(folder)


def as_seeds(argument: str, seeds: Any) -> list[int]:
    """Return seeds as a list of integers.

    Raises:
        UserError: a string, a single number, or a seed that is not an integer from 0 to 2**32 - 1, or
            occurs twice.
    """
    if isinstance(seeds, str | bytes | Mapping) or not isinstance(seeds, Iterable):
        example = seeds if isinstance(seeds, int) else "13, 14, 15"
        raise UserError(
            f"{argument}={seeds!r:.60}: give a list of integers, {argument}=[{example}]"
        )
    numbers = [as_seed(f"{argument}[{index}]", seed) for index, seed in enumerate(seeds)]
    if len(set(numbers)) < len(numbers):
        raise UserError(f"{argument}={numbers}: one is given twice")
    return numbers


def as_seed(argument: str, seed: Any) -> int:
    """Return a seed as an integer; integers of numpy are accepted.

    Raises:
        UserError: it is not an integer from 0 to 2**32 - 1.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_SEED:
        raise UserError(f"{argument}={seed!r:.60}: give an integer from 0 to 2**32 - 1")
    return number


def as_folds(argument: str, folds: Any) -> int:
    """Return a number of folds; 0: no cross-validation.

    Raises:
        UserError: it is not 0 and not an integer from 2 on.
    """
    try:
        number = -1 if isinstance(folds, bool) else operator.index(folds)
    except TypeError:
        number = -1
    if number != 0 and number < 2:
        raise UserError(f"{argument}={folds!r:.60}: give an integer from 2 on")
    return number


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "recipe": as_recipe_name,
    "run": as_run,
    "names": as_runs_or_recipes,
    "tasks": as_names,
    "models": as_names,
    "texts": as_names,
    "parts": as_names,
    "data_dir": as_folder,
    "output": as_folder,
    "seed": as_seed,
    "seeds": as_seeds,
    "folds": as_folds,
}
