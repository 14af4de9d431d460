"""Classification of texts into one of several classes, such as sentiment."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.data.features import Features
from nlpseq.data.labels import label_text
from nlpseq.data.report import DataReport
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError, suggest
from nlpseq.metrics.base import Scores, perfect_scores
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline, LossSum, Record, Setting, Shard
from nlpseq.wording import format_count

from ..base.calibration import calibration_state, check_calibration, restored_temperature
from ..base.label_names import names_by_id
from ..base.vector_settings import sentence_settings
from ..base.vector_task import VectorTask
from .baselines import train_baselines
from .calibration import class_probabilities, fit_classes
from .label_checks import check_classes
from .metrics import class_prediction, class_tables, curve_tables, scores_of_probabilities
from .predictor import TextClassifierPredictor
from .recipe import ClassificationRecipe


class Classification(VectorTask[ClassificationRecipe, str]):
    """Single-label classification; the classes are those of train.

    Attributes:
        labels: classes, in the order of the model's outputs.
        temperature: by which logits are divided for probabilities; 1 unless `head.calibrate`.
    """

    Config: ClassVar[type[Recipe]] = ClassificationRecipe
    fields: tuple[str, ...] = ("text", "label")
    metric: ClassificationScores
    label_field = "label"
    main_metric = "accuracy"
    base_recipe = "classification/base"
    higher_is_better = True
    score_directions: Mapping[str, bool] = MappingProxyType(
        {"macro_f1": True, "weighted_f1": True, "calibration_error": False}
    )
    hub_task = "text-classification"

    def __init__(self, recipe: ClassificationRecipe) -> None:
        super().__init__(recipe)
        self.labels: list[str] = []
        self.temperature = 1.0
        self._class_weights: Tensor | None = None

    @classmethod
    def settings(cls, report: DataReport) -> list[Setting]:
        """Choose also the pooling of sentences, and calibrated probabilities."""
        reason = "probabilities say how often the class is right"
        calibrated = Setting("head.calibrate", True, reason, needs="validation")
        return [*super().settings(report), *sentence_settings(report), calibrated]

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens, characters and classes from train; encode every split."""
        check_calibration(self.recipe.head.calibrate, splits)
        train = splits["train"]
        labels = self.targets(train)
        self._check_label_names(splits.values())
        counts = Counter(labels)
        check_classes(counts, train, self.label_field)
        named = list(dict.fromkeys(self.recipe.data.labels.values()))
        self._set_labels(named or sorted(counts, key=_numbers_first))
        if self.recipe.training.class_weights == "balanced":
            sizes = [counts[label] for label in self.labels]
            self._class_weights = torch.tensor(
                [len(labels) / len(counts) / size if size else 0.0 for size in sizes]
            )
        self.prepare_features(train, folders)
        for split in splits.values():
            self.notes += self.inspect(split)

    def inspect(self, split: Split) -> list[str]:
        """Report also labels that train lacks."""
        notes = super().inspect(split)
        counts = Counter(self.examples(split).targets)
        if len(counts) == 1 and len(self.labels) > 1:
            notes.append(
                f"{split.name}: only one class, {next(iter(counts))!r}; scores on it say little about the model"
            )
        unseen = Counter({label: n for label, n in counts.items() if label not in self.labels})
        if unseen:
            notes.append(
                f"{split.name}: {format_count(unseen.total(), 'example')} with a label that train lacks "
                f"({', '.join(sorted(unseen))}), counted as wrong"
            )
        return notes

    def _set_labels(self, labels: list[str]) -> None:
        self.labels = labels
        self.metric = ClassificationScores(labels)
        ranked = {"auroc": True, "average_precision": True} if len(labels) == 2 else {}
        self.score_directions = {**type(self).score_directions, **ranked}

    def state(self) -> dict[str, Any]:
        """Return also the classes by id, as in configurations of transformers, and the temperature."""
        calibration = calibration_state(self.recipe.head.calibrate, self.temperature)
        return super().state() | {"id2label": dict(enumerate(self.labels))} | calibration

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` and `fit_to_validation` had learnt."""
        super().restore(tokenizer, state)
        self._set_labels(names_by_id(state["id2label"]))
        self.temperature = restored_temperature(state)

    def learnt_labels(self) -> Sequence[str]:
        """Return the classes."""
        return self.labels

    # Examples

    def targets(self, split: Split) -> Sequence[str]:
        """Return the class of each example.

        Raises:
            UserError: `data.labels` is set and lacks a label of the data.
        """
        classes = {label_text(label): name for label, name in self.recipe.data.labels.items()}
        labels = split.labels("label", self.recipe.data.labels)
        for index, label in enumerate(labels):
            if classes and label not in classes:
                raise UserError(
                    f"{split.origin}: example {index + 1} of {split.name} has the label {label!r}, "
                    f"data.labels has {', '.join(classes)}"
                )
        return [classes[label] for label in labels] if classes else labels

    def _check_label_names(self, splits: Iterable[Split]) -> None:
        """Refuse labels of `data.labels` that no example has."""
        keys = self.recipe.data.labels
        if not keys or self.recipe.data.folds:  # a rare label may be in another fold
            return
        used = {label for split in splits for label in split.labels("label", keys)}
        for key in keys:
            if label_text(key) not in used:
                raise UserError(
                    f"data.labels: no example has the label {key!r}; the data have "
                    f"{', '.join(sorted(used))}{suggest(key, used)}".removesuffix(".")
                )

    def collate_targets(self, targets: Sequence[str], source: Tokens) -> Tensor:
        """Return the ids (B,) of the classes."""
        return torch.tensor([self.labels.index(label) for label in targets])

    # Model and loss

    @property
    def num_outputs(self) -> int:
        """The number of classes."""
        return len(self.labels)

    def output_loss(self, logits: Tensor, target: Tensor, *, training: bool) -> LossSum:
        """Sum the nll over texts; in training with class weights and label smoothing of the recipe."""
        if not training:
            total = F.cross_entropy(logits, target, reduction="sum")
            return LossSum.counted(total, len(target))
        weights = None
        if self._class_weights is not None:
            self._class_weights = self._class_weights.to(logits.device)  # copied once
            weights = self._class_weights.to(logits.dtype)
        smoothing = self.recipe.training.label_smoothing
        total = F.cross_entropy(logits, target, weights, reduction="sum", label_smoothing=smoothing)
        count = torch.ones_like(target) if weights is None else weights[target]
        return LossSum(total, count.sum())

    # Evaluation

    def fit_to_validation(
        self, model: nn.Module, split: Split, *, device: torch.device
    ) -> list[str]:
        """Choose the temperature, if `head.calibrate` says so."""
        if not self.recipe.head.calibrate:
            return []
        outputs = self.outputs(model, split, device=device, shard=Shard())
        self.temperature, notes = fit_classes(outputs, self.labels)
        return notes

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Predict the class of each text and its probability."""
        metric = self.metric.with_targets(self.examples(split).targets)
        batches = self.outputs(model, split, device=device, shard=shard, limit=limit)
        for indices, logits, targets in batches:
            rows = class_probabilities(logits, self.temperature).tolist()
            for index, target, row in zip(indices, targets, rows, strict=True):
                prediction = class_prediction(self.labels, row, target)
                statistics = metric.statistics(prediction["label"], target)
                yield Record(index, statistics, target, prediction)

    def has_loss(self, features: Features, target: str) -> bool:
        """Tell whether the model knows the class."""
        return target in self.labels

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        """Return the scores of a classifier that is always right; it cannot be on an unknown class."""
        known = [record.target for record in records if record.target in self.labels]
        return perfect_scores(self.metric, known) or {self.main_metric: 0.0}

    def further_scores(self, records: Sequence[Record]) -> Scores:
        """Return the calibration error; for two classes also AUROC and average precision of the second one."""
        return scores_of_probabilities(records, self.labels)

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return the scores of each class, the confusion matrix, and what the curves show."""
        return class_tables(records, self.labels) | curve_tables(records, self.labels)

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Train the most frequent class, and TF-IDF with logistic regression."""
        return train_baselines(splits, self.text_fields, self.targets, self.metric)

    def predictor(self, model: nn.Module, device: torch.device) -> TextClassifierPredictor:
        """Return a predictor of classes of raw texts."""
        assert isinstance(model, Model)
        return TextClassifierPredictor(
            self.side_reader(), self.labels, model, device, self.temperature
        )


def _numbers_first(label: str) -> tuple[bool, int, str]:
    is_number = label.isdecimal()
    return (not is_number, int(label) if is_number else 0, label)
