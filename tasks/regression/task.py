"""Regression: a number for each text, or for each pair of texts.

The model learns numbers in units of the mean and the standard deviation of train, which are saved with it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.data.number_column import NUMBER
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores
from nlpseq.metrics.regression import RegressionScores
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.stored_values import StoredValues
from nlpseq.task import Baseline, LossSum, Record, Shard
from nlpseq.wording import format_count

from ..base.vector_task import VectorTask
from .baselines import train_baselines
from .metrics import constant_notes, rank_correlation
from .predictor import RegressionPredictor
from .recipe import RegressionRecipe

_OF_INTEREST = 0.02
"""Smallest difference of interest between two errors, in standard deviations of the numbers."""


class Regression(VectorTask[RegressionRecipe, float]):
    """Regression to one number.

    The main score is the root mean squared error: it is defined for every model, also for one that always predicts
    the same number, and has the unit of the numbers. `training.select_by = "pearson"` chooses weights by correlation.

    Attributes:
        mean: of the numbers of train.
        deviation: their standard deviation.
    """

    Config: ClassVar[type[Recipe]] = RegressionRecipe
    fields: tuple[str, ...] = ("text", NUMBER)
    metric: RegressionScores
    label_field = NUMBER
    main_metric = "rmse"
    base_recipe = "regression/base"
    higher_is_better = False
    score_directions = MappingProxyType({"mae": False, "pearson": True, "spearman": True})
    hub_task = "text-classification"  # the Hub's name for it

    def __init__(self, recipe: RegressionRecipe) -> None:
        super().__init__(recipe)
        self.mean, self.deviation = 0.0, 1.0
        self._range = (-math.inf, math.inf)

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens, mean and standard deviation from train; encode every split."""
        train = splits["train"]
        numbers = torch.tensor(self.targets(train), dtype=torch.float64)
        column = train.name_of(NUMBER)
        if not float(numbers.max()) > float(numbers.min()):
            raise UserError(
                f"{train.origin}: column {column!r} of train holds {numbers[0].item():g} in every row: "
                "there is nothing to learn"
            )
        distinct = len(numbers.unique())
        if distinct == 2:
            self.notes.append(
                f"train: {column!r} has two different numbers only; for classes, "
                'task = "classification" learns them, from the field label'
            )
        self._set_scale(float(numbers.mean()), float(numbers.std(correction=0)))
        self._range = (float(numbers.min()), float(numbers.max()))
        self.notes.append(
            f"train: {column!r} from {self._range[0]:g} to {self._range[1]:g}, mean {self.mean:.4g}, standard "
            f"deviation {self.deviation:.4g}"
        )
        self.prepare_features(train, folders)
        for split in splits.values():
            self.notes += self.inspect(split)

    def inspect(self, split: Split) -> list[str]:
        """Report also numbers beyond those of train."""
        notes = super().inspect(split)
        low, high = self._range
        beyond = sum(not low <= number <= high for number in self.targets(split))
        if beyond:
            notes.append(
                f"{split.name}: {format_count(beyond, 'number')} below or above those of train "
                f"({low:g} to {high:g})"
            )
        return notes

    def _set_scale(self, mean: float, deviation: float) -> None:
        self.mean, self.deviation = mean, deviation
        self.metric = RegressionScores(mean, deviation)

    def state(self) -> dict[str, Any]:
        """Return also mean, standard deviation and range of the numbers."""
        numbers = {"mean": self.mean, "standard_deviation": self.deviation, "range": [*self._range]}
        return super().state() | {"numbers": numbers}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        stored = StoredValues(state).part("numbers")
        if stored is None:
            raise UserError("config.json: learnt.numbers is missing")
        mean, deviation = stored.number("mean"), stored.number("standard_deviation", 0.0)
        self._range = stored.interval("range")
        self._set_scale(mean, deviation)

    # Examples

    def targets(self, split: Split) -> Sequence[float]:
        """Return the number of each example."""
        return [float(number) for number in split.column(NUMBER)]

    def collate_targets(self, targets: Sequence[float], source: Tokens) -> Tensor:
        """Return the standardised numbers (B,)."""
        return torch.tensor([(number - self.mean) / self.deviation for number in targets])

    # Model and loss

    @property
    def num_outputs(self) -> int:
        """One."""
        return 1

    def output_loss(self, logits: Tensor, target: Tensor, *, training: bool) -> LossSum:
        """Sum the squared errors; in training with `training.loss = "huber"` Huber's loss."""
        compute = F.huber_loss if training and self.recipe.training.loss == "huber" else F.mse_loss
        total = compute(logits.squeeze(1), target.to(logits), reduction="sum")
        return LossSum.counted(total, len(target))

    # Evaluation

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Predict the number of each text."""
        batches = self.outputs(model, split, device=device, shard=shard, limit=limit)
        for indices, logits, targets in batches:
            numbers = (logits[:, 0].cpu().double() * self.deviation + self.mean).tolist()
            for index, target, number in zip(indices, targets, numbers, strict=True):
                statistics = self.metric.statistics(number, target)
                yield Record(index, statistics, target, {"number": number})

    def further_scores(self, records: Sequence[Record]) -> Scores:
        """Return the rank correlation."""
        return rank_correlation(records)

    def score_notes(self, name: str, records: Sequence[Record]) -> list[str]:
        """Say why a correlation is missing."""
        return constant_notes(name, records)

    def smallest_difference(self, score: str) -> float | None:
        """Return 2% of the standard deviation of the numbers, for errors."""
        return _OF_INTEREST * self.deviation if score in ("rmse", "mae") else None

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Train the mean, and TF-IDF with ridge regression."""
        return train_baselines(splits, self.text_fields, self.targets, self.metric)

    def predictor(self, model: nn.Module, device: torch.device) -> RegressionPredictor:
        """Return a predictor of numbers of raw texts."""
        assert isinstance(model, Model)
        return RegressionPredictor(self.side_reader(), self.mean, self.deviation, model, device)
