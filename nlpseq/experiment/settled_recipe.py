"""recipe.toml of a run: the recipe with the keys that the data settled, and how a resumed run is checked against it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from nlpseq.errors import UserError
from nlpseq.recipe import Recipe, validate
from nlpseq.run_directory import RECIPE
from nlpseq.task_lookup import resolve, task_name

SETTLED = (("data", "pretokenized"), ("tokenization", "split"))
"""Keys of a recipe that `Task.resolved_recipe` fills in from the data."""


def to_toml(recipe: Recipe) -> str:
    """Return a recipe as TOML, defaults included."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def reread(document: Mapping[str, Any], given: Recipe) -> str:
    """Return the stored recipe of a run as this version writes it; '' if it is not valid.

    Keys that `given` leaves to the data are taken out, since the stored recipe has them as the data settled them.

    Args:
        document: the stored recipe.
        given: the recipe to compare it with.
    """
    try:
        stored = _validated(document)
    except UserError:
        return ""
    for section, key in SETTLED:
        if getattr(getattr(given, section), key) is None:
            part = getattr(stored, section).model_copy(update={key: None})
            stored = stored.model_copy(update={section: part})
    return to_toml(stored)


def check_settled(file: Path, document: Mapping[str, Any], resolved: Recipe) -> None:
    """Check that the data settle what they settled when the run was started; earlier versions stored nothing.

    Args:
        file: recipe.toml of the run.
        document: the stored recipe.
        resolved: its recipe with what the data settle now.

    Raises:
        UserError: a key has another value.
    """
    stored = _validated(document)
    for section, key in SETTLED:
        before = getattr(getattr(stored, section), key)
        now = getattr(getattr(resolved, section), key)
        if before not in (None, now):
            raise UserError(
                f"{file}: the run was started with {section}.{key} = {before}, now it would be {now}; resume it "
                "with the same overrides and data, or choose another --output"
            )


def _validated(document: Mapping[str, Any]) -> Recipe:
    name = task_name(str(document.get("task")))
    return validate(resolve(name).Config, {**document, "task": name}, f"recipe {RECIPE}")
