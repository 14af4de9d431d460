"""Spans by offset in raw text: one unit of offsets, white space trimmed, no overlap, and from them tags of words.

What is changed on the way is counted in `SpanCounts`, and said; what cannot be understood is an error with its row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, NamedTuple

from nlpseq.data.split import Split
from nlpseq.data.tag_schemes import Scheme, Span, spans_to_tags
from nlpseq.data.word_tokenizer import Word
from nlpseq.errors import UserError
from nlpseq.readers.span_forms import as_spans
from nlpseq.wording import format_count

Unit = Literal["characters", "bytes", "utf16"]
UNITS: tuple[Unit, ...] = ("characters", "bytes", "utf16")
UNIT_NAMES = {"characters": "characters", "bytes": "bytes of UTF-8", "utf16": "UTF-16 units"}
MISFIT = 0.2
"""Share of misfits from which something is said."""


class OffsetSpan(NamedTuple):
    """A labelled span of a text, from character `start` to before `end`."""

    start: int
    end: int
    label: str


@dataclass
class SpanCounts:
    """Counts of the spans of a split, and of what was done to them.

    Attributes:
        texts: number of texts.
        spans: spans that are kept.
        labels: their labels.
        trimmed: had white space at an edge.
        empty: hold no character but white space; left out.
        repeated: are given twice; once left out.
        nested: overlap a longer span; left out.
        cut: begin or end inside a word; widened to whole words in the tags.
        crowded: share a word with another span; left out of the tags.
        crossing: go on in another sentence; each part is a span of its own in the tags.
    """

    texts: int = 0
    spans: int = 0
    labels: set[str] = field(default_factory=set)
    trimmed: int = 0
    empty: int = 0
    repeated: int = 0
    nested: int = 0
    cut: int = 0
    crowded: int = 0
    crossing: int = 0

    def notes(self, name: str) -> list[str]:
        """Return notes on a split: its spans, and what their tags cannot say."""
        kinds = format_count(len(self.labels), "type")
        told = [
            f"{format_count(getattr(self, count), 'span')} {what}"
            for count, what in (
                ("trimmed", "with white space at an edge, trimmed"),
                ("empty", "without a character, left out"),
                ("repeated", "given twice"),
                (
                    "nested",
                    "nested in or overlapping a longer one, left out "
                    "(data.nested_spans = 'error' refuses them)",
                ),
            )
            if getattr(self, count)
        ]
        counted = (
            f"{format_count(self.spans, 'span')} of {kinds} in {format_count(self.texts, 'text')}"
        )
        notes = [f"{name}: {'; '.join([counted, *told])}"]
        for count, what in (
            (
                "cut",
                "begin or end inside a word; learnt as whole words, so these borders are missed",
            ),
            ("crowded", "share a word with another span; not learnt, and missed"),
            ("crossing", "go on in the next sentence; learnt in parts, and missed"),
        ):
            if number := getattr(self, count):
                share = number / max(self.spans, 1)
                warning = "warning: " if share > MISFIT else ""
                notes.append(f"{warning}{name}: {number:,} spans ({share:.1%}) {what}")
        return notes


def read_spans(split: Split) -> list[list[OffsetSpan]]:
    """Return the spans of each row as the data have them.

    Raises:
        UserError: a row has no list of spans, or one without whole numbers and a label.
    """
    rows = []
    for row, value in enumerate(split.column("spans"), start=1):
        if value is None:
            raise split.missing_label_error("spans", row)
        try:
            spans = as_spans(value)
        except ValueError as error:
            raise UserError(f"{row_origin(split, row - 1)}: {error}") from error
        if spans is None:
            raise UserError(
                f"{row_origin(split, row - 1)}: {split.name_of('spans')!r} is {value!r:.60}, not a list of spans "
                'such as [[0, 4, "PER"]] or [{"start": 0, "end": 4, "label": "PER"}]'
            )
        rows.append([OffsetSpan(span["start"], span["end"], span["label"]) for span in spans])
    return rows


def to_characters(text: str, spans: Iterable[OffsetSpan], unit: Unit) -> list[OffsetSpan | None]:
    """Return spans with offsets in characters; None for an offset that no character has."""
    if unit == "characters":
        sizes: Iterable[int] = (1 for _ in text)
    elif unit == "bytes":
        sizes = (len(character.encode("utf-8", "surrogatepass")) for character in text)
    else:
        sizes = (1 + (character > "\uffff") for character in text)
    index = {offset: number for number, offset in enumerate(accumulate(sizes, initial=0))}
    converted: list[OffsetSpan | None] = []
    for span in spans:
        start, end = index.get(span.start), index.get(span.end)
        is_span = start is not None and end is not None
        converted.append(span._replace(start=start, end=end) if is_span else None)  # type: ignore[arg-type]
    return converted


def settle_spans(
    split: Split,
    texts: Sequence[str],
    rows: Sequence[Sequence[OffsetSpan]],
    *,
    unit: Unit,
    nested: Literal["outer", "error"],
) -> tuple[list[list[OffsetSpan]], SpanCounts]:
    """Return spans in characters, in order, trimmed and without overlap, and what was done.

    Raises:
        UserError: a span leaves the text, ends before it begins, or overlaps another where that is an error.
    """
    counts = SpanCounts(texts=len(texts))
    settled = []
    for row, (text, spans) in enumerate(zip(texts, rows, strict=True)):
        kept: list[OffsetSpan] = []
        for given, span in zip(spans, to_characters(text, spans, unit), strict=True):
            if span is None or span.start > span.end:
                raise _misplaced(split, row, text, given, unit)
            trimmed = _trim(text, span)
            counts.trimmed += trimmed != span and trimmed.start < trimmed.end
            counts.empty += trimmed.start >= trimmed.end
            if trimmed.start < trimmed.end:
                kept.append(trimmed)
        counts.repeated += len(kept) - len({*kept})
        flat = _without_overlap(kept)
        counts.nested += len({*kept}) - len(flat)
        if nested == "error" and len(flat) < len({*kept}):
            inner = min({*kept} - {*flat})
            raise UserError(
                f"{row_origin(split, row)}: the span {inner.start}:{inner.end} {inner.label!r} overlaps another one; "
                "data.nested_spans = 'outer' keeps the longest"
            )
        counts.spans += len(flat)
        counts.labels |= {span.label for span in flat}
        settled.append(flat)
    return settled, counts


def tag_words(
    sentences: Sequence[Sequence[Word]],
    spans: Sequence[OffsetSpan],
    scheme: Scheme,
    counts: SpanCounts,
) -> list[list[str]]:
    """Return the tags of the words of each sentence; a span covers every word that it touches.

    Args:
        sentences: words of a text, with their offsets.
        spans: of the text, as `settle_spans` returns them.
        scheme: of the tags.
        counts: where spans are counted that tags cannot say.
    """
    words = [
        (word, row, index) for row, part in enumerate(sentences) for index, word in enumerate(part)
    ]
    found: list[list[Span]] = [[] for _ in sentences]
    first = 0
    for span in spans:
        while first < len(words) and words[first][0].end <= span.start:
            first += 1
        last = first
        while last < len(words) and words[last][0].begin < span.end:
            last += 1
        touched = words[first:last]
        if touched and (touched[0][0].begin < span.start or touched[-1][0].end > span.end):
            counts.cut += 1
        free = [
            (row, index)
            for _, row, index in touched
            if not (found[row] and found[row][-1].end > index)
        ]
        if not touched or len(free) < len(touched):
            counts.crowded += 1
            continue
        parts = sorted({row for row, _ in free})
        counts.crossing += len(parts) > 1
        for part in parts:
            indices = [index for row, index in free if row == part]
            found[part].append(Span(span.label, indices[0], indices[-1] + 1))
    return [
        spans_to_tags(part, len(sentence), scheme)
        for part, sentence in zip(found, sentences, strict=True)
    ]


def _trim(text: str, span: OffsetSpan) -> OffsetSpan:
    """Return a span without the white space at its edges."""
    inner = text[span.start : span.end]
    start = span.start + len(inner) - len(inner.lstrip())
    return span._replace(start=start, end=max(start, span.start + len(inner.rstrip())))


def _without_overlap(spans: Iterable[OffsetSpan]) -> list[OffsetSpan]:
    """Return spans in order without those that overlap a longer one; of equal ones the first is kept."""
    kept: list[OffsetSpan] = []
    ends = 0
    ordered = sorted({*spans}, key=lambda span: (span.start, -span.end, span.label))
    for span in ordered:
        if not kept or span.start >= ends:
            kept.append(span)
        elif span.end - span.start > kept[-1].end - kept[-1].start:
            kept[-1] = span
        else:
            continue
        ends = kept[-1].end
    return kept


def _misplaced(split: Split, row: int, text: str, span: OffsetSpan, unit: Unit) -> UserError:
    """Return the error for a span that is no part of its text."""
    where = f"{row_origin(split, row)}: the span {span.start}:{span.end} {span.label!r}"
    if span.start > span.end:
        return UserError(f"{where} ends before it begins")
    others = [
        other for other in UNITS if other != unit and to_characters(text, [span], other) != [None]
    ]
    advice = f"; data.offsets = '{others[0]}' would fit" if others else ""
    return UserError(
        f"{where} is no part of the text of {len(text):,} characters, read in {UNIT_NAMES[unit]}{advice}"
    )


def row_origin(split: Split, row: int) -> str:
    """Return file and line of a row, or its number in the split."""
    if "line" in split.rows.column_names:
        return f"{split.origin}, line {split.column('line')[row]}"
    return f"{split.origin}: row {row + 1} of the {split.name} split"
