"""The interface of a task, by which the trainer, the model directory and the command line use every task.

A task turns splits into batches, a recipe into a model, a batch into a loss, and a trained model into a
predictor. A new one is a package in `tasks/` with a subclass of `Task`, a recipe and a test.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeVar, final

import torch
from torch import nn

from nlpseq.data.batch import Batch
from nlpseq.data.in_memory import DataInMemory, LocalData
from nlpseq.data.report import DataReport
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.metrics.base import Metric
from nlpseq.metrics.base import Scores as Scores
from nlpseq.predictor import Predictor
from nlpseq.recipe import Recipe
from nlpseq.task_parts import Baseline as Baseline
from nlpseq.task_parts import Cursor as Cursor
from nlpseq.task_parts import LossSum as LossSum
from nlpseq.task_parts import Progress as Progress
from nlpseq.task_parts import Record as Record
from nlpseq.task_parts import Setting as Setting
from nlpseq.task_parts import Shard as Shard
from nlpseq.types import State

RecipeT = TypeVar("RecipeT", bound=Recipe)


class Task(ABC, Generic[RecipeT]):
    """A language task, from raw splits to scores.

    Subclasses set the class attributes and implement the abstract methods.

    Attributes:
        Config: the schema of the task's recipes.
        fields: columns of the data that the task reads; its recipe may add some.
        further_fields: columns that it also reads where the data have them.
        alternative_fields: sets of fields; the first that the data have becomes `fields` when they are loaded.
        label_field: the column of labels, `label`, or of lists of tags, `tags`, if the task learns one.
        target_field: the column of what is predicted, which a split without answers lacks; by default
            `label_field`.
        contiguous: texts belong together in their order, so splits are cut from the end of train.
        base_recipe: name of the recipe that own data start from; '' for the defaults.
        metric: turns summed statistics into scores.
        main_metric: the validation score that chooses the best weights.
        higher_is_better: whether a higher main score is better.
        score_directions: further scores that may choose weights, with whether higher is better.
        example_score: score that ranks single examples; by default `main_metric`.
        hub_task: name of the task on the Hub.
        tokenizer: learnt in `prepare` or taken back in `restore`.
        target_tokenizer: tokenizer of the target, where it differs from the source's; set before `restore`.
        unknown_tokens: number and share of the unknown tokens of each split that was inspected.
        notes: lines for the user about the preparation, such as the coverage of pretrained vectors.
    """

    Config: ClassVar[type[Recipe]]
    fields: tuple[str, ...]
    further_fields: ClassVar[tuple[str, ...]] = ()
    alternative_fields: ClassVar[tuple[tuple[str, ...], ...]] = ()
    label_field: ClassVar[str] = ""
    target_field: ClassVar[str] = ""
    contiguous: ClassVar[bool] = False
    base_recipe: ClassVar[str] = ""
    metric: Metric
    main_metric: str
    higher_is_better: ClassVar[bool]
    score_directions: Mapping[str, bool] = MappingProxyType({})
    example_score: ClassVar[str] = ""
    hub_task: ClassVar[str] = "text-generation"

    tokenizer: Tokenizer

    def __init__(self, recipe: RecipeT) -> None:
        self.recipe = recipe
        self.target_tokenizer: Tokenizer | None = None
        self.notes: list[str] = []
        self.unknown_tokens: dict[str, dict[str, float]] = {}

    @classmethod
    def suits(cls, report: DataReport) -> str:
        """Return why this task is the one for data that several tasks can read; '' if it is not."""
        return ""

    @classmethod
    def settings(cls, report: DataReport) -> list[Setting]:
        """Choose keys of the recipe by amount and kind of data, beside those of `base_recipe`; none by default."""
        return []

    @property
    def text_fields(self) -> tuple[str, ...]:
        """Columns of the texts, or lists of tokens, that a model reads: one, or the two of a pair."""
        return self.fields[:1]

    @property
    def has_target_tokenizer(self) -> bool:
        """Return whether the target has a tokenizer of its own, by the recipe."""
        return False

    @abstractmethod
    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn vocabulary and labels, from train only; pretrained vectors are looked up in `folders`."""

    @abstractmethod
    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """Yield the global batches of one epoch from `start`; their order depends on seed and epoch only."""

    @abstractmethod
    def steps_per_epoch(self, split: Split) -> int:
        """Return the number of training batches in an epoch; schedules may take an estimate."""

    @final
    def build(self) -> nn.Module:
        """Build a model with the weights that training starts from; needs `prepare` or `restore`."""
        model = self.build_model()
        self.load_initial_weights(model)
        return model

    @abstractmethod
    def build_model(self) -> nn.Module:
        """Build a model with fresh weights, from what `prepare` learnt or `restore` took back."""

    def load_initial_weights(self, model: nn.Module) -> None:
        """Replace fresh weights by those of a run that the recipe starts from; none by default."""

    @abstractmethod
    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Return the loss of one batch (in evaluation mode the plain nll), and the carry for the next batch."""

    @abstractmethod
    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Score a split example by example, with the model in evaluation mode and without gradients.

        Args:
            model: from `build`, trained.
            split: examples to score.
            device: device of the model.
            shard: the examples of this process.
            limit: number of tokens (or examples) to score; 0: all.
        """

    @abstractmethod
    def predictor(self, model: nn.Module, device: torch.device) -> Predictor[Any]:
        """Return the predictor that `nlpseq.load` returns; it processes texts as in training."""

    def check_options(self) -> None:
        """Check options of the recipe that are first used after training, such as `[decoding]`.

        A run calls it after `prepare`, before training.

        Raises:
            UserError: an option, or a combination of options, that scoring or generating would refuse.
        """

    def load_splits(self, local_data: LocalData | None = None) -> dict[str, Split]:
        """Load the splits that the recipe's `[data]` names, with the columns that the task reads.

        Args:
            local_data: folder of local files, or data in memory; None: the Hub or the built-in corpus.

        Raises:
            UserError: a file, column or split is missing or bad, or the Hub cannot be reached.
        """
        given = local_data if isinstance(local_data, DataInMemory) else None
        splits = load_splits(
            self.recipe.data,
            data_dir=local_data if isinstance(local_data, Path) else None,
            given=given,
            fields=self.fields,
            further_fields=self.further_fields,
            label_field=self.label_field,
            target_field=self.target_field,
            learnt=self.learnt_labels(),
            contiguous=self.contiguous,
            alternatives=self.alternative_fields,
        )
        first = next(iter(splits.values()), None)
        for fields in (self.fields, *self.alternative_fields):
            if first is not None and {*fields} <= {*first.rows.column_names}:
                self.fields = fields
                break
        return splits

    def learnt_labels(self) -> Sequence[str]:
        """Return the labels of a trained model, () before `prepare` and for tasks without labels."""
        return ()

    def load_training_splits(self, local_data: LocalData | None = None) -> dict[str, Split]:
        """Load the splits as `load_splits` does, and check that there is one to train on.

        Raises:
            UserError: as `load_splits`, or there is no train split.
        """
        splits = self.load_splits(local_data)
        if "train" not in splits:
            where = local_data.kind if isinstance(local_data, DataInMemory) else "data.files"
            raise UserError(f"{where} names no train split, only {', '.join(splits) or 'nothing'}")
        return splits

    def validation_batches(self, split: Split, limit: int = 0) -> Iterator[Batch]:
        """Yield batches whose `loss` is the validation loss, where the scores have no nll per token.

        Args:
            split: examples to score.
            limit: number of examples; 0: all.
        """
        return self.batches(split, training=False, seed=self.recipe.seed, start=Cursor())

    def fit_to_validation(
        self, model: nn.Module, split: Split, *, device: torch.device
    ) -> list[str]:
        """Choose what is chosen after training on the validation split alone, such as thresholds; nothing by default.

        What was chosen is part of `state`. Every process of a training gets the same.

        Args:
            model: trained, with its best weights.
            split: validation.
            device: device of the model.

        Returns:
            Notes on what was chosen.
        """
        return []

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        """Return the scores that perfect predictions of these examples would have; none if unknown."""
        return {}

    def further_scores(self, records: Sequence[Record]) -> Scores:
        """Return scores of a split that are not functions of summed statistics; none by default."""
        return {}

    def score_notes(self, name: str, records: Sequence[Record]) -> list[str]:
        """Return lines for the user about scores of a split that are missing or mean little; none by default."""
        return []

    def smallest_difference(self, score: str) -> float | None:
        """Return the smallest difference of interest in a score, in its own unit; None: that of the score."""
        return None

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return tables behind the scores, as JSON: `per_class`, `per_label`, `per_type`, `confusion_matrix`."""
        return {}

    def inspect(self, split: Split) -> list[str]:
        """Return lines for the user about a split that is to be scored; needs `prepare` or `restore`."""
        return [f"{split.name}: {split.note}"] if split.note else []

    def known_scores(self, split: Split) -> Scores:
        """Return scores that are known without a model, such as the best possible one, `floor_perplexity`."""
        return {}

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Train cheap models on `splits["train"]`, one after the other; each takes seconds.

        Args:
            splits: train, validation if there is one, and the splits to be scored.
        """
        return iter(())

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """Return a few lines of example outputs of the trained model."""
        return []

    def logged(self, progress: Progress) -> Scores:
        """Return values to log beside loss and learning rate, such as the teacher forcing ratio."""
        return {}

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Return torch's parameter groups for the optimiser; biases and norms are not decayed."""
        matrices = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
        vectors = [p for p in model.parameters() if p.requires_grad and p.dim() <= 1]
        return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]

    def state(self) -> dict[str, Any]:
        """Return what `prepare` learnt beside the tokenizers, as JSON (labels, character table)."""
        return {}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Take back what `prepare` learnt, so that `build` and `predictor` work without data."""
        self.tokenizer = tokenizer

    def resolved_recipe(self) -> RecipeT:
        """Return the recipe with what `prepare` settled from the data, so that it repeats the run."""
        return self.recipe

    def with_recipe(self, recipe: RecipeT) -> Self:
        """Return a task with another recipe and what this one has learnt in `prepare`."""
        task = type(self)(recipe)
        task.target_tokenizer = self.target_tokenizer
        task.restore(self.tokenizer, self.state())
        return task
