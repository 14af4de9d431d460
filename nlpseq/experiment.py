"""From a recipe to a finished run directory.

recipe.toml                the resolved recipe
config.json, model.safetensors, tokenizer.json, README.md    the model directory
metrics.json, history.jsonl, predictions/<split>.jsonl, plots/, checkpoints/
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from rich.console import Console
from torch import nn

from nlpseq import hub, recipe
from nlpseq.analysis.card import model_card
from nlpseq.analysis.plots import learning_curves
from nlpseq.analysis.versions import machine, versions
from nlpseq.data.sources import Split, load_splits
from nlpseq.errors import UserError
from nlpseq.files import write_json, write_lines, write_text
from nlpseq.recipe import Recipe
from nlpseq.task import Record, Task, resolve
from nlpseq.training.history import History
from nlpseq.training.report import SilentReporter, build_reporter
from nlpseq.training.run_directory import METRICS, RunDirectory
from nlpseq.training.trainer import FitResult, Trainer


@dataclass(frozen=True)
class RunResult:
    """What a run leaves.

    Attributes:
        folder: the run directory.
        metrics: what stands in metrics.json (or summary.json of several seeds).
        interrupted: it was stopped by the user, and can be resumed.
        samples: lines that show what the model does.
    """

    folder: Path
    metrics: dict[str, Any]
    interrupted: bool = False
    samples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How to run, beside the recipe itself."""

    data_dir: Path | None = None
    device: str | None = None
    test: bool = True
    resume: bool = False
    overwrite: bool = False
    track: str | None = None
    overrides: Sequence[str] = ()


def run(
    name: str,
    overrides: Sequence[str] = (),
    *,
    output: Path | None = None,
    seeds: Sequence[int] = (),
    **options: Any,
) -> RunResult:
    """Train, evaluate and write everything down.

    Args:
        name: a recipe's name, or the path of a TOML file.
        overrides: `section.key=value` assignments.
        output: the run directory; `runs/<name>` below the working folder if None.
        seeds: train once with each, into `seed-<n>` below the run directory.
        **options: fields of `Options`.

    Raises:
        UserError: anything that the user can mend.
    """
    folder = output or Path("runs") / (Path(name).stem if name.endswith(".toml") else name)
    chosen = Options(**options, overrides=tuple(overrides))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"seeds {', '.join(map(str, seeds))}: one is given twice")
    if not seeds:
        return Run(folder, read_recipe(name, overrides), name, chosen).execute()
    recipes = {seed: read_recipe(name, [*overrides, f"seed={seed}"]) for seed in seeds}
    runs = [Run(folder / f"seed-{seed}", recipes[seed], name, chosen) for seed in seeds]
    for one in runs:
        one.directory.check()  # all of them, before the first is trained
    results = []
    for one in runs:
        results.append(one.execute())
        if results[-1].interrupted:
            return results[-1]
    summary = summarize(
        {str(seed): result.metrics for seed, result in zip(seeds, results, strict=True)}
    )
    if PartialState().is_main_process:
        write_json(folder / "summary.json", summary)
    return RunResult(folder, summary, samples=results[0].samples)


def read_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read, override and validate a recipe."""
    document = recipe.override(recipe.read(name), overrides)
    if "task" not in document:
        raise UserError(
            f"recipe {name}: key task is missing, for example nlpseq.tasks.language_modeling:..."
        )
    return recipe.validate(resolve(str(document["task"])).Config, document, name)


def summarize(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation (n - 1) of each split's scores over seeds."""
    first = next(iter(runs.values()))
    summary: dict[str, Any] = {"seeds": [int(seed) for seed in runs]}
    for split in (key for key, value in first.items() if key in first["splits"]):
        summary[split] = {}
        for score in first[split]:
            values = [metrics[split][score] for metrics in runs.values()]
            deviation = statistics.stdev(values) if len(values) > 1 else None
            summary[split][score] = {
                "mean": statistics.fmean(values),
                "standard_deviation": deviation,
            }
    summary["seconds"] = sum(metrics["seconds"] for metrics in runs.values())
    return summary


class Run:
    """One training run in its directory."""

    def __init__(self, folder: Path, resolved: Recipe, name: str, options: Options) -> None:
        self.folder = folder
        self.recipe = resolved
        self.name = name
        self.options = options
        self.task: Task[Any] = resolve(resolved.task)(resolved)
        self.directory = RunDirectory(
            folder,
            tomli_w.dumps(resolved.model_dump(mode="json", exclude_none=True)),
            resume=options.resume,
            overwrite=options.overwrite,
        )

    def execute(self) -> RunResult:
        """Train, or go on, or show what is already there."""
        accelerator, options, directory = self._accelerator(), self.options, self.directory
        directory.check()
        accelerator.wait_for_everyone()
        if options.resume and (metrics := directory.metrics()) is not None:
            return self._finished(metrics)
        splits = self._splits()
        set_seed(self.recipe.seed)
        folders = [options.data_dir] if options.data_dir else []
        used = ["train", "validation", *self._scored(splits)]  # not test, where that is left alone
        self.task.prepare({name: splits[name] for name in used if name in splits}, folders)
        model = self.task.build()
        self.task.steps_per_epoch(splits["train"])  # tells of a corpus that is too short
        if accelerator.is_main_process:
            learnt_from = ("train", "validation")
            directory.claim({n: splits[n].fingerprint for n in learnt_from if n in splits})
        accelerator.wait_for_everyone()
        if options.track:
            accelerator.init_trackers("nlpseq", config={"recipe": self.name})
        reporter = build_reporter(Console(quiet=not accelerator.is_main_process))
        for note in self.task.notes:
            reporter.note(note)
        trainer = Trainer(
            self.task, model, accelerator=accelerator, folder=self.folder, reporter=reporter
        )
        fitted = trainer.fit(splits["train"], splits.get("validation"), resume=options.resume)
        if fitted.stopped == "interrupted":
            return RunResult(self.folder, {}, interrupted=True)
        metrics = self._score(trainer, splits, fitted, model)
        samples = (
            self.task.samples(model, accelerator.device) if accelerator.is_main_process else []
        )
        if accelerator.is_main_process:
            self._write(model, metrics, samples)
        accelerator.wait_for_everyone()
        for tracker in accelerator.trackers:
            tracker.finish()  # not end_training: that would also end the group of processes
        return RunResult(self.folder, metrics, samples=samples)

    def _finished(self, metrics: dict[str, Any]) -> RunResult:
        """A run that is resumed after its end shows its figures once more."""
        if self.options.test and metrics.get("left_alone"):
            raise UserError(
                f"{self.folder}: has finished, with --no-test; score the rest by `nlpseq evaluate "
                f"{self.folder} --split {metrics['left_alone'][0]}`"
            )
        return RunResult(self.folder, metrics)

    def _accelerator(self) -> Accelerator:
        return build_accelerator(
            self.options.device,
            self.recipe.training.precision,
            log_with=self.options.track,
            project_dir=str(self.folder),
        )

    def _splits(self) -> dict[str, Split]:
        config, task = self.recipe.data, self.task
        splits = load_splits(config, data_dir=self.options.data_dir, fields=task.fields)
        if "train" not in splits:
            raise UserError(f"recipe {self.name}: data.files names no train split")
        return splits

    def _scored(self, splits: Mapping[str, Split]) -> list[str]:
        """The splits to score at the end: those of the recipe that the data have."""
        config = self.recipe.evaluation
        missing = [name for name in config.splits if name not in splits]
        if missing and "splits" in config.model_fields_set:
            raise UserError(
                f"evaluation.splits: the data have no split {missing[0]!r}, they have "
                f"{', '.join(splits)}"
            )
        wanted = [name for name in config.splits if name in splits]
        return [name for name in wanted if self.options.test or not name.startswith("test")]

    def _score(
        self, trainer: Trainer, splits: Mapping[str, Split], fitted: FitResult, model: nn.Module
    ) -> dict[str, Any]:
        scored = self._scored(splits)
        metrics: dict[str, Any] = {
            "recipe": self.name,
            "overrides": list(self.options.overrides),
            "seed": self.recipe.seed,
            "splits": scored,
            "left_alone": [
                name
                for name in self.recipe.evaluation.splits
                if name in splits and name not in scored
            ],
        }
        started = time.perf_counter()
        for name in scored:
            scores, records = trainer.evaluate(splits[name])
            metrics[name] = {**scores, **self.task.references(splits[name])}
            if trainer.accelerator.is_main_process:
                write_predictions(self.folder / "predictions" / f"{name}.jsonl", records)
        return metrics | {
            "seconds": fitted.seconds,
            "evaluation_seconds": time.perf_counter() - started,
            "tokens": int(fitted.tokens),
            "tokens_per_second": fitted.tokens / max(fitted.seconds, 1e-9),
            "steps": fitted.step,
            "epochs": fitted.epoch,
            "best_step": fitted.best_step,
            "stopped": fitted.stopped,
            "parameters": parameter_counts(model),
            "notes": self.task.notes,
            "data": {
                name: splits[name].fingerprint for name in splits if name in ["train", *scored]
            },
            "machine": machine(trainer.accelerator.device),
            "processes": trainer.accelerator.num_processes,
            "versions": versions(),
        }

    def _write(self, model: nn.Module, metrics: dict[str, Any], samples: list[str]) -> None:
        """The model directory, the figures, the plots and the card; metrics.json last: it means `done`."""
        hub.save(self.folder, self.task, model)
        learning_curves(History(self.folder / "history.jsonl").read(), self.folder / "plots")
        card = model_card(self.recipe.model_dump(mode="json"), self.name, metrics, samples)
        write_text(self.folder / "README.md", card)
        write_json(self.folder / METRICS, metrics)


def build_accelerator(device: str | None, precision: str, **options: Any) -> Accelerator:
    """Devices, precision, processes and trackers, by accelerate.

    Raises:
        UserError: this machine has no such device, or accelerate refuses an option.
    """
    chosen = None if device is None else hub.choose_device(device)
    if chosen is not None and chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    # A process may make runs of several precisions; accelerate would keep the first one's.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    try:
        mixed = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[precision]
        accelerator = Accelerator(cpu=device == "cpu", mixed_precision=mixed, **options)
    except (ValueError, ImportError) as error:
        raise UserError(f"accelerate refuses: {error}") from error
    if chosen is not None and accelerator.device.type != chosen.type:
        raise UserError(f"--device {device}: this process runs on {accelerator.device.type}")
    return accelerator


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Trained parameters, in all and by part; what two parts share counts in the first."""
    seen: set[int] = set()
    counts = {}
    for name, part in model.named_children():
        own = [p for p in part.parameters() if p.requires_grad and id(p) not in seen]
        seen.update(id(p) for p in own)
        counts[name] = sum(p.numel() for p in own)
    return {"total": sum(counts.values()), **counts}


def write_predictions(path: Path, records: Sequence[Record]) -> None:
    """One JSON line an example, in the order of the data set."""
    lines = (json.dumps(vars(record), ensure_ascii=False) + "\n" for record in records)
    write_lines(path, lines)


def evaluate(
    name: Path | str,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    device: str | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Score a trained model on a split, and write `evaluations/<split>.json`.

    It is written into the model's directory; of a model from the Hub, into the working folder.

    Args:
        name: a run or model directory, or a Hub id.
        split: which split of the recipe's data to read.
        data_dir: local files to read it from.
        device: where to run.
        overrides: assignments to the recipe's `data` and `evaluation` sections.

    Raises:
        UserError: no such model, or no such split.
    """
    folder = hub.locate(name)
    trained, model = hub.read(folder)
    changed = [one for one in overrides if not one.startswith(("data.", "evaluation."))]
    if changed:
        raise UserError(
            f"override {changed[0]!r}: only data. and evaluation. can change a trained model's test"
        )
    document = recipe.override(trained.recipe.model_dump(exclude_none=True), overrides)
    resolved = recipe.validate(type(trained).Config, document, str(folder))
    task = type(trained)(resolved)
    task.restore(trained.tokenizer, trained.state())
    splits = load_splits(resolved.data, data_dir=data_dir, fields=task.fields)
    if split not in splits:
        raise UserError(f"split {split!r}: the data have {', '.join(splits)}")
    accelerator = build_accelerator(device, resolved.training.precision)
    trainer = Trainer(
        task, model, accelerator=accelerator, folder=folder, reporter=SilentReporter()
    )
    scores, records = trainer.evaluate(splits[split])
    result = {
        "split": split,
        split: {**scores, **task.references(splits[split])},
        "data": splits[split].fingerprint,
        "versions": versions(),
    }
    written = (
        folder if folder == Path(name) else Path(str(name).replace("/", "-"))
    ) / "evaluations"
    write_predictions(written / f"{split}.predictions.jsonl", records)
    write_json(written / f"{split}.json", result)
    return result
