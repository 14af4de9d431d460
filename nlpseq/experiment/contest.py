"""Several models of one recipe, or several recipes: matched, trained, and compared.

OUTPUT/plan.json             what was asked for, and what each model's recipe is changed by
OUTPUT/<model>/seed-<n>/     the runs
OUTPUT/report.json, report.html, plots/
"""

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpseq import recipe
from nlpseq.analysis import comparison
from nlpseq.analysis.comparison import Report
from nlpseq.errors import UserError, suggest
from nlpseq.files import write_json
from nlpseq.recipe.encoders import FAMILIES
from nlpseq.training.history import History

from .matching import TIMING, Sizer, steps_in
from .seeds import read_recipe, run

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
        for entry in found:  # what is wrong with any is told before the first is trained
            read_recipe(entry.recipe, entry.overrides)
        return found

    def _check(self) -> None:
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


def compare(
    named: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    seeds: Sequence[int] = (),
    match: str = "",
    minutes: float | None = None,
    data_dir: Path | None = None,
    output: Path | None = None,
    device: str | None = None,
    measure: bool | None = None,
    **options: Any,
) -> tuple[Report, Path]:
    """Compare finished runs, or train what recipes say and compare that.

    Args:
        named: run directories, or names of recipes.
        overrides: of the recipes.
        models: kinds of encoder, for one recipe.
        seeds: of the runs of each model; those of `Contest` by default.
        match: what is made equal, see `Contest`.
        minutes: of training each model.
        data_dir: local files.
        output: where everything is written.
        device: where to train.
        measure: measure the answers' speed and memory; if None, of what is trained here.
        **options: of `nlpseq.analysis.comparison.compare`.

    Returns:
        The report, and the folder where it was written.

    Raises:
        UserError: anything that the user can mend.
        KeyboardInterrupt: a run was stopped, and saved.
    """
    recipes = [one for one in named if models or is_recipe(one)]
    if recipes:
        runs = [one for one in named if not is_recipe(one)]
        if runs and not models:
            raise UserError(f"{runs[0]}: is no recipe; compare finished runs or recipes, not both")
        asked = Contest(
            recipes,
            overrides,
            models,
            seeds=seeds or Contest.seeds,
            match=match,
            minutes=minutes,
            data_dir=data_dir,
            device=device,
        )
        return contest(asked, output, measure=measure is not False, **options)
    given = {"--seeds": seeds, "--match": match, "--minutes": minutes, "key=value": overrides}
    if extra := [name for name, value in given.items() if value]:
        raise UserError(
            f"{', '.join(extra)}: for recipes to train; these are finished runs: {', '.join(named)}"
        )
    folders = [Path(one) for one in named]
    report = comparison.compare(
        folders, data_dir=data_dir, device=device, measure=bool(measure), **options
    )
    return report, comparison.write(report, output)


def contest(
    asked: Contest, output: Path | None = None, *, split: str | None = None, **options: Any
) -> tuple[Report, Path]:
    """Train what has not been trained yet, and compare.

    The same request goes on where it was interrupted: runs that have finished are not run twice, one
    that was stopped is resumed.

    Args:
        asked: what to train.
        output: where; `runs/compare/<recipe>` below the working folder if None.
        split: whose scores to compare; of another than a test split, tests are left alone.
        **options: of `nlpseq.analysis.comparison.compare`.

    Returns:
        The report, and the folder where it was written.

    Raises:
        UserError: anything that the user can mend.
        KeyboardInterrupt: a run was stopped, and saved.
    """
    entries = asked.entries()
    folder = output or Path("runs") / "compare" / "-".join(map(_stem, asked.recipes))
    changes = _plan(asked, entries, folder)
    test = split is None or split.startswith("test")
    for entry in entries:
        overrides = [*entry.overrides, *changes[entry.name]]
        _train(asked, entry, overrides, folder / entry.name, asked.seeds, test=test)
    folders = [folder / entry.name for entry in entries]
    report = comparison.compare(
        folders,
        split=split,
        data_dir=asked.data_dir,
        device=asked.device,
        command=asked.command(folder),
        notes=[_EQUAL[asked.matched]],
        **options,
    )
    return report, comparison.write(report, folder)


def _train(
    asked: Contest,
    entry: Entry,
    overrides: Sequence[str],
    folder: Path,
    seeds: Sequence[int],
    *,
    test: bool = False,
) -> None:
    result = run(
        entry.recipe,
        overrides,
        output=folder,
        seeds=seeds,
        data_dir=asked.data_dir,
        device=asked.device,
        test=test,
        resume=True,
    )
    if result.interrupted:
        raise KeyboardInterrupt


def _plan(asked: Contest, entries: Sequence[Entry], folder: Path) -> Mapping[str, list[str]]:
    """What each model's recipe is changed by; it is found once, and written down."""
    path = folder / "plan.json"
    if path.exists():
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            asked_before, changes = known["request"], known["changes"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged; delete it to plan anew") from error
        if asked_before != asked.request:
            raise UserError(
                f"{folder}: holds another comparison; choose another --output, or repeat its command to go on"
            )
        return {entry.name: [str(one) for one in changes[entry.name]] for entry in entries}
    match asked.matched:
        case "parameters":
            found = _equal_sizes(asked, entries)
        case "time":
            found = {entry.name: _equal_time(asked, entry, folder) for entry in entries}
        case _:
            found = {entry.name: ["training.patience=0"] for entry in entries}
    write_json(path, {"request": asked.request, "changes": found})
    return found


def _equal_sizes(asked: Contest, entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The first model stays as it is, the others take its number of parameters."""
    first, *others = entries
    wanted = Sizer(first.recipe, first.overrides, asked.data_dir).core()
    found: dict[str, list[str]] = {first.name: []}
    for entry in others:
        found[entry.name] = Sizer(entry.recipe, entry.overrides, asked.data_dir).match(wanted)
    return found


def _equal_time(asked: Contest, entry: Entry, folder: Path) -> list[str]:
    """As many updates as a short run says that fit into the minutes."""
    assert asked.minutes is not None
    timed = folder / entry.name / "timing"
    seed = f"seed={asked.seeds[0]}"
    _train(asked, entry, [*entry.overrides, *TIMING, seed], timed, ())
    history = History(timed / "history.jsonl").read()
    return steps_in(asked.minutes, history, read_recipe(entry.recipe, entry.overrides))


def is_recipe(word: str) -> bool:
    """Whether a word names a recipe, or is nearly the name of one, and no folder."""
    near = bool(difflib.get_close_matches(word, recipe.names(), n=1, cutoff=0.8))
    return word.endswith(".toml") or (not Path(word).is_dir() and near)


def _stem(name: str) -> str:
    """A recipe's name as that of a folder."""
    return Path(name).stem if name.endswith(".toml") else name.replace("/", "-")


def _short(recipes: Sequence[str]) -> list[str]:
    """Names of models for recipes: without their folders, where that tells them apart."""
    short = [_stem(name.rpartition("/")[2]) for name in recipes]
    return short if len(set(short)) == len(short) else [_stem(name) for name in recipes]
