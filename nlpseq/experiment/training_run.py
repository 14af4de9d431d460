"""One training run in its directory: check, train, save the model, score, write.

recipe.toml                the resolved recipe
config.json, model.safetensors, tokenizer.json    the model directory, written straight after training
metrics.json, README.md, history.jsonl, predictions/<split>.jsonl, baselines/, plots/, checkpoints/

All options are checked before training. What follows training can fail without losing the model: the run is
then resumed with scoring. metrics.json comes last, so its presence means that the run has finished.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from nlpseq import model_directory
from nlpseq.analysis.classifier_plots import draw_probabilities
from nlpseq.analysis.confusion import draw_details
from nlpseq.data.in_memory import DataInMemory, LocalData
from nlpseq.data.split import Split
from nlpseq.data.split_notes import split_notes
from nlpseq.devices import build_accelerator
from nlpseq.errors import UserError
from nlpseq.files import write_json, write_text
from nlpseq.recipe import Recipe
from nlpseq.reporting.learning_curves import Chosen, learning_curves
from nlpseq.reporting.model_card import model_card
from nlpseq.reporting.notebook import run_html
from nlpseq.reporting.terminal import console
from nlpseq.run_data import load_training_data
from nlpseq.run_directory import METRICS, RECIPE, RunDirectory
from nlpseq.task import Record, Task
from nlpseq.task_lookup import resolve
from nlpseq.training.checkpoint import CHECKPOINTS, CheckpointStore
from nlpseq.training.history import History
from nlpseq.training.model_size import check_model_size
from nlpseq.training.progress import FitResult, RunLength
from nlpseq.training.reporters import build_reporter
from nlpseq.training.selection import check_selection, meaningless_line, meaningless_scores
from nlpseq.training.trainer import Trainer

from .baselines import score_baselines
from .claim import claim, data_record, full_disk_in_words, owning
from .prediction_files import columns_to_keep, write_predictions
from .run_figures import data_source, run_figures
from .run_threads import set_threads
from .settled_recipe import reread, to_toml


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Attributes:
        folder: the run directory.
        metrics: content of metrics.json (or of summary.json for several seeds).
        interrupted: True if the user stopped the run, which can then be resumed.
        samples: lines of example outputs.
    """

    folder: Path
    metrics: dict[str, Any]
    interrupted: bool = False
    samples: list[str] = field(default_factory=list)

    def _repr_html_(self) -> str:
        return run_html(self.metrics, self.samples, self.folder, interrupted=self.interrupted)


@dataclass(frozen=True)
class RunOptions:
    """The options of a run beside its recipe.

    Attributes:
        data_dir: folder of local data files; None: the Hub or the built-in corpus.
        device: name of the device; None: see `nlpseq.devices.choose_device`.
        test: score the test splits.
        resume: continue a run that was stopped.
        overwrite: replace an earlier run.
        track: name of a tracker of accelerate to log to.
        overrides: assignments that changed the recipe, recorded in metrics.json.
        seconds: time limit of training, the last validation not counted; None: none.
        command: words of the command line that made the recipe, for the model card; (): `nlpseq run`.
        data: data in memory, instead of those that the recipe names.
    """

    data_dir: Path | None = None
    device: str | None = None
    test: bool = True
    resume: bool = False
    overwrite: bool = False
    track: str | None = None
    overrides: Sequence[str] = ()
    seconds: float | None = None
    command: Sequence[str] = ()
    data: DataInMemory | None = None

    @property
    def local_data(self) -> LocalData | None:
        """The data that the user gave beside the recipe."""
        return self.data or self.data_dir


class TrainingRun:
    """One training run in its directory.

    Args:
        folder: the run directory.
        recipe: the resolved recipe.
        name: name of the recipe, for metrics and messages.
        options: how to run it.

    Attributes:
        claiming: makes a context for the moment in which the directory is claimed.
    """

    def __init__(self, folder: Path, recipe: Recipe, name: str, options: RunOptions) -> None:
        self.folder = folder
        self.recipe = recipe
        self.name = name
        self.options = options
        self._data_dir = options.data_dir
        self.claiming: Callable[[], AbstractContextManager[None]] = nullcontext
        self.task: Task[Any] = resolve(recipe.task)(recipe)
        self.directory = RunDirectory(
            folder,
            to_toml(recipe),
            resume=options.resume,
            overwrite=options.overwrite,
            reread=lambda document: reread(document, recipe),
        )

    def execute(self) -> RunResult:
        """Train and score; or resume; or return the metrics of a run that has finished.

        Raises:
            UserError: bad input, with one line that says what to change.
        """
        accelerator = self._build_accelerator()
        with owning(self.directory, accelerator):
            return self._train(accelerator)

    def _train(self, accelerator: Accelerator) -> RunResult:
        """Do what `execute` says, in a directory that this process owns."""
        if self.directory.resume and (metrics := self.directory.metrics()) is not None:
            return self._finished_result(metrics)
        resumed = self.folder if self.directory.resume else None
        splits, self._data_dir = load_training_data(
            self.name, self.task, self.options.local_data, self.options.overrides, resumed=resumed
        )
        model = self._prepare(splits, accelerator)
        if accelerator.is_main_process:
            record = data_record(self.task, splits, self._data_dir, self.options.data)
            claim(self.directory, self.task, model, record, self.claiming)
        accelerator.wait_for_everyone()
        with full_disk_in_words(self.directory):
            return self._fit_and_score(model, splits, accelerator)

    def _fit_and_score(
        self, model: nn.Module, splits: Mapping[str, Split], accelerator: Accelerator
    ) -> RunResult:
        """Train in the claimed directory, save the model, score and write."""
        trainer = self._start(model, accelerator)
        fitted = trainer.fit(
            splits["train"],
            splits.get("validation"),
            resume=self.directory.resume,
            seconds=self.options.seconds,
        )
        if fitted.stopped == "interrupted":
            return RunResult(self.folder, {}, interrupted=True)
        if fitted.stopped == "time":
            self._record_stop(fitted.step, write=accelerator.is_main_process)
        if "validation" in splits:
            self.task.notes += trainer.fit_to_validation(splits["validation"])
        if accelerator.is_main_process:
            model_directory.save(self.folder, self.task, model)
        metrics = self._score(trainer, splits, fitted)
        samples: list[str] = []
        if accelerator.is_main_process:
            samples = self.task.samples(model, accelerator.device)
            self._write(metrics, samples)
            self._drop_checkpoints()
        accelerator.wait_for_everyone()
        for tracker in accelerator.trackers:
            tracker.finish()  # not end_training, which would also end the process group
        return RunResult(self.folder, metrics, samples=samples)

    def _record_stop(self, step: int, *, write: bool) -> None:
        """Write the update at which the time limit stopped training into the recipe, which then repeats the run."""
        training = self.recipe.training.model_copy(update={"stop_after": step})
        self.recipe = self.recipe.model_copy(update={"training": training})
        self.task.recipe = self.recipe
        if write:
            write_text(self.folder / RECIPE, to_toml(self.task.resolved_recipe()))

    def _build_accelerator(self) -> Accelerator:
        return build_accelerator(
            self.options.device,
            self.recipe.training.precision,
            track=self.options.track,
            project_dir=str(self.folder),
        )

    def _finished_result(self, metrics: dict[str, Any]) -> RunResult:
        """Return the metrics of a finished run, unless test scores are wanted that it lacks."""
        if self.options.test and metrics.get("left_alone"):
            raise UserError(
                f"{self.folder}: has finished, with --no-test; score the rest by `nlpseq evaluate "
                f"{self.folder} --split {metrics['left_alone'][0]}`"
            )
        if "keep_checkpoints" in (self.folder / RECIPE).read_text(
            "utf-8"
        ):  # not of earlier versions
            self._drop_checkpoints()  # of a run that was killed before it had
        return RunResult(self.folder, metrics)

    def _drop_checkpoints(self) -> None:
        """Delete the checkpoints of a finished run, unless the recipe keeps them."""
        if not self.recipe.training.keep_checkpoints:
            CheckpointStore(self.folder / CHECKPOINTS).remove()

    def _prepare(self, splits: Mapping[str, Split], accelerator: Accelerator) -> nn.Module:
        """Prepare the task, build the model, and check every option before training."""
        scored = self._scored_splits(splits)
        set_seed(self.recipe.seed)
        folders = [self._data_dir] if self._data_dir else []
        used = ["train", "validation", *scored]  # without test, where that is not scored
        self.task.prepare({name: splits[name] for name in used if name in splits}, folders)
        notes = split_notes(splits, used, self.task.text_fields)
        self.task.notes[:0] = [note for note in notes if note not in self.task.notes]
        check_model_size(self.task, accelerator.device)
        model = self.task.build()
        batches = self.task.steps_per_epoch(splits["train"])  # raises if train is too short for one
        self.task.notes += RunLength(batches, self.recipe.training).notes()
        self.task.check_options()
        for name in scored:
            columns_to_keep(self.task, splits[name])  # raises if a column is not there
        check_selection(self.task, validated="validation" in splits)
        return model

    def _start(self, model: nn.Module, accelerator: Accelerator) -> Trainer:
        """Start trackers and the reporter, and return the trainer."""
        if self.options.track:
            accelerator.init_trackers("nlpseq", config={"recipe": self.name})
        reporter = build_reporter(console(quiet=not accelerator.is_main_process))
        chosen = set_threads(model, self.folder, resume=self.options.resume)
        for note in [*chosen, *self.task.notes]:
            reporter.note(note)
        return Trainer(
            self.task, model, accelerator=accelerator, folder=self.folder, reporter=reporter
        )

    def _scored_splits(self, splits: Mapping[str, Split]) -> list[str]:
        """Return the splits to score at the end: those of the recipe that the data have."""
        config = self.recipe.evaluation
        missing = [name for name in config.splits if name not in splits]
        default = type(config).model_fields["splits"].default  # the recipe of a run spells it out
        if missing and tuple(config.splits) != tuple(default):
            raise UserError(
                f"evaluation.splits: the data have no split {missing[0]!r}, they have "
                f"{', '.join(splits)}"
            )
        wanted = [name for name in config.splits if name in splits and splits[name].labelled]
        return [name for name in wanted if self.options.test or not name.startswith("test")]

    def _score(
        self, trainer: Trainer, splits: Mapping[str, Split], fitted: FitResult
    ) -> dict[str, Any]:
        """Score the splits, write their predictions, and return the metrics of the run."""
        scored = self._scored_splits(splits)
        wanted = self.recipe.evaluation.splits
        metrics: dict[str, Any] = {
            "recipe": self.name,
            "overrides": list(self.options.overrides),
            "seed": self.recipe.seed,
            "splits": scored,
            **({"command": list(self.options.command)} if self.options.command else {}),
            "left_alone": [
                name
                for name in wanted
                if name in splits and name not in scored and splits[name].labelled
            ],
            "details": {},
        }
        started = time.perf_counter()
        scored_records: dict[str, list[Record]] = {}
        for name in scored:
            scores, records = trainer.evaluate(splits[name])
            scored_records[name] = records
            metrics[name] = {**scores, **self.task.known_scores(splits[name])}
            metrics["details"][name] = self.task.details(records)
            nothing = meaningless_scores(self.task, records)
            if nothing:
                metrics["details"][name]["meaningless"] = nothing
            said = [meaningless_line(name, *nothing)] if nothing else []
            for note in [*self.task.score_notes(name, records), *said]:
                self.task.notes.append(note)
                trainer.reporter.note(note)
            if trainer.accelerator.is_main_process:
                write_predictions(
                    self.folder / "predictions" / f"{name}.jsonl",
                    records,
                    splits[name],
                    columns_to_keep(self.task, splits[name]),
                )
        seconds = time.perf_counter() - started
        if self.recipe.evaluation.baselines and scored and trainer.accelerator.is_main_process:
            metrics["baselines"] = score_baselines(
                self.task, splits, scored_records, self.folder, seconds=fitted.seconds
            )
        source = data_source(self.recipe, self._data_dir, self.options.data)
        figures = run_figures(trainer, splits, scored, fitted, data=source)
        return metrics | figures | {"evaluation_seconds": seconds}

    def _write(self, metrics: dict[str, Any], samples: list[str]) -> None:
        """Write plots and model card, and metrics.json last."""
        learning_curves(
            History(self.folder / "history.jsonl").read(),
            self.folder / "plots",
            title=Path(self.name).stem if self.name.endswith(".toml") else self.name,
            scores=metrics.get("validation"),
            chosen=Chosen(metrics["selected_by"], metrics["best_step"]),
        )
        draw_details(metrics["details"], self.folder / "plots")
        draw_probabilities(metrics["details"], self.folder / "plots")
        card = model_card(
            self.task.resolved_recipe().model_dump(mode="json"),
            self.name,
            metrics,
            samples,
            hub_task=self.task.hub_task,
        )
        write_text(self.folder / "README.md", card)
        write_json(self.folder / METRICS, metrics)
