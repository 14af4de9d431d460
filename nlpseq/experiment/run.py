"""One training run in its directory.

recipe.toml                the resolved recipe
config.json, model.safetensors, tokenizer.json, README.md    the model directory
metrics.json, history.jsonl, predictions/<split>.jsonl, plots/, checkpoints/
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from accelerate import Accelerator
from accelerate.utils import set_seed
from rich.console import Console
from torch import nn

from nlpseq import model_directory
from nlpseq.analysis.confusion import draw_details
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.devices import build_accelerator
from nlpseq.errors import UserError
from nlpseq.files import write_json, write_text
from nlpseq.models.model import parameter_counts
from nlpseq.recipe import Recipe
from nlpseq.reporting.learning_curves import learning_curves
from nlpseq.reporting.model_card import model_card
from nlpseq.run_directory import METRICS, RunDirectory
from nlpseq.task import Task, resolve
from nlpseq.training.history import History
from nlpseq.training.reporters import build_reporter
from nlpseq.training.trainer import FitResult, Trainer
from nlpseq.versions import machine, versions

from .evaluate import write_predictions


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
        splits = load_splits(
            config,
            data_dir=self.options.data_dir,
            fields=task.fields,
            further_fields=task.further_fields,
        )
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
            "details": {},
        }
        started = time.perf_counter()
        for name in scored:
            scores, records = trainer.evaluate(splits[name])
            metrics[name] = {**scores, **self.task.baselines(splits[name])}
            metrics["details"][name] = self.task.details(records)
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
        model_directory.save(self.folder, self.task, model)
        learning_curves(History(self.folder / "history.jsonl").read(), self.folder / "plots")
        draw_details(metrics["details"], self.folder / "plots")
        card = model_card(
            self.recipe.model_dump(mode="json"),
            self.name,
            metrics,
            samples,
            hub_task=self.task.hub_task,
        )
        write_text(self.folder / "README.md", card)
        write_json(self.folder / METRICS, metrics)
