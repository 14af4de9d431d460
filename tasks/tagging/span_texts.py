"""Texts with spans by offset as examples of a tagger: sentences of words with tags, scored as spans of the text."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nlpseq.data import tag_schemes
from nlpseq.data.normalizer import AlignedText
from nlpseq.data.offset_spans import (
    OffsetSpan,
    SpanCounts,
    read_spans,
    settle_spans,
    tag_words,
)
from nlpseq.data.offset_units import check_unit
from nlpseq.data.split import Split
from nlpseq.data.tag_schemes import Scheme
from nlpseq.data.text_pipeline import TextPipeline, sentences_of
from nlpseq.data.word_tokenizer import Word
from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.tags import token_counts
from nlpseq.task import Record

from ..base.pipelines import new_parts
from .recipe import TaggedDataConfig, TaggingRecipe

Cut = Callable[[str], list[list[Word]]]
"""Returns the words of each sentence of a raw text."""


def sentence_cutter(recipe: TaggingRecipe, pipeline: TextPipeline | None) -> Cut:
    """Return what cuts raw texts into sentences of words, as `predict` does.

    Args:
        recipe: of the task.
        pipeline: of the task; None: before it has learnt one, when the words of train are needed to learn it.
    """
    pretokenized = bool(recipe.data.pretokenized)
    if pipeline is not None:
        return lambda text: pipeline.sentences(text, pretokenized=pretokenized)
    tokens = recipe.tokenization
    parts = new_parts(tokens, tokens.kind, pretokenized=pretokenized, tags=True)
    normalizer, raw = parts["normalizer"], parts["raw"]

    def cut(text: str) -> list[list[Word]]:
        aligned = normalizer.align(text) if normalizer else AlignedText(text)
        spans = (raw.words_between_blanks if pretokenized else raw.spans)(aligned.text)
        words = [Word(aligned.text[begin:end], *aligned.span(begin, end)) for begin, end in spans]
        if pretokenized:
            return [words] if words else []
        return sentences_of(text, words)

    return cut


class SpanText(NamedTuple):
    """A text that is cut into sentences.

    Attributes:
        spans: of the text, as they are scored.
        sentences: their words, with offsets in the text.
        tags: of the words.
        first: number of its first sentence among those of the split.
    """

    spans: list[OffsetSpan]
    sentences: list[list[Word]]
    tags: list[list[str]]
    first: int

    @property
    def numbers(self) -> range:
        """Numbers of its sentences among those of the split."""
        return range(self.first, self.first + len(self.sentences))


class SpanTexts(NamedTuple):
    """The texts of a split, and notes on their spans."""

    texts: list[SpanText]
    counts: SpanCounts

    @property
    def words(self) -> list[list[str]]:
        """The words of each sentence."""
        return [[word.text for word in part] for text in self.texts for part in text.sentences]

    @property
    def tags(self) -> list[list[str]]:
        """The tags of each sentence."""
        return [tags for text in self.texts for tags in text.tags]


def read_span_texts(split: Split, config: TaggedDataConfig, cut: Cut, scheme: Scheme) -> SpanTexts:
    """Cut the texts of a split, and turn their spans into tags.

    Raises:
        UserError: a text or span is missing or cannot be understood; the row is named.
    """
    texts, rows = list(split.texts("text")), read_spans(split)
    sentences = [cut(text) for text in texts]
    cut_texts = dict(zip(texts, sentences, strict=True))

    def borders(text: str) -> tuple[set[int], set[int]]:
        words = [word for sentence in cut_texts[text] for word in sentence]
        return {word.begin for word in words}, {word.end for word in words}

    if config.offsets == "auto":
        check_unit(split, texts, rows, borders)
    unit = "characters" if config.offsets == "auto" else config.offsets
    settled, counts = settle_spans(split, texts, rows, unit=unit, nested=config.nested_spans)
    first, read = 0, []
    for spans, parts in zip(settled, sentences, strict=True):
        read.append(SpanText(spans, parts, tag_words(parts, spans, scheme, counts), first))
        first += len(parts)
    return SpanTexts(read, counts)


def text_record(
    index: int,
    text: SpanText,
    tags: Sequence[Sequence[str]],
    metric: SpanScores,
    unknown: Sequence[Sequence[bool]] | None,
) -> Record:
    """Score a text by its spans.

    Args:
        index: of the text.
        text: with its gold spans.
        tags: predicted, for each of its sentences, in any scheme.
        metric: of the task.
        unknown: whether train lacks each word; None: not counted.
    """
    size = 2 if unknown is None else 4
    masks = [None] * len(tags) if unknown is None else unknown
    counts = [
        token_counts(predicted, gold, mask)
        for predicted, gold, mask in zip(tags, text.tags, masks, strict=True)
    ]
    tokens = [sum(part) for part in zip(*counts, strict=True)] or [0] * size
    found = [
        OffsetSpan(sentence[span.begin].begin, sentence[span.end - 1].end, span.type)
        for sentence, predicted in zip(text.sentences, tags, strict=True)
        for span in tag_schemes.tags_to_spans(predicted)
    ]
    statistics = metric.span_statistics(_entities(found), _entities(text.spans), tokens)
    return Record(index, statistics, _as_json(text.spans), _as_json(found))


def _entities(spans: Sequence[OffsetSpan]) -> set[tuple[str, int, int]]:
    return {(span.label, span.start, span.end) for span in spans}


def _as_json(spans: Sequence[OffsetSpan]) -> list[list[Any]]:
    return [[span.start, span.end, span.label] for span in spans]


def perfect_statistics(record: Record, metric: SpanScores) -> tuple[float, ...]:
    """Return the statistics of a text whose spans are all found."""
    gold = {(label, start, end) for start, end, label in record.target}
    return metric.span_statistics(gold, gold, (1, 1))
