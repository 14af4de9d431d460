"""Examples of a tagger: words with tags, or texts with spans by offset, as sentences with one tag for each word."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from nlpseq.data import tag_notation, tag_schemes
from nlpseq.data.batch import Tokens
from nlpseq.data.features import Features
from nlpseq.data.known_words import KnownWords
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text
from nlpseq.errors import UserError
from nlpseq.wording import format_count

from ..base.text_task import TextTask
from .recipe import TaggingRecipe
from .span_texts import SpanTexts, read_span_texts, sentence_cutter
from .tag_columns import read_plain_tags, read_words, span_tags

FEW_SENTENCES = 5_000
"""With fewer, spans are learnt as BIO: half the tags of BIOES, each seen more often (docs/small_data.md)."""


class TaggedExamples(TextTask[TaggingRecipe, list[str]]):
    """The half of `Tagging` that reads data.

    Attributes:
        tags: tags by id.
        scheme: BIO or BIOES for spans, none for plain tags.
        temperature: by which scores are divided for confidences; 1 unless `head.calibrate`.
        known_words: words of train; None: of a model of nlpseq 0.1, which has not kept them.
    """

    fields: tuple[str, ...] = ("tokens", "tags")
    alternative_fields = (("tokens", "tags"), ("text", "spans"))
    label_field = "tags"
    tags_words: ClassVar[bool] = True

    def __init__(self, recipe: TaggingRecipe) -> None:
        super().__init__(recipe)
        self.tags: list[str] = []
        self.scheme = "BIOES"
        self.temperature = 1.0
        self.known_words: KnownWords | None = None
        self._span_texts: dict[str, SpanTexts] = {}
        self._unknown: dict[str, list[list[bool]] | None] = {}

    @property
    def is_plain(self) -> bool:
        """True if tags are learnt as they are, not as spans."""
        return self.scheme == "none"

    @property
    def reads_texts(self) -> bool:
        """True if the data are texts with spans by offset."""
        return self.fields[0] == "text"

    # Tags

    def choose_scheme(self, train: Split) -> str:
        """Return the scheme in which train is learnt.

        Raises:
            UserError: plain tags are wanted of data with spans.
        """
        wanted = self.recipe.head.scheme
        if self.reads_texts and wanted == "none":
            raise UserError(
                "head.scheme = 'none' learns plain tags, but these data have spans: leave it out"
            )
        if wanted != "auto":
            return wanted
        spans: tag_schemes.LearntScheme = "BIO" if len(train) < FEW_SENTENCES else "BIOES"
        if self.reads_texts:
            return spans
        distinct = {tag for tags in self.given_tags(train) for tag in tags}
        return spans if tag_notation.are_spans(distinct) else "none"

    @property
    def span_scheme(self) -> tag_schemes.LearntScheme:
        """The scheme of spans."""
        return "BIO" if self.scheme == "BIO" else "BIOES"

    # Examples

    def texts(self, split: Split) -> Sequence[Text]:
        """Return the words of each sentence."""
        return self.words(split)

    def words(self, split: Split) -> list[list[str]]:
        """Return the words of each sentence."""
        return self.span_texts(split).words if self.reads_texts else read_words(split)

    def span_texts(self, split: Split) -> SpanTexts:
        """Return the texts of a split with their spans, sentences and tags."""
        key = split.fingerprint
        if key not in self._span_texts:
            cut = sentence_cutter(self.recipe, getattr(self, "pipeline", None))
            self._span_texts[key] = read_span_texts(split, self.recipe.data, cut, self.span_scheme)
        return self._span_texts[key]

    def targets(self, split: Split) -> Sequence[list[str]]:
        """Return the tags of each sentence, those of spans in the scheme that is learnt.

        Raises:
            UserError: a tag fits no scheme, or a sentence has more or fewer tags than tokens.
        """
        if self.reads_texts:
            return self.span_texts(split).tags
        given = self.given_tags(split)
        if self.is_plain:
            return given
        return [
            tag_schemes.convert_tags(tags, self.span_scheme) for tags in span_tags(given, split)
        ]

    def given_tags(self, split: Split) -> list[list[str]]:
        """Return the tags of each sentence as the data give them."""
        names, plain = self.recipe.data.tag_names, self.recipe.head.scheme == "none"
        return read_plain_tags(split, names, numbers=plain)

    def unknown_words(self, split: Split) -> list[list[bool]] | None:
        """Return for each word whether train lacks it; None if that is not known, or train has them all."""
        if self.known_words is None:
            return None
        key = split.fingerprint
        if key not in self._unknown:
            masks = [self.known_words.unknown(words) for words in self.canonical_words(split)]
            self._unknown[key] = masks if any(map(any, masks)) else None
        return self._unknown[key]

    def canonical_words(self, split: Split) -> list[list[str]]:
        """Return the words of each sentence in the normal form."""
        return [list(map(self.pipeline.canonical, words)) for words in self.words(split)]

    def collate_targets(self, targets: Sequence[list[str]], source: Tokens) -> Tensor:
        """Return the ids (B, W) of the tags, 0 at padding."""
        ids = {tag: index for index, tag in enumerate(self.tags)}
        longest = max(map(len, targets))
        return torch.tensor(
            [[*map(ids.__getitem__, tags), *[0] * (longest - len(tags))] for tags in targets]
        )

    def has_loss(self, features: Features, target: list[str]) -> bool:
        """Tell whether the model knows every tag."""
        return all(tag in self.tags for tag in target)

    def is_cut(self, train: Split, texts: Sequence[Text]) -> bool:
        """Return whether the data cut texts into words; texts with spans are raw, unless the recipe says otherwise."""
        if self.reads_texts:
            return bool(self.recipe.data.pretokenized)
        return super().is_cut(train, texts)

    def inspect(self, split: Split) -> list[str]:
        """Report sentences without a token, spans that tags cannot say, and tags or types that train lacks."""
        notes = super().inspect(split)
        empty = int((self.examples(split).features.lengths == 0).sum())
        if empty:
            notes.append(f"{split.name}: {format_count(empty, 'sentence')} without a token")
        if self.reads_texts:
            notes += self.span_texts(split).counts.notes(split.name)
        targets = self.examples(split).targets
        return notes + (
            self._unseen_tags(split, targets)
            if self.is_plain
            else self._unseen_types(split, targets)
        )

    def _unseen_tags(self, split: Split, targets: Sequence[list[str]]) -> list[str]:
        known = {*self.tags}
        unseen = [tag for tags in targets for tag in tags if tag not in known]
        if not unseen:
            return []
        named = ", ".join(sorted({*unseen})[:10])
        return [
            f"{split.name}: {format_count(len(unseen), 'token')} with a tag that train lacks ({named}), "
            "counted as wrong"
        ]

    def _unseen_types(self, split: Split, targets: Sequence[list[str]]) -> list[str]:
        spans = [span for tags in targets for span in tag_schemes.tags_to_spans(tags)]
        if split.labelled and not spans and targets:
            return [f"{split.name}: no entity in it, so F1 says nothing about the model"]
        unseen = {span.type for span in spans} - {
            span.type for span in tag_schemes.tags_to_spans(self.tags)
        }
        if not unseen:
            return []
        count = sum(span.type in unseen for span in spans)
        named = ", ".join(sorted(name or "no name" for name in unseen))
        return [
            f"{split.name}: {format_count(count, 'entity', 'entities')} of a type that train lacks "
            f"({named}), counted as missed"
        ]
