"""Named entities and other labelled spans: one tag for each word.

The scheme of the data does not matter, only their spans do: tags are converted to the scheme of the recipe
when they are read, learnt in it, decoded under its constraints, and scored as spans.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nlpseq.data import tag_schemes
from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.features import Features
from nlpseq.data.labels import read_tags
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores, perfect_scores
from nlpseq.metrics.spans import SpanScores
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline, LossSum, Progress, Record, Shard
from nlpseq.types import State
from nlpseq.wording import format_count

from ..base.label_names import names_by_id
from ..base.text_task import TextTask
from .baselines import train_baselines
from .metrics import type_table
from .model import TaggerModel, build_tagger, word_outputs
from .predictor import SequenceTaggerPredictor
from .recipe import TaggingRecipe


class Tagging(TextTask[TaggingRecipe, list[str]]):
    """Sequence tagging; the types of entities are those of train.

    Attributes:
        tags: tags of the recipe's scheme, by id.
    """

    Config: ClassVar[type[Recipe]] = TaggingRecipe
    fields: ClassVar[tuple[str, ...]] = ("tokens", "tags")
    metric: SpanScores
    label_field = "tags"
    tags_words: ClassVar[bool] = True
    main_metric = "f1"
    higher_is_better = True
    score_directions = MappingProxyType(
        dict.fromkeys(
            (
                "precision",
                "recall",
                "conlleval_precision",
                "conlleval_recall",
                "conlleval_f1",
                "token_accuracy",
            ),
            True,
        )
    )
    hub_task = "token-classification"

    def __init__(self, recipe: TaggingRecipe) -> None:
        super().__init__(recipe)
        self.tags: list[str] = []

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens, characters and types of entities from train; encode every split."""
        if self.recipe.head.kind == "crf" and self.recipe.training.label_smoothing:
            raise UserError(
                "training.label_smoothing smooths each tag on its own: set head.kind = 'softmax', "
                "or leave it out"
            )
        train = splits["train"]
        types = {
            span.type for tags in self.targets(train) for span in tag_schemes.tags_to_spans(tags)
        }
        if not types:
            raise UserError(f"{train.origin}: train has no entity, all of its tags are O")
        self._set_tags(tag_schemes.tag_vocabulary(types, self.recipe.head.scheme))
        self.prepare_features(train, folders)
        for split in splits.values():
            self.notes += self.inspect(split)

    def inspect(self, split: Split) -> list[str]:
        """Report sentences without a token, and types of entities that train lacks."""
        notes = super().inspect(split)
        empty = sum(not len(features) for features, _ in self.examples(split))
        if empty:
            notes.append(f"{split.name}: {format_count(empty, 'sentence')} without a token")
        spans = [
            span for _, tags in self.examples(split) for span in tag_schemes.tags_to_spans(tags)
        ]
        unseen = {span.type for span in spans} - {
            span.type for span in tag_schemes.tags_to_spans(self.tags)
        }
        if unseen:
            count = sum(span.type in unseen for span in spans)
            notes.append(
                f"{split.name}: {format_count(count, 'entity', 'entities')} of a type that train lacks "
                f"({', '.join(sorted(unseen))}), counted as missed"
            )
        return notes

    def _set_tags(self, tags: list[str]) -> None:
        self.tags = tags
        types = {span.type for span in tag_schemes.tags_to_spans(tags)}
        self.metric = SpanScores(types, self.recipe.head.scheme)

    def state(self) -> dict[str, Any]:
        """Return also the tags by id, as in configurations of transformers."""
        return super().state() | {"id2label": dict(enumerate(self.tags))}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        tags = names_by_id(state["id2label"])
        tag_schemes.check_tags([tags], "config.json: learnt.id2label")
        self._set_tags(tags)

    # Examples

    def texts(self, split: Split) -> Sequence[Text]:
        """Return the words of each sentence."""
        return _list_column(split, "tokens")

    def targets(self, split: Split) -> Sequence[list[str]]:
        """Return the tags of each sentence in the recipe's scheme.

        Raises:
            UserError: a tag fits no scheme, or a sentence has more or fewer tags than tokens.
        """
        sentences, words = self._tags(split), _list_column(split, "tokens")
        for index, (tags, tokens) in enumerate(zip(sentences, words, strict=True)):
            if len(tags) != len(tokens):
                raise UserError(
                    f"{split.origin}, sentence {index + 1} of {split.name}: {len(tokens)} tokens and "
                    f"{len(tags)} tags"
                )
        lines = split.column("line") if "line" in split.rows.column_names else ()
        tag_schemes.check_tags(sentences, split.origin, lines)
        return [tag_schemes.convert_tags(tags, self.recipe.head.scheme) for tags in sentences]

    def _tags(self, split: Split) -> list[list[str]]:
        """Return the tags of each sentence as the data give them."""
        try:
            sentences = read_tags(split.rows, "tags")
        except ValueError as error:
            raise UserError(f"{split.origin}: the tags of {split.name}: {error}") from error
        for number, tags in enumerate(sentences, start=1):
            if tags is None:
                raise split.missing_label_error("tags", number)
        return [list(tags or ()) for tags in sentences]

    def collate_targets(self, targets: Sequence[list[str]], source: Tokens) -> Tensor:
        """Return the ids (B, W) of the tags, 0 at padding."""
        ids = {tag: index for index, tag in enumerate(self.tags)}
        longest = max(map(len, targets))
        return torch.tensor(
            [[*map(ids.__getitem__, tags), *[0] * (longest - len(tags))] for tags in targets]
        )

    # Model and loss

    def build_model(self) -> TaggerModel:
        """Build embedding, encoder and tagger."""
        recipe, embedding = self.recipe, self.build_embedding()
        smoothing = recipe.training.label_smoothing
        return build_tagger(embedding, recipe.encoder, recipe.head, self.tags, smoothing)

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum the nll over sentences; the count is the number of words."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        outputs, mask = word_outputs(model.encode(batch.source).outputs, batch.source)
        total = model.head.nll(outputs, batch.target, mask).sum()
        words = batch.target.numel() if mask is None else int(mask.sum())
        return LossSum(total, torch.tensor(words, device=total.device)), ()

    # Evaluation

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Predict the tags of each sentence."""
        assert isinstance(model, Model)
        for index in self.empty_indices(split, shard, limit):
            yield Record(index, self.metric.statistics([], []), [], [])
        for indices, source, targets in self.iter_shard(split, shard, limit, model.embedding):
            tokens = source.to(device)
            outputs, mask = word_outputs(model.encode(tokens).outputs, tokens)
            paths = model.head.decode(outputs, mask).tolist()
            for index, target, path in zip(indices, targets, paths, strict=True):
                tags = [self.tags[tag_id] for tag_id in path[: len(target)]]
                yield Record(index, self.metric.statistics(tags, target), target, tags)

    def has_loss(self, features: Features, target: list[str]) -> bool:
        """Tell whether the model knows every tag."""
        return all(tag in self.tags for tag in target)

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        """Return the scores of a tagger that is always right."""
        return perfect_scores(self.metric, (record.target for record in records))

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return the scores of each type of entity."""
        return type_table(records, self.tags, self.recipe.head.scheme)

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Train the most frequent tag of a word, and a CRF on word features."""
        scheme = self.recipe.head.scheme
        return train_baselines(splits, self.words, self.targets, self.metric, scheme)

    def words(self, split: Split) -> list[list[str]]:
        """Return the words of each sentence."""
        return _list_column(split, "tokens")

    def predictor(self, model: nn.Module, device: torch.device) -> SequenceTaggerPredictor:
        """Return a predictor of entities in raw texts."""
        assert isinstance(model, Model)
        return SequenceTaggerPredictor(self.pipeline, self.collator, self.tags, model, device)


def _list_column(split: Split, name: str) -> list[list[Any]]:
    """Return a column of lists; lists of tokens hold strings only.

    Raises:
        UserError: a row holds something else.
    """
    rows = list(split.column(name))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or (
            name == "tokens" and not all(isinstance(token, str) for token in row)
        ):
            raise UserError(
                f"{split.origin}: the {name} of sentence {number} of {split.name} are {row!r:.60}, "
                "not a list of texts"
            )
    return rows
