"""Texts and pairs of texts as examples: one or two sides, one `Features` for both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.feature_store import FeatureStore
from nlpseq.data.features import Features
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.data.tokenizer import TEXTS_AT_ONCE

Sides = tuple[Text, ...]
"""The texts of an example: one, or the two of a pair."""


@dataclass(frozen=True)
class SideReader:
    """Makes features and batches of texts, or of pairs of texts, as in training.

    Attributes:
        pipeline: makes features of texts.
        collator: makes batches of features.
        text_columns: columns of the training data that hold the texts: one, or two for pairs.
        max_tokens: of a longer text only the first tokens are read.
        batch_size: number of texts or pairs in a batch of a predictor.
    """

    pipeline: TextPipeline
    collator: FeatureCollator
    text_columns: tuple[str, ...]
    max_tokens: int
    batch_size: int

    @property
    def paired(self) -> bool:
        """Return whether examples are pairs."""
        return len(self.text_columns) == 2

    def read(
        self, columns: Sequence[Sequence[Text]], *, pretokenized: bool = False
    ) -> list[Features]:
        """Make features of texts or pairs; a text without a token is one unknown token.

        Args:
            columns: the texts, or the first and the second texts of pairs.
            pretokenized: the texts are words between white space.
        """
        sides = [
            [
                text.cut(self.max_tokens) if len(text) > self.max_tokens else text
                for text in self.pipeline.read(column, pretokenized=pretokenized, blank="unknown")
            ]
            for column in columns
        ]
        if len(sides) == 1:
            return sides[0]
        first, second = sides
        return [replace(a, second=b) for a, b in zip(first, second, strict=True)]

    def read_store(
        self, columns: Sequence[Sequence[Text]], *, pretokenized: bool = False
    ) -> FeatureStore:
        """Make features of many texts or pairs, some at a time; the arguments are those of `read`."""
        begins = range(0, len(columns[0]), TEXTS_AT_ONCE)
        parts = ([c[begin : begin + TEXTS_AT_ONCE] for c in columns] for begin in begins)
        read = (self.read(part, pretokenized=pretokenized) for part in parts)
        return FeatureStore.collect(chain.from_iterable(read))

    def columns_of(self, examples: Sequence[Sides]) -> list[list[Text]]:
        """Return the first texts of examples, and the second ones of pairs."""
        return [[sides[number] for sides in examples] for number in range(len(self.text_columns))]

    def spellings(self, text: Text, *, pretokenized: bool = False) -> tuple[str, ...]:
        """Return each token that is read of a text as the text spells it."""
        return tuple(self.pipeline.spellings(text, pretokenized=pretokenized)[: self.max_tokens])


def side_lengths(features: Sequence[Features]) -> dict[str, Any]:
    """Return the lengths by which examples are batched: of their texts, and of the second ones of pairs."""
    seconds = [len(text.second) for text in features if text.second is not None]
    return {"lengths": [len(text) for text in features], "targets": seconds or None}
