"""Named entities, and any other labelled spans: one tag a word.

Whatever scheme the data are in, the spans are what counts: tags are converted to the scheme of the
recipe when they are read, learnt in it, decoded under its constraints, and scored as spans.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nlpseq.data import tag_schemes as schemes
from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.features import Features
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.layers.crf import Constraints
from nlpseq.layers.taggers import CRFTagger, SoftmaxTagger, Tagger
from nlpseq.metrics.spans import SpanScores
from nlpseq.models.builders import build_encoder
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe, Section
from nlpseq.task import LossSum, Progress, Record, Shard
from nlpseq.types import State

from ..base.text_recipe import LabellingRecipe
from ..base.text_task import TextTask, by_number
from .predictor import SequenceTaggerPredictor, at_words


class TaggerConfig(Section):
    """From the encoder's outputs to tags."""

    kind: Literal["crf", "softmax"] = Field(
        "crf", description="softmax: every token by itself, then the best allowed path"
    )
    scheme: Literal["BIO", "BIOES"] = Field(
        "BIOES", description="that the model learns; the data may be in any other"
    )


class TaggingRecipe(LabellingRecipe):
    """A recipe of this task."""

    head: TaggerConfig = TaggerConfig()

    @model_validator(mode="after")
    def _cut(self) -> Self:
        self.tokenization.refuse(("split",), "data with tags come cut into tokens", "tokenization")
        return self


class Tagging(TextTask[TaggingRecipe, list[str]]):
    """Sequence tagging; the types of entities are those of train."""

    Config: ClassVar[type[Recipe]] = TaggingRecipe
    fields: ClassVar[tuple[str, ...]] = ("tokens", "tags")
    main_metric = "f1"
    higher_is_better = True
    hub_task = "token-classification"

    def __init__(self, recipe: TaggingRecipe) -> None:
        super().__init__(recipe)
        self.tags: list[str] = []

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens, characters and types of entities from train; read every split."""
        if self.recipe.head.kind == "crf" and self.recipe.training.label_smoothing:
            raise UserError(
                "training.label_smoothing smooths each tag by itself: set head.kind = 'softmax', "
                "or leave it out"
            )
        train = splits["train"]
        found = {span.type for tags in self.targets(train) for span in schemes.spans(tags)}
        if not found:
            raise UserError(f"{train.origin}: train has no entity, all of its tags are O")
        self._set_tags(schemes.tag_vocabulary(found, self.recipe.head.scheme))
        self.prepare_features(train, folders)
        for split in splits.values():
            self.notes += self.inspect(split)

    def inspect(self, split: Split) -> list[str]:
        """Sentences without a token, and types that train does not have."""
        notes = super().inspect(split)
        empty = sum(not len(features) for features, _ in self.examples(split))
        if empty:
            notes.append(f"{split.name}: {empty} sentences have no token; nothing is read there")
        spans = [span for _, tags in self.examples(split) for span in schemes.spans(tags)]
        unseen = {span.type for span in spans} - {span.type for span in schemes.spans(self.tags)}
        if unseen:
            count = sum(span.type in unseen for span in spans)
            notes.append(
                f"{split.name}: {count} entities are of a type that train does not have "
                f"({', '.join(sorted(unseen))}); they count as missed"
            )
        return notes

    def _set_tags(self, tags: list[str]) -> None:
        self.tags = tags
        types = {span.type for span in schemes.spans(tags)}
        self.metric = SpanScores(types, self.recipe.head.scheme)

    def state(self) -> dict[str, Any]:
        """The tags too, by id, as transformers' configurations have them."""
        return super().state() | {"id2label": dict(enumerate(self.tags))}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Take back what `prepare` had learnt."""
        super().restore(tokenizer, state)
        tags = by_number(state["id2label"])
        schemes.check([tags], "config.json: learnt.id2label")
        self._set_tags(tags)

    # Examples

    def texts(self, split: Split) -> Sequence[str]:
        """The words of each sentence with spaces between."""
        return [" ".join(words) for words in _lists(split, "tokens")]

    def features(self, split: Split) -> list[Features]:
        """Features of each sentence."""
        return self.reader.read(_lists(split, "tokens"))

    def targets(self, split: Split) -> Sequence[list[str]]:
        """The tags of each sentence in the recipe's scheme.

        Raises:
            UserError: a tag fits no scheme, or a sentence has not as many tags as tokens.
        """
        sentences, words = _lists(split, "tags"), _lists(split, "tokens")
        kind = getattr(split.rows.features["tags"], "feature", None)
        if names := getattr(kind, "names", None):  # ClassLabels of the Hub
            known = dict(enumerate(names))  # the Hub's -1 is no label, and no tag either
            sentences = [[known.get(number, number) for number in tags] for tags in sentences]
        for row, (tags, tokens) in enumerate(zip(sentences, words, strict=True)):
            if len(tags) != len(tokens):
                raise UserError(
                    f"{split.origin}, sentence {row + 1} of {split.name}: {len(tokens)} tokens and "
                    f"{len(tags)} tags"
                )
        lines = split.column("line") if "line" in split.rows.column_names else ()
        schemes.check(sentences, split.origin, lines)
        return [schemes.convert(tags, self.recipe.head.scheme) for tags in sentences]

    def collate_targets(self, targets: Sequence[list[str]], source: Tokens) -> Tensor:
        """(B, W) numbers of tags, 0 at padding."""
        numbers = {tag: number for number, tag in enumerate(self.tags)}
        longest = max(map(len, targets))
        rows = [[*map(numbers.__getitem__, tags), *[0] * (longest - len(tags))] for tags in targets]
        return torch.tensor(rows)

    # Model and loss

    def build_model(self) -> Model[Tagger]:
        """Embedding, encoder, tagger."""
        recipe, number = self.recipe, len(self.tags)
        embedding = self.build_embedding()
        encoder = build_encoder(recipe.encoder, embedding.dim)
        allowed = schemes.constraints(self.tags, recipe.head.scheme)
        constraints = Constraints(*(torch.tensor(part) for part in allowed))
        head: Tagger
        if recipe.head.kind == "crf":
            head = CRFTagger(encoder.output_dim, number, constraints)
        else:
            smoothing = recipe.training.label_smoothing
            head = SoftmaxTagger(encoder.output_dim, number, constraints, smoothing)
        return Model(embedding, encoder, head)

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum of the sentences' nll, counted by words."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        outputs, mask = at_words(model.encode(batch.source).outputs, batch.source)
        total = model.head.nll(outputs, batch.target, mask).sum()
        words = batch.target.numel() if mask is None else int(mask.sum())
        return LossSum(total, torch.tensor(words, device=total.device)), ()

    # Evaluation

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """The tags of each sentence."""
        assert isinstance(model, Model)
        for place in self.empty(split, shard, limit):
            yield Record(place, self.metric.statistics([], []), [], [])
        for places, source, targets in self.iter_shard(split, shard, limit, model.embedding):
            tokens = source.to(device)
            outputs, mask = at_words(model.encode(tokens).outputs, tokens)
            paths = model.head.decode(outputs, mask).tolist()
            for place, target, path in zip(places, targets, paths, strict=True):
                tags = [self.tags[number] for number in path[: len(target)]]
                yield Record(place, self.metric.statistics(tags, target), target, tags)

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """The table of the types."""
        total = [sum(part) for part in zip(*(one.statistics for one in records), strict=True)]
        types = {span.type for span in schemes.spans(self.tags)}
        return {"per_type": SpanScores(types, self.recipe.head.scheme).per_type(total)}

    def predictor(self, model: nn.Module, device: torch.device) -> SequenceTaggerPredictor:
        """Find entities in raw texts."""
        assert isinstance(model, Model)
        return SequenceTaggerPredictor(self.reader, self.tags, model, device)


def _lists(split: Split, name: str) -> list[list[Any]]:
    """A column of lists, those of tokens holding text.

    Raises:
        UserError: a row has something else there.
    """
    rows = list(split.column(name))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or (
            name == "tokens" and not all(isinstance(one, str) for one in row)
        ):
            raise UserError(
                f"{split.origin}: the {name} of sentence {number} of {split.name} are {row!r:.60}, "
                "not a list of texts"
            )
    return rows
