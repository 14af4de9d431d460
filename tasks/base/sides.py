"""Texts and pairs of texts as examples: one or two sides, one `Features` for both."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nlpseq.data.features import Features
from nlpseq.data.text_pipeline import Text, TextPipeline

Sides = tuple[Text, ...]
"""The texts of an example: one, or the two of a pair."""


def encode_sides(
    pipeline: TextPipeline, columns: Sequence[Sequence[Text]], *, pretokenized: bool = False
) -> list[Features]:
    """Make features of texts or pairs; a text without a token is one unknown token.

    Args:
        pipeline: of the model.
        columns: the texts, or the first and the second texts of pairs.
        pretokenized: the texts are words between white space.
    """
    sides = [
        pipeline.read(column, pretokenized=pretokenized, blank="unknown") for column in columns
    ]
    if len(sides) == 1:
        return sides[0]
    first, second = sides
    return [replace(a, second=b) for a, b in zip(first, second, strict=True)]


def columns_of(examples: Sequence[Sides], num_sides: int) -> list[list[Text]]:
    """Return the first texts of examples, and the second ones of pairs."""
    return [[sides[number] for sides in examples] for number in range(num_sides)]


def side_lengths(features: Sequence[Features]) -> dict[str, Any]:
    """Return the lengths by which examples are batched: of their texts, and of the second ones of pairs."""
    seconds = [len(text.second) for text in features if text.second is not None]
    return {"lengths": [len(text) for text in features], "targets": seconds or None}
