"""Sentiment, and any other classification of texts into one of several classes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nlpseq.data.batch import Batch, Reading, Tokens
from nlpseq.data.batching import bucket_batches
from nlpseq.data.features import Features
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.word_tokenizer import raw_words
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores
from nlpseq.metrics.calibration import expected_calibration_error
from nlpseq.metrics.classification import ClassificationScores, confusion_matrix
from nlpseq.models.model import Model
from nlpseq.recipe import DataConfig, Recipe
from nlpseq.task import LossSum, Progress, Record, Shard
from nlpseq.types import State

from ..base.text_recipe import LabellingRecipe, TextTrainingConfig
from ..base.text_task import TextTask, by_number
from .model import Classifier, ClassifierConfig, ClassifierOutput, build_classifier


class LabelledDataConfig(DataConfig):
    """Texts with a label each."""

    labels: dict[str, str] = Field(
        default_factory=dict,
        description="label of the data = class, in the order of classes; several may share one",
    )


class ClassificationTrainingConfig(TextTrainingConfig):
    """Training of a classifier."""

    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: every class weighs the same in the objective"
    )


class ClassificationRecipe(LabellingRecipe):
    """A recipe of this task."""

    data: LabelledDataConfig = LabelledDataConfig()
    head: ClassifierConfig = ClassifierConfig()
    training: ClassificationTrainingConfig = ClassificationTrainingConfig()


class Classification(TextTask[ClassificationRecipe, str]):
    """Single-label classification; the classes are those of train."""

    Config: ClassVar[type[Recipe]] = ClassificationRecipe
    fields: ClassVar[tuple[str, ...]] = ("text", "label")
    main_metric = "accuracy"
    higher_is_better = True
    hub_task = "text-classification"

    def __init__(self, recipe: ClassificationRecipe) -> None:
        super().__init__(recipe)
        self.labels: list[str] = []
        self._weights: Tensor | None = None

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens, characters and classes from train; read every split."""
        train = splits["train"]
        labels = self.targets(train)
        counts = Counter(labels)
        if len(counts) < 2:
            raise UserError(
                f"{train.origin}: all {len(labels)} examples of train are of the class "
                f"{labels[0]!r}: a classifier needs at least two"
            )
        named = list(dict.fromkeys(self.recipe.data.labels.values()))
        self._set_labels(named or sorted(counts, key=_numbers_first))
        if self.recipe.training.class_weights == "balanced":
            each = [counts[label] for label in self.labels]
            self._weights = torch.tensor(
                [len(labels) / len(counts) / count if count else 0.0 for count in each]
            )
        self.prepare_features(train, folders)
        for split in splits.values():
            self.notes += self.inspect(split)

    def inspect(self, split: Split) -> list[str]:
        """Labels that train does not have, and texts without a token."""
        notes = super().inspect(split)
        unseen = Counter(label for _, label in self.examples(split) if label not in self.labels)
        if unseen:
            notes.append(
                f"{split.name}: {unseen.total()} examples have a label that train does not have "
                f"({', '.join(sorted(unseen))}); they count as wrong"
            )
        empty = sum(not text.split() for text in split.texts("text"))
        if empty:
            notes.append(f"{split.name}: {empty} texts are empty; they are read as unknown")
        return notes

    def _set_labels(self, labels: list[str]) -> None:
        self.labels = labels
        self.metric = ClassificationScores(labels)

    def state(self) -> dict[str, Any]:
        """The classes too, by id, as transformers' configurations have them."""
        return super().state() | {"id2label": dict(enumerate(self.labels))}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Take back what `prepare` had learnt."""
        super().restore(tokenizer, state)
        self._set_labels(by_number(state["id2label"]))

    # Examples

    def texts(self, split: Split) -> Sequence[str]:
        """The texts of a split, cut into words where the recipe says so."""
        return self._as_trained(split.texts("text"))

    def _as_trained(self, texts: Sequence[str]) -> Sequence[str]:
        return [raw_words(text) for text in texts] if self.recipe.tokenization.by_rule else texts

    def features(self, split: Split) -> list[Features]:
        """Features of each text; an empty one is an unknown token."""
        return self.read(self.texts(split))

    def read(self, texts: Sequence[str]) -> list[Features]:
        """Features of texts that are cut as those of train; of one without a token an unknown one."""
        unknown = Features([self.tokenizer.unk_id], [""], [0] if self.reader.segments else ())
        return [one if len(one) else unknown for one in self.reader.read_text(texts)]

    def targets(self, split: Split) -> Sequence[str]:
        """The class of each example.

        Raises:
            UserError: a label that `data.labels`, if it is there, does not name.
        """
        labels, classes = split.labels("label"), self.recipe.data.labels
        for row, label in enumerate(labels):
            if classes and label not in classes:
                raise UserError(
                    f"{split.origin}: example {row + 1} of {split.name} has the label {label!r}, "
                    f"data.labels has {', '.join(classes)}"
                )
        return [classes[label] for label in labels] if classes else labels

    def collate_targets(self, targets: Sequence[str], source: Tokens) -> Tensor:
        """(B,) numbers of classes."""
        return torch.tensor([self.labels.index(label) for label in targets])

    # Model and loss

    def build(self) -> Classifier:
        """Embedding, encoder, pooling and classes."""
        recipe = self.recipe
        model = build_classifier(
            self.build_embedding(), recipe.encoder, recipe.head, len(self.labels)
        )
        self.initialized(model)
        return model

    def classify(self, model: nn.Module, tokens: Tokens) -> ClassifierOutput:
        """Logits (B, K) and weights."""
        assert isinstance(model, Model)
        classified: ClassifierOutput = model.head(model.encode(tokens).outputs, tokens)
        return classified

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum of the nll over texts; in training weighted by class and smoothed, if so wished."""
        target = batch.target
        assert isinstance(target, Tensor)
        logits = self.classify(model, batch.source).logits
        if not model.training:
            total = F.cross_entropy(logits, target, reduction="sum")
            return LossSum(total, torch.tensor(len(target), device=target.device)), ()
        weights = None if self._weights is None else self._weights.to(logits)
        smoothing = self.recipe.training.label_smoothing
        total = F.cross_entropy(logits, target, weights, reduction="sum", label_smoothing=smoothing)
        count = torch.ones_like(target) if weights is None else weights[target]
        return LossSum(total, count.sum()), ()

    # Evaluation

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """The class of each text and its probability."""
        for places, source, targets in self.iter_shard(split, shard, limit):
            probabilities = self.classify(model, source.to(device)).logits.float().softmax(1)
            confidences, numbers = (part.tolist() for part in probabilities.max(1))
            for place, target, confidence, number in zip(
                places, targets, confidences, numbers, strict=True
            ):
                label = self.labels[number]
                prediction = {"label": label, "confidence": confidence}
                yield Record(place, self.metric.statistics(label, target), target, prediction)

    def further_scores(self, records: Sequence[Record]) -> Scores:
        """The expected calibration error, which does not add up over examples."""
        confidences = [record.prediction["confidence"] for record in records]
        correct = [record.prediction["label"] == record.target for record in records]
        return {"calibration_error": expected_calibration_error(confidences, correct)}

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """The table of the classes, and what was taken for what."""
        total = [sum(part) for part in zip(*(one.statistics for one in records), strict=True)]
        targets = [record.target for record in records]
        labels = [*self.labels, *sorted({*targets} - {*self.labels})]
        predictions = [record.prediction["label"] for record in records]
        matrix = confusion_matrix(targets, predictions, labels)
        return {
            "per_class": ClassificationScores(self.labels).per_class(total),
            "confusion_matrix": {"labels": labels, "matrix": matrix},
        }

    def predictor(self, model: nn.Module, device: torch.device) -> "TextClassifierPredictor":
        """Classify raw texts."""
        assert isinstance(model, Model)
        return TextClassifierPredictor(self, model, device)


class TextClassifierPredictor:
    """A trained classifier of raw texts."""

    def __init__(self, task: Classification, model: Classifier, device: torch.device) -> None:
        self.task = task
        self.model = model.to(device).eval()
        self.device = device

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Classify texts, in their order.

        Returns:
            for each its `text`, `label` (None for an empty one) and `probabilities`; where the model
            attends also `tokens` and their `weights`, and of a hierarchical network `sentences` and
            their `sentence_weights` (the tokens' weights sum to 1 in each sentence).
        """
        results: list[dict[str, Any]] = [
            {"text": text, "label": None, "probabilities": {}} for text in texts
        ]
        cut = self._cut(texts)
        places = [place for place, text in enumerate(cut) if text.split()]
        features = self.task.read([cut[place] for place in places])
        size = self.task.recipe.training.batch_size
        batches = bucket_batches([len(one) for one in features], batch_size=size, shuffle=False)
        for batch in batches:
            read = [cut[places[number]] for number in batch]
            found = self._classify(read, [features[number] for number in batch])
            for number, result in zip(batch, found, strict=True):
                results[places[number]] |= result
        return results

    def read(self, texts: Sequence[str]) -> Reading:
        """What the model reads of texts; see `Reading`."""
        cut = self._cut(texts)
        tokens = self.task.reader.collate(self.task.read(cut)).to(self.device)
        return Reading(tokens, [self._spelt(text) for text in cut])

    def evaluate(self, texts: Sequence[str], labels: Sequence[str]) -> Scores:
        """The scores of some texts whose classes are known."""
        predictions = self.predict(texts)
        vectors = [
            self.task.metric.statistics(str(prediction["label"]), label)
            for prediction, label in zip(predictions, labels, strict=True)
        ]
        return self.task.metric.score([sum(part) for part in zip(*vectors, strict=True)])

    def _cut(self, texts: Sequence[str]) -> list[str]:
        """Data come cut into words, or were cut by rule: raw text has to be cut alike."""
        by_words = self.task.tokenizer.kind == "word" or self.task.recipe.tokenization.by_rule
        return [raw_words(text) for text in texts] if by_words else list(texts)

    @torch.no_grad()
    def _classify(self, texts: Sequence[str], features: Sequence[Features]) -> list[dict[str, Any]]:
        tokens = self.task.reader.collate(features).to(self.device)
        logits, weights, sentence_weights = self.task.classify(self.model, tokens)
        results = []
        for row, probabilities in enumerate(logits.softmax(1).tolist()):
            by_label = dict(zip(self.task.labels, probabilities, strict=True))
            result: dict[str, Any] = {
                "label": max(by_label, key=by_label.__getitem__),
                "probabilities": by_label,
            }
            if weights is not None:
                spelt = self._spelt(texts[row])
                result |= {"tokens": spelt, "weights": weights[row, : len(spelt)].tolist()}
            if sentence_weights is not None:
                sentences = _sentences(result["tokens"], features[row].segments)
                result["sentences"] = sentences
                result["sentence_weights"] = sentence_weights[row, : len(sentences)].tolist()
            results.append(result)
        return results

    def _spelt(self, text: str) -> list[str]:
        """How each token of a text reads there, known or not; the text if it has no token."""
        encoding = self.task.tokenizer.backend.encode(text, add_special_tokens=False)
        pieces = [text[begin:end] for begin, end in encoding.offsets] or [text]
        return [piece.strip() or piece for piece in pieces]


def _sentences(tokens: Sequence[str], segments: Sequence[int]) -> list[str]:
    sentences: list[list[str]] = [[] for _ in range(segments[-1] + 1)]
    for token, number in zip(tokens, segments, strict=True):
        sentences[number].append(token)
    return [" ".join(sentence) for sentence in sentences]


def _numbers_first(label: str) -> tuple[bool, int, str]:
    is_number = label.isdecimal()
    return (not is_number, int(label) if is_number else 0, label)
