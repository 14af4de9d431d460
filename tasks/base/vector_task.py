"""Shared by tasks that read a text, or a pair of texts, to one vector, and compute K outputs from it.

`VectorTask` has the texts, their features, the model and its outputs; a subclass has the targets: their number of
outputs, their loss, their scores. `classification` is the first of them.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Batch
from nlpseq.data.features import Features
from nlpseq.data.in_memory import LocalData
from nlpseq.data.report import DataReport
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text, is_blank
from nlpseq.errors import UserError
from nlpseq.models.model import Model
from nlpseq.task import LossSum, Progress, Setting, Shard
from nlpseq.types import State
from nlpseq.wording import format_count

from .pipelines import are_lists, read_texts
from .sides import SideReader, Sides
from .text_task import TextTask
from .vector_model import VectorModel, build_vector_model, compute_outputs
from .vector_recipe import SECOND_FIELD, VectorRecipe
from .vector_settings import vector_settings

RecipeT = TypeVar("RecipeT", bound=VectorRecipe)
Target = TypeVar("Target")


class BatchOutputs(NamedTuple):
    """The outputs for a batch of a split.

    Attributes:
        indices: of the B examples in the split.
        logits: (B, K) in float32.
        targets: of the examples.
    """

    indices: list[int]
    logits: Tensor
    targets: list[Any]


class VectorTask(TextTask[RecipeT, Target]):
    """A task with K outputs for a text, or for a pair of texts.

    With `head.pair` the second text is in the field `text2`, which follows the first field.
    """

    def __init__(self, recipe: RecipeT) -> None:
        super().__init__(recipe)
        if self.paired:
            first, *others = self.fields
            self.fields = (first, SECOND_FIELD, *others)

    @classmethod
    def settings(cls, report: DataReport) -> list[Setting]:
        """Choose tokenization, sizes and length of training."""
        return vector_settings(report)

    @property
    def paired(self) -> bool:
        """Return whether examples are pairs of texts."""
        return bool(self.recipe.head.pair != "none")

    @property
    def text_fields(self) -> tuple[str, ...]:
        """See `Task`."""
        return self.fields[: 2 if self.paired else 1]

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The names of `text_fields` in the data; of several columns joined to one field, the field."""
        columns = [self.recipe.data.columns.get(field, field) for field in self.text_fields]
        return tuple(
            column if isinstance(column, str) else field
            for column, field in zip(columns, self.text_fields, strict=True)
        )

    # Defined by each task

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """K, known after `prepare` or `restore`."""

    @abstractmethod
    def output_loss(self, logits: Tensor, target: Tensor, *, training: bool) -> LossSum:
        """Return the loss of outputs (B, K).

        Args:
            logits: outputs.
            target: from `collate_targets`.
            training: apply what the recipe changes in training only, such as label smoothing.
        """

    # Texts

    def columns(self, split: Split) -> list[Sequence[Text]]:
        """Return the columns of texts: one, or the two of pairs."""
        columns = [read_texts(split, field) for field in self.text_fields]
        if len({are_lists(column) for column in columns}) > 1:
            names = " and ".join(split.name_of(field) for field in self.text_fields)
            raise UserError(
                f"{split.origin}: {names} of the {split.name} split: one holds texts, the other lists of "
                "words; both must be of one kind"
            )
        return columns

    def texts(self, split: Split) -> Sequence[Text]:
        """Return the texts of a split: of pairs, all first texts, then all second ones."""
        first, *second = self.columns(split)
        return [*first, *second[0]] if second else first

    def pairs(self, split: Split) -> list[Sides]:
        """Return the texts of each example: one, or the two of a pair."""
        return list(zip(*self.columns(split), strict=True))

    def side_reader(self) -> SideReader:
        """Return what makes features of texts or pairs, in training and in prediction."""
        recipe = self.recipe
        return SideReader(
            self.pipeline,
            self.collator,
            self.text_columns,
            recipe.data.max_tokens,
            recipe.training.batch_size,
        )

    def features(self, split: Split) -> Sequence[Features]:
        """Return the features of each example; an empty text is one unknown token."""
        pretokenized = self.is_pretokenized(split)
        return self.side_reader().read_store(self.columns(split), pretokenized=pretokenized)

    def inspect(self, split: Split) -> list[str]:
        """Report also texts without a token, and a second text that is not read."""
        notes = super().inspect(split)
        empty = sum(map(is_blank, self.texts(split)))
        if empty:
            notes.append(
                f"{split.name}: {format_count(empty, 'empty text')}, read as one unknown token"
            )
        limit = self.recipe.data.max_tokens
        sides = self.examples(split).features.sides
        cut = sum(int((side.lengths == limit).sum()) for side in sides)
        if cut:
            notes.append(
                f"{split.name}: {format_count(cut, 'text')} of {limit:,} tokens or more: only the first "
                f"{limit:,} are read (data.max_tokens)"
            )
        if not self.paired and SECOND_FIELD in split.rows.column_names:
            notes.append(
                f"{split.name}: the column {SECOND_FIELD} is not read; head.pair = 'features' or "
                "'cross_attention' reads pairs of texts"
            )
        return notes

    # Model, loss, outputs

    def build_model(self) -> VectorModel:
        """Build embedding, encoder, pooling and output layer."""
        recipe, embedding = self.recipe, self.build_embedding()
        return build_vector_model(embedding, recipe.encoder, recipe.head, self.num_outputs)

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum the loss over texts."""
        target = batch.target
        assert isinstance(model, Model)
        assert isinstance(target, Tensor)
        logits = compute_outputs(model, batch.source).logits
        return self.output_loss(logits, target, training=model.training), ()

    def outputs(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[BatchOutputs]:
        """Compute the outputs for a split, batch by batch; the arguments are those of `evaluate`."""
        assert isinstance(model, Model)
        for indices, source, targets in self.iter_shard(split, shard, limit):
            logits = compute_outputs(model, source.to(device)).logits.float()
            yield BatchOutputs(indices, logits, targets)

    def load_splits(self, local_data: LocalData | None = None) -> dict[str, Split]:
        """Load the splits; see `Task`.

        Raises:
            UserError: as `Task`, and for pairs where the data have no second text.
        """
        try:
            return super().load_splits(local_data)
        except UserError as error:
            if self.paired and f"no column {SECOND_FIELD!r}" in str(error):
                raise UserError(
                    f"{error}; head.pair = {self.recipe.head.pair!r} reads a second text from the "
                    f"field {SECOND_FIELD}"
                ) from error
            raise
