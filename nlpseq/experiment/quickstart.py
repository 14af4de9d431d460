"""The quickstart: both quickstart recipes of each task, trained on the built-in corpus in a few minutes.

OUTPUT/<task>/<model>/     the runs of `<task>/quickstart` and `<task>/quickstart_transformer`
OUTPUT/summary.json        scores and the best possible ones, costs, and example outputs
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nlpseq import model_directory, recipe
from nlpseq.data import tag_schemes
from nlpseq.data.sources import BUILTIN
from nlpseq.data.synthetic import toy_corpus
from nlpseq.errors import UserError, suggest
from nlpseq.files import write_json
from nlpseq.owner import owned
from nlpseq.predictor import Generator
from nlpseq.recipe import DataConfig
from nlpseq.reporting.formats import is_percent
from nlpseq.reporting.terminal import console
from nlpseq.task import Task
from nlpseq.task_lookup import read_recipe

from .training_run import RunOptions, TrainingRun

STEMS = ("quickstart", "quickstart_transformer")
"""Names of a task's two recipes."""
SPLIT = "test"
SENTENCE = toy_corpus.sample(1, seed=1645)[0]
"""The example, "Although Denton was not foggy , ...", with one name that train does not have."""
PROMPT = " ".join(SENTENCE.tokens[:2])
_REFERENCES = {  # for each view of the corpus; a text has many continuations
    "sentiment": SENTENCE.sentiment,
    "entities": ", ".join(
        f"{' '.join(SENTENCE.tokens[span.begin : span.end])} {span.type}"
        for span in tag_schemes.tags_to_spans(SENTENCE.tags)
    ),
    "translation": " ".join(SENTENCE.translation),
    "headline": " ".join(SENTENCE.headline),
}


@dataclass(frozen=True)
class ModelSummary:
    """One model of a task.

    Attributes:
        run: its run directory.
        score: main score on the test split, as in metrics.json.
        seconds: time of training and validation.
        parameters: numbers of parameters, `total` and parts.
        output: its output for the example, in one line.
    """

    run: str
    score: float
    seconds: float
    parameters: dict[str, int]
    output: str


@dataclass(frozen=True)
class TaskSummary:
    """One task with its models.

    Attributes:
        task: the folder of its recipes.
        score: name of its main score, as in metrics.json.
        best: the best possible score on the built-in corpus; None where it is unknown.
        example: the input of the models, or the prompt that they continue.
        reference: the right output; None where there are many.
        models: by kind of encoder.
    """

    task: str
    score: str
    best: float | None
    example: str
    reference: str | None
    models: dict[str, ModelSummary]


@dataclass(frozen=True)
class Quickstart:
    """The result of a quickstart: its folder, and a summary of each task."""

    folder: Path
    rows: list[TaskSummary]

    @property
    def commands(self) -> list[str]:
        """Commands to try next: generate, predict and compare."""
        commands: dict[str, list[str]] = {}
        for row in self.rows:
            run = next(iter(row.models.values())).run
            if row.reference is None:
                prompt = ["--prompt", row.example, "--num-samples", "3"]
                commands.setdefault("generate", ["generate", run, *prompt])
            else:
                commands.setdefault("predict", ["predict", run, row.example])
        runs = [model.run for model in self.rows[-1].models.values()]
        return [
            shlex.join(["nlpseq", *words]) for words in [*commands.values(), ["compare", *runs]]
        ]


def quickstart(
    chosen: Sequence[str] = (),
    overrides: Sequence[str] = (),
    *,
    output: Path | None = None,
    seed: int = 13,
    device: str | None = None,
) -> Quickstart:
    """Train an LSTM and a Transformer on each task, score them, and show their outputs for an example.

    The same request continues after an interruption; finished runs are not trained again.

    Args:
        chosen: names of tasks; (): all.
        overrides: assignments to every recipe.
        output: folder for runs and summary.json; None: `runs/quickstart`.
        seed: seed of every run.
        device: device to train on.

    Raises:
        UserError: an unknown task, or a folder that holds something else.
        KeyboardInterrupt: a run was stopped and saved.
    """
    folder = output or Path("runs") / "quickstart"
    options = RunOptions(device=device, resume=True, overrides=tuple(overrides))
    changes = [*overrides, f"seed={seed}"]
    runs = {
        task: _planned_runs(task, changes, folder / task, options)
        for task in _chosen_tasks(chosen, overrides)
    }
    every_run = [run for task_runs in runs.values() for run in task_runs.values()]
    with owned(folder):
        metrics = {
            run.folder: _train(run, f"[{number}/{len(every_run)}]")
            for number, run in enumerate(every_run, start=1)
        }
        result = Quickstart(
            folder, [_summarize(task, task_runs, metrics) for task, task_runs in runs.items()]
        )
        rows = {row.task: asdict(row) for row in result.rows}
        summary = {"seed": seed, "overrides": list(overrides), "tasks": rows}
        write_json(folder / "summary.json", summary)
    return result


def tasks() -> list[str]:
    """Return the tasks that have both recipes, in the order of the corpus's views."""
    names = set(recipe.names())
    first = [name.partition("/")[0] for name in names if name.endswith(f"/{STEMS[0]}")]
    both = [task for task in first if f"{task}/{STEMS[1]}" in names]
    return sorted(both, key=lambda task: toy_corpus.VIEWS.index(_view(task)))


def _view(task: str) -> str:
    return str(recipe.read_document(f"{task}/{STEMS[0]}")["data"]["view"])


def _chosen_tasks(chosen: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Return the tasks to train, each once, in their order."""
    known = tasks()
    if misplaced := next((word for word in overrides if word in known), None):
        raise UserError(f"{misplaced}: is a task; write --task {misplaced}")
    for key, _, value in (word.partition("=") for word in overrides):
        if key.strip() == "seed":
            raise UserError(
                f"seed={value.strip()}: all runs have one seed; write --seed {value.strip()}"
            )
    for name in chosen:
        if name not in known:
            near = suggest(name, known).removesuffix(".") or f"; there are {', '.join(known)}"
            raise UserError(f"--task: no task is called {name!r}{near}")
    return [task for task in known if task in chosen or not chosen]


def _planned_runs(
    task: str, overrides: Sequence[str], folder: Path, options: RunOptions
) -> dict[str, TrainingRun]:
    """Return a run for each kind of model, with their folders checked before the first is trained."""
    for parent in (folder.parent, folder):
        if parent.exists() and not parent.is_dir():
            raise UserError(f"{parent}: is a file; choose another --output")
    runs: dict[str, TrainingRun] = {}
    for stem in STEMS:
        name = f"{task}/{stem}"
        # Both models have the same baselines.
        once = [] if stem == STEMS[0] else ["evaluation.baselines=false"]
        resolved = read_recipe(name, [*once, *overrides])
        if SPLIT not in resolved.evaluation.splits:
            raise UserError(f"evaluation.splits: a quickstart shows scores on {SPLIT}: name it")
        kind = resolved.encoder.kind
        if kind in runs:
            raise UserError(
                f"encoder.kind={kind}: the two models of a quickstart are of different kinds; "
                f"use `nlpseq run {task}/{STEMS[0]} encoder.kind={kind}`"
            )
        runs[kind] = TrainingRun(folder / kind, resolved, name, options)
        runs[kind].directory.check()
    return runs


def _train(run: TrainingRun, number: str) -> dict[str, Any]:
    """Train or resume a run, unless it has finished; print its name, and return its metrics."""
    finished = run.directory.metrics() is not None
    line = f"{number} {run.name}, in {run.folder}{': trained already' if finished else ''}"
    console().print(line, style="bold", markup=False, soft_wrap=True)
    result = run.execute()
    if result.interrupted:
        raise KeyboardInterrupt
    return result.metrics


def _summarize(
    task_name: str,
    runs: Mapping[str, TrainingRun],
    metrics: Mapping[Path, Mapping[str, Any]],
) -> TaskSummary:
    """Return scores and example outputs of a task's models; `metrics` is by run directory."""
    first = next(iter(runs.values()))
    score, view = first.task.main_metric, first.recipe.data.view
    example = SENTENCE.text if view in _REFERENCES else PROMPT
    models = {
        kind: ModelSummary(
            run=str(run.folder),
            score=metrics[run.folder][SPLIT][score],
            seconds=metrics[run.folder]["seconds"],
            parameters=metrics[run.folder]["parameters"],
            output=_output(run, example),
        )
        for kind, run in runs.items()
    }
    return TaskSummary(
        task=task_name,
        score=score,
        best=_best_possible(first.recipe.data, first.task, metrics[first.folder][SPLIT]),
        example=example,
        reference=_REFERENCES.get(view),
        models=models,
    )


def _best_possible(data: DataConfig, task: Task[Any], scores: Mapping[str, float]) -> float | None:
    """Return the best possible main score: all points if outputs are determined, or the floor."""
    name = task.main_metric
    if data.source == BUILTIN and data.view in toy_corpus.DETERMINED and task.higher_is_better:
        return 1.0 if is_percent(name) else 100.0
    return scores.get(f"floor_{name}")


def _output(run: TrainingRun, example: str) -> str:
    """Return a trained model's output for the example, in one line."""
    predictor = model_directory.load(run.folder, run.options.device)
    if isinstance(predictor, Generator):
        (text,) = predictor.generate(example, num_samples=1, seed=run.recipe.seed)
        return " ".join(text.split())
    (prediction,) = predictor.predict([example])
    return str(prediction.summary())
