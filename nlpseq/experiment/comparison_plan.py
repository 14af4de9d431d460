"""The plan of a comparison: which models to train, from one recipe or several, and what is made equal."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpseq import custom_code, recipe
from nlpseq.data.in_memory import LocalData
from nlpseq.errors import UserError
from nlpseq.files import distinct_names, portable_name
from nlpseq.recipe.encoders import FAMILIES, suggest_kind
from nlpseq.task_lookup import read_recipe

from .run import check_seeds

KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
_NOTES = {
    "parameters": "All models have as many parameters as the first, within 3%, without embedding and output layer.",
    "time": "All models were trained for as many steps as fit into the same minutes, by a short run of each.",
    "steps": "All models were trained for the same number of steps, whatever their size.",
}
MATCHES = tuple(_NOTES)


@dataclass(frozen=True)
class PlannedModel:
    """A model to train: its name, its recipe, and the overrides of the recipe."""

    name: str
    recipe: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonPlan:
    """The models to train for a comparison, and what is made equal.

    Attributes:
        recipes: one recipe with `models`, else several recipes.
        overrides: assignments to all recipes.
        models: kinds of encoder for the one recipe; a decoder has the kind of its encoder.
        seeds: seeds of the runs of each model.
        match: `parameters` (as many as the first model, without embedding and output layer), `time`
            (`minutes` of training for each model) or `steps` (as many updates). The default is
            `parameters` for several models, and `steps` for several recipes, which set their own sizes.
        minutes: training time of each model.
        local_data: folder of local data files, or data in memory.
        device: device to train on.
    """

    recipes: Sequence[str]
    overrides: Sequence[str] = ()
    models: Sequence[str] = ()
    seeds: Sequence[int] = (13, 14, 15)
    match: str = ""
    minutes: float | None = None
    local_data: LocalData | None = None
    device: str | None = None

    def planned_models(self) -> list[PlannedModel]:
        """Return the models, with all their recipes checked.

        Raises:
            UserError: an unknown model, fewer than two, or options that contradict each other.
        """
        self._check()
        if self.models:
            planned = [self._of_kind(model) for model in self.models]
        else:
            stems = [name.removesuffix(".toml") for name in self.recipes]
            names = [name.replace("/", "") for name in distinct_names(stems, separator="-")]
            planned = [
                PlannedModel(name, recipe_name, tuple(self.overrides))
                for name, recipe_name in zip(names, self.recipes, strict=True)
            ]
        names = [model.name for model in planned]
        if len(set(names)) < len(names) or len(names) < 2:
            raise UserError(
                f"{', '.join(names)}: a comparison needs two different models or more, such as "
                "--models lstm,gru or two recipes"
            )
        self._check_recipes(planned)
        return planned

    def _check(self) -> None:
        check_seeds(self.overrides, self.seeds)
        if self.matched not in MATCHES:
            raise UserError(f"--match {self.match}: choose {', '.join(MATCHES)}")
        if (self.matched == "time") != (self.minutes is not None):
            raise UserError("--match time and --minutes X, of each model, go together: give both")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise UserError(f"--minutes {self.minutes:g}: write a number above 0")
        if self.models and len(self.recipes) > 1:
            raise UserError(
                "--models compares kinds of model of one recipe: name one, or leave --models out"
            )

    def _check_recipes(self, planned: Sequence[PlannedModel]) -> None:
        """Check every recipe with every seed before the first model is trained."""
        tasks = {}
        for model in planned:
            for seed in self.seeds:
                read_recipe(model.recipe, [*model.overrides, f"seed={seed}"])
            tasks[read_recipe(model.recipe, model.overrides).task] = model.recipe
        if len(tasks) > 1:
            listed = ", ".join(
                f"{name} of {task.rpartition(':')[2]}" for task, name in tasks.items()
            )
            raise UserError(f"{listed}: different tasks; recipes of one task can be compared")

    @property
    def matched(self) -> str:
        """The budget that is made equal: `match`, or its default."""
        return self.match or ("parameters" if self.models else "steps")

    @property
    def note(self) -> str:
        """The budget that is made equal, as a sentence for the report."""
        return _NOTES[self.matched]

    def _of_kind(self, model: str) -> PlannedModel:
        if custom_code.is_custom(model):
            custom_code.lookup(model, "--models")  # raises if its file was not given
        elif model not in KINDS:
            near = suggest_kind(model, KINDS).removesuffix(".") or f"; there are {', '.join(KINDS)}"
            raise UserError(f"--models: no model is called {model!r}{near}")
        # Of cells/my_cells.py:MyCell; runs are in a folder of this name.
        name = portable_name(model.rpartition("/")[2])
        return PlannedModel(name, self.recipes[0], (*self.overrides, f"encoder.kind={model}"))

    def command(self, output: Path) -> list[str]:
        """Return the words of the command for this plan, without options of finished runs."""
        words = ["nlpseq", "compare", *self.recipes, *self.overrides]
        words += ["--models", ",".join(self.models)] if self.models else []
        words += ["--seeds", ",".join(map(str, self.seeds)), "--match", self.matched]
        words += ["--minutes", f"{self.minutes:g}"] if self.minutes is not None else []
        return [*words, "--output", str(output)]

    @property
    def request(self) -> dict[str, Any]:
        """Return the part of the request that decides the recipes, as JSON; later requests may add seeds."""
        return {
            "recipes": list(self.recipes),
            "overrides": list(self.overrides),
            "models": list(self.models),
            "match": self.matched,
            "minutes": self.minutes,
        }


def is_recipe(word: str) -> bool:
    """Return whether a word is a recipe's name, nearly one, or a TOML file, and not a folder."""
    near = bool(difflib.get_close_matches(word, recipe.names(), n=1, cutoff=0.8))
    return word.endswith(".toml") or (not Path(word).is_dir() and near)


def folder_name(recipe_name: str) -> str:
    """Return a recipe's name as the name of a folder."""
    return (
        Path(recipe_name).stem if recipe_name.endswith(".toml") else recipe_name.replace("/", "-")
    )
