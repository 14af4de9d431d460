"""Several labels for each text, or for each pair of texts, such as topics.

Every label has a probability of its own. It is predicted if that reaches a threshold, which is chosen on validation
after training; during training the threshold is 0.5, unless the recipe sets a number.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.data.columns import SEVERAL_LABELS
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.multilabel import LabelSet, MultilabelScores
from nlpseq.metrics.thresholds import DEFAULT, choose_thresholds, label_matrix
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline, LossSum, Record, Shard
from nlpseq.wording import format_count

from ..base.vector_task import VectorTask
from .baselines import train_baselines
from .metrics import label_table
from .predictor import MultilabelPredictor
from .recipe import MultilabelRecipe
from .thresholds import Thresholds

Labels = Sequence[str]
_RARE = 5  # texts with a label


class Multilabel(VectorTask[MultilabelRecipe, Labels]):
    """Several labels for a text; the labels are those of train.

    Attributes:
        thresholds: labels in the order of the model's outputs, and the threshold of each.
    """

    Config: ClassVar[type[Recipe]] = MultilabelRecipe
    fields: tuple[str, ...] = ("text", SEVERAL_LABELS)
    metric: MultilabelScores
    label_field = SEVERAL_LABELS
    main_metric = "micro_f1"
    base_recipe = "multilabel/base"
    higher_is_better = True
    score_directions = MappingProxyType(
        {"macro_f1": True, "subset_accuracy": True, "label_ranking_average_precision": True}
    )
    hub_task = "text-classification"  # the Hub's name for it

    def __init__(self, recipe: MultilabelRecipe) -> None:
        super().__init__(recipe)
        self.thresholds = Thresholds((), ())
        self._weights: Tensor | None = None

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens and labels from train; encode every split."""
        train, rule = splits["train"], self.recipe.head.thresholds
        targets = self.targets(train)
        counts = Counter(label for labels in targets for label in labels)
        if not counts:
            raise UserError(
                f"{train.origin}: no row of train has a label in {train.name_of(SEVERAL_LABELS)!r}"
            )
        names = sorted(counts)
        start = DEFAULT if isinstance(rule, str) else rule
        self._set_thresholds(Thresholds(tuple(names), (start,) * len(names)))
        if self.recipe.training.label_weights == "balanced":
            ratios = [(len(targets) - counts[name]) / counts[name] for name in names]
            self._weights = torch.tensor(ratios).clamp(min=1e-6).sqrt()
        self.prepare_features(train, folders)
        self.notes.append(_describe(counts, len(targets)))
        if isinstance(rule, str) and "validation" not in splits:
            self.notes.append(
                f"no validation split to choose thresholds on: a label is predicted from {DEFAULT} on"
            )
        for split in splits.values():
            self.notes += self.inspect(split)

    def inspect(self, split: Split) -> list[str]:
        """Report also labels that train lacks."""
        notes = super().inspect(split)
        unseen: Counter[str] = Counter()
        texts = 0
        for labels in self.examples(split).targets:
            new = [label for label in labels if label not in self.labels]
            unseen.update(new)
            texts += bool(new)
        if unseen:
            notes.append(
                f"{split.name}: {format_count(texts, 'text')} with labels that train lacks "
                f"({', '.join(sorted(unseen))}), counted as wrong"
            )
        return notes

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the model's outputs."""
        return self.thresholds.labels

    def _set_thresholds(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self.metric = MultilabelScores(thresholds.labels)

    def state(self) -> dict[str, Any]:
        """Return also the labels and their thresholds."""
        return super().state() | self.thresholds.to_json()

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` and `fit_to_validation` had learnt."""
        super().restore(tokenizer, state)
        self._set_thresholds(Thresholds.from_json(state))

    def learnt_labels(self) -> Sequence[str]:
        """Return the labels."""
        return self.labels

    # Examples

    def targets(self, split: Split) -> Sequence[Labels]:
        """Return the labels of each example."""
        return [list(labels) for labels in split.column(SEVERAL_LABELS)]

    def collate_targets(self, targets: Sequence[Labels], source: Tokens) -> Tensor:
        """Return whether each label holds: (B, K)."""
        return torch.from_numpy(label_matrix(targets, self.labels)).float()

    # Model and loss

    @property
    def num_outputs(self) -> int:
        """The number of labels."""
        return len(self.labels)

    def output_loss(self, logits: Tensor, target: Tensor, *, training: bool) -> LossSum:
        """Sum the binary cross-entropy over texts, mean over labels; in training with the weights of the recipe."""
        smoothing = self.recipe.training.label_smoothing if training else 0.0
        weights = None
        if training and self._weights is not None:
            self._weights = self._weights.to(logits.device)  # copied once
            weights = self._weights.to(logits.dtype)
        total = F.binary_cross_entropy_with_logits(
            logits,
            target.to(logits) * (1 - smoothing) + smoothing / 2,
            pos_weight=weights,
            reduction="sum",
        )
        return LossSum.counted(total / logits.size(1), len(target))

    # Evaluation

    def fit_to_validation(
        self, model: nn.Module, split: Split, *, device: torch.device
    ) -> list[str]:
        """Choose the thresholds, as `head.thresholds` says."""
        rule = self.recipe.head.thresholds
        if not isinstance(rule, str) or not len(split):
            return []
        probabilities = np.zeros((len(split), len(self.labels)))
        for indices, logits, _ in self.outputs(model, split, device=device, shard=Shard()):
            probabilities[indices] = logits.sigmoid().cpu().double().numpy()
        targets = self.targets(split)
        gold = label_matrix(targets, self.labels)
        missed = sum(len(labels) for labels in targets) - int(gold.sum())
        chosen = choose_thresholds(probabilities, gold, rule, missed)
        self.thresholds = Thresholds(self.labels, tuple(chosen))
        return [f"thresholds chosen on validation: {self.thresholds.describe()}"]

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Predict the labels of each text and the probability of every label."""
        metric = self.metric.with_targets(self.examples(split).targets)
        batches = self.outputs(model, split, device=device, shard=shard, limit=limit)
        for indices, logits, targets in batches:
            rows = logits.sigmoid().tolist()
            for index, target, row in zip(indices, targets, rows, strict=True):
                chosen = self.thresholds.choose(row)
                by_label = dict(zip(self.labels, row, strict=True))
                prediction = {"labels": chosen, "probabilities": by_label}
                statistics = metric.statistics(LabelSet(chosen, by_label), target)
                yield Record(index, statistics, target, prediction)

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        """Return the scores of a model that is always right; it cannot be on an unknown label."""
        known = (
            LabelSet(
                [label for label in record.target if label in self.labels],
                {label: float(label in record.target) for label in self.labels},
            )
            for record in records
        )
        metric = self.metric.with_targets(record.target for record in records)
        vectors = [
            metric.statistics(best, record.target)
            for best, record in zip(known, records, strict=True)
        ]
        return metric.score(sum_statistics(vectors)) if vectors else {self.main_metric: 0.0}

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return the scores and the threshold of each label."""
        return label_table(records, self.thresholds)

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Train the most frequent set of labels, and TF-IDF with a logistic regression for each label."""
        rule = self.recipe.head.thresholds
        return train_baselines(splits, self.text_fields, self.targets, self.metric, rule)

    def predictor(self, model: nn.Module, device: torch.device) -> MultilabelPredictor:
        """Return a predictor of labels of raw texts."""
        assert isinstance(model, Model)
        return MultilabelPredictor(self.side_reader(), self.thresholds, model, device)


def _describe(counts: Mapping[str, int], texts: int) -> str:
    """Return a line on the labels of train."""
    rare = sum(count < _RARE for count in counts.values())
    line = f"train: {format_count(len(counts), 'label')}, {sum(counts.values()) / texts:.2f} a text in the mean"
    return f"{line}; {rare} of them in fewer than {_RARE} texts" if rare else line
