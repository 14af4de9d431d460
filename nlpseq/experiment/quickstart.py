"""Everything in a few minutes: both quickstart recipes of each task, trained on the built-in corpus.

OUTPUT/<task>/<model>/     the runs of `<task>/quickstart` and `<task>/quickstart_transformer`
OUTPUT/summary.json        their scores beside the best possible ones, costs, and what they answer
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from nlpseq import model_directory, recipe
from nlpseq.analysis.comparison.score_units import Unit, unit_of
from nlpseq.data import tag_schemes
from nlpseq.data.sources import BUILTIN
from nlpseq.data.synthetic import toy_corpus
from nlpseq.errors import UserError, suggest
from nlpseq.files import write_json
from nlpseq.recipe import DataConfig
from nlpseq.reporting.predictions import in_short

from .run import Options, Run
from .seeds import read_recipe

STEMS = ("quickstart", "quickstart_transformer")
"""Names of the recipes that stand side by side in a task's folder."""
SPLIT = "test"
SENTENCE = toy_corpus.sample(1, seed=1645)[0]
"""What models are shown: "Although Denton was not foggy , ...", with one name that train does not have."""
PROMPT = " ".join(SENTENCE.tokens[:2])
_ANSWERS = {  # of each view to the sentence; a text can go on in many ways
    "sentiment": SENTENCE.sentiment,
    "entities": ", ".join(
        f"{' '.join(SENTENCE.tokens[span.begin : span.end])} {span.type}"
        for span in tag_schemes.spans(SENTENCE.tags)
    ),
    "translation": " ".join(SENTENCE.translation),
    "headline": " ".join(SENTENCE.headline),
}


@dataclass(frozen=True)
class Trained:
    """A model of a task.

    Attributes:
        run: its run directory.
        score: on the test split.
        seconds: of training, with its validations.
        parameters: `total` and parts.
        answer: what it makes of the example, in one line.
    """

    run: str
    score: float
    seconds: float
    parameters: dict[str, int]
    answer: str


@dataclass(frozen=True)
class Row:
    """A task, and its models.

    Attributes:
        task: its name, that of the recipes' folder.
        score: name of its main score, as in metrics.json.
        told: the score in words, with its unit.
        factor: what a score is multiplied by when it is told.
        best: the score of one who knows how the corpus was made; None where it is not known.
        example: the text that the models answer, or the beginning of one that they continue.
        right: the answer; None where there are many.
        models: by kind.
    """

    task: str
    score: str
    told: str
    factor: float
    best: float | None
    example: str
    right: str | None
    models: dict[str, Trained]


@dataclass(frozen=True)
class Quickstart:
    """What a quickstart leaves: its folder, and a row for each task."""

    folder: Path
    rows: list[Row]

    @property
    def commands(self) -> list[str]:
        """What to try next: let a model write, let one answer, compare two."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            run = next(iter(row.models.values())).run
            if row.right is None:
                prompt = ["--prompt", row.example, "--num-samples", "3"]
                found.setdefault("generate", ["generate", run, *prompt])
            else:
                found.setdefault("predict", ["predict", run, row.example])
        runs = [model.run for model in self.rows[-1].models.values()]
        commands = [*found.values(), ["compare", *runs]]
        return [shlex.join(["nlpseq", *words]) for words in commands]


def tasks() -> list[str]:
    """The tasks that have both recipes, in the order of the corpus's views."""
    known = set(recipe.names())
    found = [name.partition("/")[0] for name in known if name.endswith(f"/{STEMS[0]}")]
    both = [task for task in found if f"{task}/{STEMS[1]}" in known]
    return sorted(both, key=lambda task: toy_corpus.VIEWS.index(_view(task)))


def _view(task: str) -> str:
    return str(recipe.read_document(f"{task}/{STEMS[0]}")["data"]["view"])


def quickstart(
    chosen: Sequence[str] = (),
    overrides: Sequence[str] = (),
    *,
    output: Path | None = None,
    seed: int = 13,
    device: str | None = None,
) -> Quickstart:
    """Train an LSTM and a Transformer on each task, score them, and let them answer an example.

    The same request goes on where it was interrupted: what has finished is not trained again.

    Args:
        chosen: names of tasks; all by default.
        overrides: assignments to every recipe.
        output: where everything is written; `runs/quickstart` below the working folder if None.
        seed: of every run.
        device: where to train.

    Raises:
        UserError: an unknown task, or a folder that holds something else.
        KeyboardInterrupt: a run was stopped, and saved.
    """
    folder = output or Path("runs") / "quickstart"
    options = Options(device=device, resume=True, overrides=tuple(overrides))
    changes = [*overrides, f"seed={seed}"]
    asked = {
        task: _runs(task, changes, folder / task, options) for task in _asked(chosen, overrides)
    }
    runs = [run for models in asked.values() for run in models.values()]
    metrics = [_train(run, f"[{n}/{len(runs)}]") for n, run in enumerate(runs, start=1)]
    trained = dict(zip((run.folder for run in runs), metrics, strict=True))
    found = Quickstart(folder, [_row(task, models, trained) for task, models in asked.items()])
    rows = {row.task: asdict(row) for row in found.rows}
    write_json(folder / "summary.json", {"seed": seed, "overrides": list(overrides), "tasks": rows})
    return found


def _asked(chosen: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The tasks to train, each once, in their order."""
    known = tasks()
    if misplaced := next((word for word in overrides if word in known), None):
        raise UserError(f"{misplaced}: is a task; write --task {misplaced}")
    for key, _, value in (word.partition("=") for word in overrides):
        if key.strip() == "seed":
            raise UserError(f"seed: is of every run; write --seed {value.strip()}")
    for name in chosen:
        if name not in known:
            near = suggest(name, known).removesuffix(".") or f"; there are {', '.join(known)}"
            raise UserError(f"--task: no task is called {name!r}{near}")
    return [task for task in known if task in chosen or not chosen]


def _runs(task: str, overrides: Sequence[str], folder: Path, options: Options) -> dict[str, Run]:
    """A run for each kind of model; their folders are checked before the first is trained."""
    for place in (folder.parent, folder):
        if place.exists() and not place.is_dir():
            raise UserError(f"{place}: is a file; choose another --output")
    found: dict[str, Run] = {}
    for stem in STEMS:
        name = f"{task}/{stem}"
        resolved = read_recipe(name, overrides)
        if SPLIT not in resolved.evaluation.splits:
            raise UserError(f"evaluation.splits: a quickstart tells the scores on {SPLIT}: name it")
        kind = resolved.encoder.kind
        if kind in found:
            raise UserError(
                f"encoder.kind={kind}: the two models of a quickstart are of different kinds; "
                f"use `nlpseq run {task}/{STEMS[0]} encoder.kind={kind}`"
            )
        found[kind] = Run(folder / kind, resolved, name, options)
        found[kind].directory.check()
    return found


def _train(run: Run, place: str) -> dict[str, Any]:
    """Train, or go on, or take what has finished; say which run it is, and return its metrics."""
    finished = run.directory.metrics() is not None
    line = f"{place} {run.name}, in {run.folder}{': trained already' if finished else ''}"
    Console(highlight=False, emoji=False).print(line, style="bold", markup=False, soft_wrap=True)
    result = run.execute()
    if result.interrupted:
        raise KeyboardInterrupt
    return result.metrics


def _row(task: str, runs: Mapping[str, Run], metrics: Mapping[Path, Mapping[str, Any]]) -> Row:
    """A task's scores, and what its models answer; `metrics` by run directory."""
    first = next(iter(runs.values()))
    score, view = first.task.main_metric, first.recipe.data.view
    unit = unit_of(score, first.task)
    example = SENTENCE.text if view in _ANSWERS else PROMPT
    models = {}
    for kind, run in runs.items():
        found = metrics[run.folder]
        models[kind] = Trained(
            run=str(run.folder),
            score=found[SPLIT][score],
            seconds=found["seconds"],
            parameters=found["parameters"],
            answer=_answer(run, example),
        )
    return Row(
        task=task,
        score=score,
        told=unit.told,
        factor=unit.factor,
        best=_best(first.recipe.data, score, metrics[first.folder][SPLIT], unit),
        example=example,
        right=_ANSWERS.get(view),
        models=models,
    )


def _best(data: DataConfig, score: str, scores: Mapping[str, float], unit: Unit) -> float | None:
    """The corpus's own score: its floor of a perplexity, or all points where answers are determined."""
    if data.source == BUILTIN and data.view in toy_corpus.DETERMINED and unit.higher_is_better:
        return 100 / unit.factor
    return scores.get(f"floor_{score}")


def _answer(run: Run, example: str) -> str:
    """What a trained model makes of the example, in one line."""
    predictor: Any = model_directory.load(run.folder, run.options.device)
    if hasattr(predictor, "generate"):
        (text,) = predictor.generate(example, num_samples=1, seed=run.recipe.seed)
        return " ".join(text.split())
    return in_short(predictor.predict([example])[0])
