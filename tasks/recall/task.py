"""Recall over a distance: sequences in which some tokens follow from others far before them.

The model is a language model; the objective differs. Only tokens that are determined by those before them, the
answers, are learnt and scored: the other tokens are random, and their loss would be noise. Each sequence is read
whole, from a fresh state, so that gradients reach from an answer to its cause: no window cuts them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from nlpseq.data.batch import NO_TARGET, Batch, Tokens, move
from nlpseq.data.batching import bucket_batches, pad_rows
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores
from nlpseq.metrics.recall import RecallScores
from nlpseq.models.model import Model
from nlpseq.predictor import Predictor
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline, Cursor, LossSum, Progress, Record, Shard
from nlpseq.types import State

from ..language_modeling.model import LanguageModel
from ..language_modeling.predictor import read_ids
from ..language_modeling.recipe import LanguageModelingRecipe
from ..language_modeling.task import LanguageModeling
from .baselines import train_baselines
from .metrics import answer_tables
from .predictor import RecallPredictor
from .recipe import RecallRecipe


class Example(NamedTuple):
    """A sequence as ids, the positions of its answers, and the distance of each answer from its cause."""

    ids: list[int]
    answers: list[int]
    distances: list[int]


class Recall(LanguageModeling):
    """Recall over a distance, for any causal encoder."""

    Config: ClassVar[type[Recipe]] = RecallRecipe
    fields: tuple[str, ...] = ("text", "answers", "distances")
    main_metric = "accuracy"
    higher_is_better = True
    score_directions = MappingProxyType({"perplexity": False, "nll_per_token": False})

    def __init__(self, recipe: LanguageModelingRecipe) -> None:
        super().__init__(recipe)
        self.metric: Any = RecallScores()
        self._examples: dict[str, list[Example]] = {}
        self._sample_texts: list[str] = []

    # Data

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Prepare as every language model does, and check the answers."""
        super().prepare(splits, folders)
        for split in splits.values():
            self.examples(split)
        self._sample_texts = list(splits.get("validation", splits["train"]).texts("text")[:3])

    def examples(self, split: Split) -> list[Example]:
        """Return the sequences of a split; it is encoded once.

        Raises:
            UserError: an answer is not a token of its sequence, or has no distance.
        """
        key = split.fingerprint
        if key not in self._examples:
            ids = map(list, read_ids(split.texts("text"), self.pipeline))
            answers, distances = split.column("answers"), split.column("distances")
            self._examples[key] = list(map(Example, ids, answers, distances))
            for number, example in enumerate(self._examples[key], start=1):
                _check_answers(example, number, split)
        return self._examples[key]

    def _batch_indices(
        self, split: Split, seed: int, epoch: int, training: bool
    ) -> list[list[int]]:
        """Return the indices of the examples of each batch."""
        return bucket_batches(
            [len(example.ids) for example in self.examples(split)],
            batch_size=self.recipe.training.batch_size,
            seed=seed,
            epoch=epoch,
            shuffle=training,
        )

    def steps_per_epoch(self, split: Split) -> int:
        """Count the batches of an epoch."""
        return len(self._batch_indices(split, self.recipe.seed, 0, training=True))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """Yield the batches of one epoch from `start` on; a batch holds sequences of similar length."""
        examples = self.examples(split)
        for indices in self._batch_indices(split, seed, start.epoch, training)[start.batch :]:
            yield self._collate([examples[index] for index in indices], indices)

    def _collate(self, examples: Sequence[Example], indices: Sequence[int]) -> Batch:
        """Pad inputs, which begin with the start token; targets are NO_TARGET except at answers."""
        rows = [[self.start_id, *example.ids[:-1]] for example in examples]
        inputs = pad_rows(rows, self.tokenizer.pad_id)
        targets = torch.full_like(inputs, NO_TARGET)
        for row, example in enumerate(examples):
            targets[row, example.answers] = torch.tensor(example.ids)[example.answers]
        # A causal encoder needs no mask: padding only comes after what it could change.
        return Batch(Tokens.unpadded(inputs), targets, torch.tensor(indices))

    # Training and evaluation

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum the nll over the answers; no state is carried from batch to batch."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        target = batch.target if batch.host_target is None else batch.host_target
        answers = (target != NO_TARGET).flatten().nonzero().squeeze(1)  # (N,)
        answers = move(answers, batch.target.device)
        outputs = (
            model.encode(batch.source).outputs.flatten(0, 1).index_select(0, answers)
        )  # (N, H)
        smoothing = self.recipe.training.label_smoothing if model.training else 0.0
        total = model.head.loss(outputs, batch.target.flatten()[answers], smoothing)
        return LossSum.counted(total, len(answers)), ()

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Predict the likeliest token at each answer of each sequence."""
        assert isinstance(model, Model)
        examples = self.examples(split)
        used = range(shard.rank, min(limit or len(examples), len(examples)), shard.world_size)
        size = self.recipe.training.batch_size
        lengths = [len(examples[index].ids) for index in used]
        for numbers in bucket_batches(lengths, batch_size=size, shuffle=False):
            indices = [used[number] for number in numbers]
            batch = [examples[index] for index in indices]
            yield from self._records(model, batch, indices, device)

    def _records(
        self,
        model: LanguageModel,
        examples: Sequence[Example],
        indices: Sequence[int],
        device: torch.device,
    ) -> Iterator[Record]:
        batch = self._collate(examples, indices).to(device)
        assert isinstance(batch.target, Tensor)
        is_answer = batch.target != NO_TARGET
        log_probs = model.head.log_probs(model.encode(batch.source).outputs[is_answer])  # (N, V)
        nll = -log_probs.gather(1, batch.target[is_answer].unsqueeze(1)).squeeze(1)
        predictions, values = iter(log_probs.argmax(1).tolist()), iter(nll.tolist())
        for index, example in zip(indices, examples, strict=True):
            positions = sorted(example.answers)
            target_ids = [example.ids[position] for position in positions]
            predicted_ids = [next(predictions) for _ in positions]
            correct = [a == b for a, b in zip(target_ids, predicted_ids, strict=True)]
            statistics = self.metric.statistics([next(values) for _ in positions], correct)
            distances = [example.distances[example.answers.index(p)] for p in positions]
            target = {"answers": self._spell(target_ids), "distances": distances}
            yield Record(index, statistics, target, self._spell(predicted_ids))

    def _spell(self, ids: Sequence[int]) -> list[str]:
        return [self.tokenizer.vocabulary[token_id] for token_id in ids]

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return accuracy against distance, and the accuracy of the best constant prediction."""
        return answer_tables(records)

    def known_scores(self, split: Split) -> Scores:
        """Return nothing: the best possible score is a perfect one."""
        return {}

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Count the answers of train, of which the most frequent is predicted."""
        return train_baselines(splits, self.examples, self.tokenizer.vocabulary, self.metric)

    # Use

    def predictor(self, model: nn.Module, device: torch.device) -> Predictor[Any]:
        """Return a predictor of the token at each position of a sequence."""
        assert isinstance(model, Model)
        return RecallPredictor(self.pipeline, self.start_id, model, device)

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """Return a few sequences of validation with the model's predictions."""
        predictions = self.predictor(model, device).predict(self._sample_texts)
        return [f"{item.text} -> {' '.join(item.predictions)}" for item in predictions]


def _check_answers(example: Example, number: int, split: Split) -> None:
    answers, length = example.answers, len(example.ids)
    if not answers or min(answers) < 0 or max(answers) >= length:
        raise UserError(
            f"{split.origin}: the answers of sequence {number} of {split.name} are "
            f"{answers}: name one or more of its {length} tokens, from 0"
        )
    if len(answers) != len(example.distances):
        raise UserError(
            f"{split.origin}: sequence {number} of {split.name} has "
            f"{len(answers)} answers and {len(example.distances)} distances"
        )
