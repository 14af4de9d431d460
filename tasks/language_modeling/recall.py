"""How far back a model can look: sequences in which some tokens follow from others far before them.

The model is a language model; what differs is what it is asked. Only tokens that are determined by those
before them, the answers, are learnt and scored: the others are drawn at random, and their loss would be noise.
Each sequence is read whole, from a fresh state, so that gradients reach from an answer to its cause: there is
no window to cut them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nlpseq.data.batch import Batch, ModelInput, Tokens
from nlpseq.data.batching import bucket_batches, padded
from nlpseq.data.split import Split
from nlpseq.data.synthetic.formal_languages import answer_places
from nlpseq.errors import UserError
from nlpseq.metrics.recall import RecallScores, accuracy_by_distance, best_constant
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.task import Cursor, LossSum, Progress, Record, Shard
from nlpseq.types import State

from .predictor import NO_TARGET, LanguageModel, read_stream
from .task import LanguageModeling, LanguageModelingRecipe


class RecallRecipe(LanguageModelingRecipe):
    """A recipe of this task: that of a language model, without windows, penalties and written texts."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        windows = ("bptt_length", "random_windows", "activation_penalty", "temporal_penalty")
        self.training.refuse(windows, "sequences are read whole here, without windows", "training")
        reading = ("documents", "batch_size", "window")
        reason = "sequences are scored whole, training.batch_size at once"
        self.evaluation.refuse(reading, reason, "evaluation")
        self.decoding.refuse(
            type(self.decoding).model_fields, "this task writes no texts as its answers", "decoding"
        )
        return self


class Example(NamedTuple):
    """A sequence as ids, the places of its answers, and how far each lies behind its cause."""

    ids: list[int]
    answers: list[int]
    distances: list[int]


class Recall(LanguageModeling):
    """Recall over a distance, for any causal encoder."""

    Config: ClassVar[type[Recipe]] = RecallRecipe
    fields: ClassVar[tuple[str, ...]] = ("text", "answers", "distances")
    main_metric = "accuracy"
    higher_is_better = True

    def __init__(self, recipe: LanguageModelingRecipe) -> None:
        super().__init__(recipe)
        self.metric: Any = RecallScores()
        self._examples: dict[str, list[Example]] = {}
        self._shown: list[str] = []

    # Data

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """As of every language model; also check the answers."""
        super().prepare(splits, folders)
        for split in splits.values():
            self.examples(split)
        self._shown = list(splits.get("validation", splits["train"]).texts("text")[:3])

    def examples(self, split: Split) -> list[Example]:
        """The sequences of a split; it is read once.

        Raises:
            UserError: an answer that is no token of its sequence, or that has no distance.
        """
        key = split.fingerprint
        if key not in self._examples:
            ids = self.tokenizer.encode_batch(list(split.texts("text")))
            answers, distances = split.column("answers"), split.column("distances")
            self._examples[key] = list(map(Example, ids, answers, distances))
            for number, one in enumerate(self._examples[key], 1):
                outside = not one.answers or not 0 <= min(one.answers) <= max(one.answers)
                if outside or max(one.answers) >= len(one.ids):
                    raise UserError(
                        f"{split.origin}: the answers of sequence {number} of {split.name} are "
                        f"{one.answers}: name one or more of its {len(one.ids)} tokens, from 0"
                    )
                if len(one.answers) != len(one.distances):
                    raise UserError(
                        f"{split.origin}: sequence {number} of {split.name} has "
                        f"{len(one.answers)} answers and {len(one.distances)} distances"
                    )
        return self._examples[key]

    def _plan(self, split: Split, seed: int, epoch: int, training: bool) -> list[list[int]]:
        config = self.recipe.training
        return bucket_batches(
            [len(one.ids) for one in self.examples(split)],
            batch_size=config.batch_size,
            seed=seed,
            epoch=epoch,
            shuffle=training,
        )

    def steps_per_epoch(self, split: Split) -> int:
        """Batches of an epoch."""
        return len(self._plan(split, self.recipe.seed, 0, training=True))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """Batches of like length, from the start's on."""
        examples = self.examples(split)
        for places in self._plan(split, seed, start.epoch, training)[start.batch :]:
            yield self._collate([examples[place] for place in places], places)

    def _collate(self, examples: Sequence[Example], places: Sequence[int]) -> Batch:
        """Inputs begin with the start token; targets are NO_TARGET where there is nothing to answer."""
        inputs = padded([[self.start_id, *one.ids[:-1]] for one in examples], self.tokenizer.pad_id)
        targets = torch.full_like(inputs, NO_TARGET)
        for row, one in enumerate(examples):
            targets[row, one.answers] = torch.tensor(one.ids)[one.answers]
        # A causal encoder needs no mask: padding stands only behind what it could change.
        return Batch(Tokens.unpadded(inputs), targets, torch.tensor(places))

    # Training and evaluation

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum of the nll of the answers; nothing is carried from batch to batch."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        asked = batch.target != NO_TARGET  # (B, T)
        outputs = model.encode(batch.source).outputs[asked]  # (N, H)
        smoothing = self.recipe.training.label_smoothing if model.training else 0.0
        total = model.head.loss(outputs, batch.target[asked], smoothing)
        return LossSum(total, asked.sum()), ()

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """The likeliest token at each answer of each sequence."""
        assert isinstance(model, Model)
        examples = self.examples(split)
        mine = range(shard.rank, min(limit or len(examples), len(examples)), shard.world_size)
        size = self.recipe.training.batch_size
        lengths = [len(examples[place].ids) for place in mine]
        for numbers in bucket_batches(lengths, batch_size=size, shuffle=False):
            places = [mine[number] for number in numbers]
            yield from self._records(model, [examples[place] for place in places], places, device)

    def _records(
        self,
        model: LanguageModel,
        examples: Sequence[Example],
        places: Sequence[int],
        device: torch.device,
    ) -> Iterator[Record]:
        batch = self._collate(examples, places).to(device)
        assert isinstance(batch.target, Tensor)
        asked = batch.target != NO_TARGET
        log_probs = model.head.log_probs(model.encode(batch.source).outputs[asked])  # (N, V)
        nll = -log_probs.gather(1, batch.target[asked].unsqueeze(1)).squeeze(1)
        found, values = iter(log_probs.argmax(1).tolist()), iter(nll.tolist())
        for place, one in zip(places, examples, strict=True):
            answers = sorted(one.answers)
            wanted, given = [one.ids[at] for at in answers], [next(found) for _ in answers]
            right = [a == b for a, b in zip(wanted, given, strict=True)]
            statistics = self.metric.statistics([next(values) for _ in answers], right)
            distances = [one.distances[one.answers.index(at)] for at in answers]
            target = {"answers": self.spelt(wanted), "distances": distances}
            yield Record(place, statistics, target, self.spelt(given))

    def spelt(self, ids: Sequence[int]) -> list[str]:
        """Tokens by their ids."""
        return [self.tokenizer.vocabulary[one] for one in ids]

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Accuracy against distance, and the accuracy of the best constant answer."""
        answers = [
            (distance, wanted == given)
            for record in records
            for distance, wanted, given in zip(
                record.target["distances"], record.target["answers"], record.prediction, strict=True
            )
        ]
        return {
            "by_distance": accuracy_by_distance(answers),
            "best_constant": best_constant(a for one in records for a in one.target["answers"]),
        }

    def baselines(self, split: Split) -> dict[str, float]:
        """Nothing but a perfect score is best."""
        return {}

    # Use

    def predictor(self, model: nn.Module, device: torch.device) -> "RecallPredictor":
        """Say what should stand at each place of a sequence."""
        assert isinstance(model, Model)
        return RecallPredictor(self, model, device)

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """A few sequences of validation, and what the model says at each place."""
        predictor = self.predictor(model, device)
        found = predictor.predict(self._shown)
        return [f"{one['text']} -> {' '.join(one['predictions'])}" for one in found]


class RecallPredictor:
    """A trained model that says at each place of a sequence what should stand there.

    Where nothing is determined its word is worth nothing: it has never learnt what stands there.
    """

    def __init__(self, task: Recall, model: LanguageModel, device: torch.device) -> None:
        self.task = task
        self.model = model.to(device).eval()
        self.device = device

    def read(self, texts: Sequence[str]) -> ModelInput:
        """What the model reads of sequences; targets are their answers, see `ModelInput`.

        Of a sequence in none of the built-in languages every token is taken for an answer.
        """
        reading = read_stream(self.task, texts, self.device)
        assert reading.targets is not None
        for spelt, targets in zip(reading.token_texts, reading.targets, strict=True):
            if (answers := answer_places(spelt[1:])) is not None:
                others = torch.ones_like(targets, dtype=torch.bool)
                others[answers] = False
                targets[others] = NO_TARGET
        return reading

    @torch.no_grad()
    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """What the model gives for each token of each sequence, by those before it.

        Returns:
            for each its `text`, its `tokens`, and as many `predictions` with their `probabilities`.
        """
        answers: list[dict[str, Any]] = []
        for text in texts:
            ids = self.task.tokenizer.encode(text)
            inputs = torch.tensor([[self.task.start_id, *ids[:-1]]], device=self.device)
            outputs = self.model.encode(Tokens.unpadded(inputs)).outputs[0]  # (T, H)
            highest, found = self.model.head.log_probs(outputs).max(1)
            number = len(ids)
            answers.append(
                {
                    "text": text,
                    "tokens": self.task.spelt(ids),
                    "predictions": self.task.spelt(found[:number].tolist()),
                    "probabilities": highest[:number].exp().tolist(),
                }
            )
        return answers
