"""What is to be compared: kinds of model of one recipe, or several recipes, and how they are made equal."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpseq import recipe
from nlpseq.errors import UserError, suggest
from nlpseq.recipe.encoders import FAMILIES

from .seeds import read_recipe, refuse_seed

KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
_EQUAL = {
    "parameters": "the models have as many parameters as the first, within 3%, embedding and output layer aside",
    "time": "the models were given as many updates as a short run of each fits into the same minutes",
    "steps": "the models were given the same number of updates, whatever their size",
}
MATCHES = tuple(_EQUAL)


@dataclass(frozen=True)
class Entry:
    """A model that takes part: its name, its recipe, and what that is changed by."""

    name: str
    recipe: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Contest:
    """What is to be trained, and how models are made equal.

    Attributes:
        recipes: one with `models`, else several.
        overrides: of all of them.
        models: kinds of encoder; a decoder follows its encoder.
        seeds: of the runs of each model.
        match: `parameters` (those of the first model, but for embedding and output layer), `time`
            (`minutes` of training each) or `steps` (as many updates); by default parameters of several
            models, steps of several recipes, which say themselves how large their models are.
        minutes: for each model.
        data_dir: local files.
        device: where to train.
    """

    recipes: Sequence[str]
    overrides: Sequence[str] = ()
    models: Sequence[str] = ()
    seeds: Sequence[int] = (13, 14, 15)
    match: str = ""
    minutes: float | None = None
    data_dir: Path | None = None
    device: str | None = None

    def entries(self) -> list[Entry]:
        """The models, each once.

        Raises:
            UserError: an unknown model, too few of them, or options that contradict each other.
        """
        self._check()
        if self.models:
            found = [self._entry(model) for model in self.models]
        else:
            named = zip(_short(self.recipes), self.recipes, strict=True)
            found = [Entry(name, one, tuple(self.overrides)) for name, one in named]
        names = [entry.name for entry in found]
        if len(set(names)) < len(names) or len(names) < 2:
            raise UserError(f"{', '.join(names)}: a comparison needs two different models or more")
        tasks = {}
        for entry in found:  # what is wrong with any is told before the first is trained
            for seed in self.seeds:
                read_recipe(entry.recipe, [*entry.overrides, f"seed={seed}"])
            tasks[read_recipe(entry.recipe, entry.overrides).task] = entry.recipe
        if len(tasks) > 1:
            told = ", ".join(f"{name} of {task.rpartition(':')[2]}" for task, name in tasks.items())
            raise UserError(f"{told}: different tasks; recipes of one task can be compared")
        return found

    def _check(self) -> None:
        refuse_seed(self.overrides, self.seeds)
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

    @property
    def matched(self) -> str:
        """What is made equal."""
        return self.match or ("parameters" if self.models else "steps")

    @property
    def note(self) -> str:
        """That in words."""
        return _EQUAL[self.matched]

    def _entry(self, model: str) -> Entry:
        if model not in KINDS:
            near = suggest(model, KINDS).removesuffix(".") or f"; there are {', '.join(KINDS)}"
            raise UserError(f"--models: no model is called {model!r}{near}")
        kind = f"encoder.kind={model}"
        return Entry(model, self.recipes[0], (*self.overrides, kind))

    def command(self, output: Path) -> list[str]:
        """The words that ask for this, but for options that finished runs have, too."""
        words = ["nlpseq", "compare", *self.recipes, *self.overrides]
        words += ["--models", ",".join(self.models)] if self.models else []
        words += ["--seeds", ",".join(map(str, self.seeds)), "--match", self.matched]
        words += ["--minutes", f"{self.minutes:g}"] if self.minutes is not None else []
        return [*words, "--output", str(output)]

    @property
    def request(self) -> dict[str, Any]:
        """What decides the models' recipes; more seeds may be asked for later."""
        return {
            "recipes": list(self.recipes),
            "overrides": list(self.overrides),
            "models": list(self.models),
            "match": self.matched,
            "minutes": self.minutes,
        }


def is_recipe(word: str) -> bool:
    """Whether a word names a recipe, or is nearly the name of one, and no folder."""
    near = bool(difflib.get_close_matches(word, recipe.names(), n=1, cutoff=0.8))
    return word.endswith(".toml") or (not Path(word).is_dir() and near)


def stem(name: str) -> str:
    """A recipe's name as that of a folder."""
    return Path(name).stem if name.endswith(".toml") else name.replace("/", "-")


def _short(recipes: Sequence[str]) -> list[str]:
    """Names of models for recipes: as much of the end of each as tells them apart."""
    parts = [Path(name.removesuffix(".toml")).parts for name in recipes]
    for length in range(1, max(map(len, parts)) + 1):
        short = ["-".join(part[-length:]).replace("/", "") for part in parts]
        if len(set(short)) == len(short):
            break
    return short
