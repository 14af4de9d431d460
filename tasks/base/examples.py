"""Tasks whose examples are features with a target: they are encoded once, and batched by their length.

The features of a split stay in memory, see `FeatureStore`: about 4 bytes a token, 12 with characters and sentences.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import torch
from torch import Tensor

from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.batching import bucket_batches
from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.feature_store import FeatureStore
from nlpseq.data.features import Features
from nlpseq.data.split import Split
from nlpseq.layers.embedding import Embedding
from nlpseq.recipe import Recipe
from nlpseq.task import Cursor, Shard, Task

BATCHES_TOGETHER = 300  # evaluation batches whose distinct words are encoded together

RecipeT = TypeVar("RecipeT", bound=Recipe)
Target = TypeVar("Target")


class Examples(Sequence[tuple[Features, Target]]):
    """Features and target of every example of a split.

    Attributes:
        features: of the texts.
        targets: of the same examples.
        learnable: numbers of the examples that training uses; None: not known yet.
    """

    def __init__(self, features: FeatureStore, targets: Sequence[Target]) -> None:
        if len(features) != len(targets):
            raise ValueError(f"{len(features)} texts, but {len(targets)} targets")
        self.features = features
        self.targets = targets
        self.learnable: list[int] | None = None

    def __len__(self) -> int:
        return len(self.features)

    @overload
    def __getitem__(self, index: int) -> tuple[Features, Target]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[Features, Target]]: ...

    def __getitem__(
        self, index: int | slice
    ) -> tuple[Features, Target] | list[tuple[Features, Target]]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self.features[index], self.targets[index]


class ExampleTask(Task[RecipeT], Generic[RecipeT, Target]):
    """A task whose examples are features with a target.

    Attributes:
        collator: makes batches of features.
    """

    collator: FeatureCollator

    def __init__(self, recipe: RecipeT) -> None:
        super().__init__(recipe)
        self._examples: dict[str, Examples[Target]] = {}

    # Defined by each task

    @abstractmethod
    def features(self, split: Split) -> Sequence[Features]:
        """Return the features of each example of a split."""

    @abstractmethod
    def targets(self, split: Split) -> Sequence[Target]:
        """Return the target of each example of a split."""

    def collate_targets(self, targets: Sequence[Target], source: Tokens) -> Tensor:
        """Make a tensor of the targets of a batch; not needed by a task that overrides `collate`."""
        raise NotImplementedError

    def collate(
        self, features: Sequence[Features], targets: Sequence[Target]
    ) -> tuple[Tokens, Tensor | Tokens]:
        """Pad features and targets to a batch."""
        source = self.collator.collate(features)
        return source, self.collate_targets(targets, source)

    def target_length(self, target: Target) -> int:
        """Return the number of tokens of a target that is a text; 0 for any other target."""
        return 0

    def learnable(self, features: Features, target: Target) -> bool:
        """Tell whether training uses an example that has a token."""
        return True

    def has_loss(self, features: Features, target: Target) -> bool:
        """Tell whether the model can give a likelihood to a target, such as a class that it knows."""
        return True

    # Batches

    def examples(self, split: Split) -> Examples[Target]:
        """Return features and target of every example; a split is encoded once."""
        key = split.fingerprint
        if key not in self._examples:
            features = self.features(split)
            if not isinstance(features, FeatureStore):
                features = FeatureStore.collect(features)
            self._examples[key] = Examples(features, self.targets(split))
        return self._examples[key]

    def _used(self, split: Split, training: bool) -> Sequence[int]:
        """Return the numbers of the examples in batches; those without a token are left out."""
        examples = self.examples(split)
        with_token: list[int] = examples.features.lengths.nonzero()[0].tolist()
        if not training:
            return with_token
        if examples.learnable is None:
            examples.learnable = [i for i in with_token if self.learnable(*examples[i])]
        return examples.learnable

    def _batch_indices(
        self, split: Split, seed: int, epoch: int, training: bool
    ) -> list[list[int]]:
        """Return the indices of the examples of each batch."""
        config, used = self.recipe.training, self._used(split, training)
        batches = bucket_batches(
            **self._lengths(self.examples(split), used),
            batch_size=config.batch_size,
            batch_tokens=config.batch_tokens,
            seed=seed,
            epoch=epoch,
            shuffle=training,
        )
        return [[used[number] for number in batch] for batch in batches]

    def _lengths(self, examples: Examples[Target], used: Sequence[int]) -> dict[str, Any]:
        """Return the lengths by which examples are batched: of their texts, and of second texts or targets."""
        lengths, *second = (side.lengths[used].tolist() for side in examples.features.sides)
        targets = second[0] if second else [self.target_length(examples.targets[i]) for i in used]
        return {"lengths": lengths, "targets": targets if any(targets) else None}

    def steps_per_epoch(self, split: Split) -> int:
        """Count the batches of the first epoch; with a token budget, other epochs differ slightly."""
        return len(self._batch_indices(split, self.recipe.seed, 0, training=True))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """Yield the batches of one epoch from `start` on; a batch holds texts of similar length."""
        for indices in self._batch_indices(split, seed, start.epoch, training)[start.batch :]:
            yield self._collate(split, indices)

    def _collate(self, split: Split, indices: list[int]) -> Batch:
        examples = self.examples(split)
        features, targets = zip(*(examples[index] for index in indices), strict=True)
        source, target = self.collate(features, targets)
        return Batch(source, target, torch.tensor(indices))

    # Evaluation

    def validation_batches(self, split: Split, limit: int = 0) -> Iterator[Batch]:
        """Yield batches of the examples that have a loss."""
        examples = self.examples(split)
        lengths = examples.features.lengths
        used = [
            index
            for index in self._indices(split, Shard(), limit)
            if lengths[index] and self.has_loss(*examples[index])
        ]
        for numbers in self.evaluation_batches(**self._lengths(examples, used)):
            yield self._collate(split, [used[number] for number in numbers])

    def iter_shard(
        self, split: Split, shard: Shard, limit: int, embedding: Embedding | None = None
    ) -> Iterator[tuple[list[int], Tokens, list[Target]]]:
        """Yield indices, features and targets of each evaluation batch of this process.

        Examples without a token are left to the task: see `empty_indices`.

        Args:
            split: data to evaluate.
            shard: part of the examples that this process evaluates.
            limit: evaluate only the first so many examples; 0: all.
            embedding: encodes the distinct words of many batches by their characters at once.
        """
        yield from self.iter_examples(split, self._indices(split, shard, limit), embedding)

    def iter_examples(
        self, split: Split, indices: Sequence[int], embedding: Embedding | None = None
    ) -> Iterator[tuple[list[int], Tokens, list[Target]]]:
        """Yield indices, features and targets of batches of some examples; see `iter_shard`."""
        examples = self.examples(split)
        sizes = examples.features.lengths
        used = [index for index in indices if sizes[index]]
        batches = self.evaluation_batches(**self._lengths(examples, used))
        together = BATCHES_TOGETHER if embedding else 1
        for begin in range(0, len(batches), together):
            group = [[used[number] for number in b] for b in batches[begin : begin + together]]
            tokens = self.collator.collate_all(
                [[examples.features[index] for index in indices] for indices in group]
            )
            if embedding:
                tokens = embedding.encode_words(tokens)
            for batch, source in zip(group, tokens, strict=True):
                yield batch, source, [examples.targets[index] for index in batch]

    def evaluation_batches(
        self, lengths: Sequence[int], targets: Sequence[int] | None
    ) -> list[list[int]]:
        """Group examples for evaluation by their number of tokens on each side."""
        config = self.recipe.training
        return bucket_batches(
            lengths,
            targets=targets,
            batch_size=config.batch_size,
            batch_tokens=config.batch_tokens,
            shuffle=False,
        )

    def empty_indices(self, split: Split, shard: Shard, limit: int) -> list[int]:
        """Return the indices of this process's examples that have no token."""
        lengths = self.examples(split).features.lengths
        return [i for i in self._indices(split, shard, limit) if not lengths[i]]

    def _indices(self, split: Split, shard: Shard, limit: int) -> range:
        """Return the indices of this process's examples."""
        size = len(self.examples(split))
        return range(shard.rank, min(limit, size) if limit else size, shard.world_size)
