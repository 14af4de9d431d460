"""Spans by offset: units, white space, overlap, tags of words, and back."""

from typing import Any

import pytest
from datasets import Dataset
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nlpseq.data.offset_spans import (
    OffsetSpan,
    SpanCounts,
    read_spans,
    settle_spans,
    tag_words,
    to_characters,
)
from nlpseq.data.offset_units import check_unit
from nlpseq.data.split import Split
from nlpseq.data.tag_schemes import Scheme, tags_to_spans
from nlpseq.data.text_cutter import TextCutter
from nlpseq.data.text_pipeline import sentences_of
from nlpseq.data.word_tokenizer import Word
from nlpseq.errors import UserError
from tests.data.scripts import SCRIPTS

CUTTER = TextCutter("words")
LETTERS = st.text(SCRIPTS, max_size=30)


def split_of(spans: list[Any], name: str = "train") -> Split:
    return Split(
        name, Dataset.from_dict({"text": ["x"] * len(spans), "spans": spans}), "file.jsonl"
    )


def words_of(text: str) -> list[list[Word]]:
    return sentences_of(text, [Word(text[b:e], b, e) for b, e in CUTTER.spans(text)])


def borders(text: str) -> tuple[set[int], set[int]]:
    spans = CUTTER.spans(text)
    return {begin for begin, _ in spans}, {end for _, end in spans}


def settle(
    text: str, spans: list[OffsetSpan], **options: Any
) -> tuple[list[OffsetSpan], SpanCounts]:
    split = split_of([[]])
    chosen = {"unit": "characters", "nested": "outer", **options}
    (kept,), counts = settle_spans(split, [text], [spans], **chosen)
    return kept, counts


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[OffsetSpan]]:
    """Draw a text, and spans of whole words within its sentences, in order."""
    text = draw(LETTERS)
    spans = []
    for sentence in words_of(text):
        index = 0
        while index < len(sentence):
            index += draw(st.integers(0, 3))
            count = draw(st.integers(1, 3))
            if index + count <= len(sentence):
                first, last = sentence[index], sentence[index + count - 1]
                spans.append(OffsetSpan(first.begin, last.end, draw(st.sampled_from("AB"))))
            index += count
    return text, spans


@given(annotated(), st.sampled_from(["BIO", "BIOES"]))
@settings(deadline=None, max_examples=200)
def test_spans_of_whole_words_survive_as_tags(
    data: tuple[str, list[OffsetSpan]], scheme: Scheme
) -> None:
    text, spans = data
    kept, counts = settle(text, spans)
    assert kept == spans
    sentences = words_of(text)
    tags = tag_words(sentences, kept, scheme, counts)
    found = [
        OffsetSpan(sentence[span.begin].begin, sentence[span.end - 1].end, span.type)
        for sentence, row in zip(sentences, tags, strict=True)
        for span in tags_to_spans(row)
    ]
    assert found == spans
    assert (counts.cut, counts.crowded, counts.crossing, counts.nested) == (0, 0, 0, 0)
    assert counts.spans == len(spans)


@given(LETTERS, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6))
@settings(deadline=None, max_examples=200)
def test_any_spans_become_separate_ones_and_legal_tags(
    text: str, drawn: list[tuple[int, int]]
) -> None:
    spans = [OffsetSpan(a, b, "X") for a, b in (sorted(pair) for pair in drawn) if b <= len(text)]
    kept, counts = settle(text, spans)
    ends = 0
    for span in kept:
        assert span.start >= ends
        assert text[span.start : span.end].strip() == text[span.start : span.end] != ""
        ends = span.end
    assert counts.spans == len(kept)
    assert counts.empty + counts.repeated + counts.nested + counts.spans == len(spans)
    sentences = words_of(text)
    tags = tag_words(sentences, kept, "BIOES", counts)
    assert [len(row) for row in tags] == [len(sentence) for sentence in sentences]
    assert sum(len(tags_to_spans(row)) for row in tags) >= len(kept) - counts.crowded


@given(LETTERS, st.data())
@settings(deadline=None)
def test_units_are_converted_by_what_comes_before(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    span = OffsetSpan(start, end, "X")
    for unit, codec, size in (("bytes", "utf-8", 1), ("utf16", "utf-16-le", 2)):
        offset = [len(text[:part].encode(codec)) // size for part in (start, end)]
        given_span = OffsetSpan(*offset, "X")
        assert to_characters(text, [given_span], unit) == [span]  # type: ignore[arg-type]
    assert to_characters(text, [OffsetSpan(0, len(text) + 1, "X")], "characters") == [None]


def test_an_offset_inside_a_character_is_none() -> None:
    assert to_characters("é🙂", [OffsetSpan(0, 1, "X")], "bytes") == [None]
    assert to_characters("é🙂", [OffsetSpan(0, 2, "X")], "utf16") == [None]
    assert to_characters("é🙂", [OffsetSpan(1, 3, "X")], "utf16") == [OffsetSpan(1, 2, "X")]


TEXTS = ["Größe: Ann Lee wohnt in Łódź", "🙂 Bob says hé to Ann Lee", "plain Ann"]
NAMES = ["Ann Lee", "Bob", "Ann"]


@pytest.mark.parametrize(
    ("unit", "codec", "size"), [("bytes", "utf-8", 1), ("utf16", "utf-16-le", 2)]
)
def test_another_unit_is_recognised_and_named(unit: str, codec: str, size: int) -> None:
    texts = [text.replace("Größe", "🙂🙂") if unit == "utf16" else text for text in TEXTS]
    rows = []
    for text, name in zip(texts, NAMES, strict=True):
        start = text.index(name)
        begin, end = (len(text[:n].encode(codec)) // size for n in (start, start + len(name)))
        rows.append([OffsetSpan(begin, end, "PER")])
    with pytest.raises(UserError, match=rf"row 1 of the train split.*data.offsets = '{unit}'"):
        check_unit(split_of([[], [], []]), texts, rows, borders)
    (first, *_), _ = settle_spans(split_of([[]] * 3), texts, rows, unit=unit, nested="outer")  # type: ignore[arg-type]
    assert texts[0][first[0].start : first[0].end] == "Ann Lee"


def test_spans_in_characters_are_not_taken_for_bytes() -> None:
    rows = [
        [OffsetSpan(text.index(name), text.index(name) + len(name), "PER")]
        for text, name in zip(TEXTS, NAMES, strict=True)
    ]
    check_unit(split_of([[], [], []]), TEXTS, rows, borders)
    inner = [[OffsetSpan(span.start + 1, span.end, "PER")] for (span,) in rows]  # all cut a word
    check_unit(split_of([[], [], []]), TEXTS, inner, borders)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (OffsetSpan(4, 2, "X"), "row 1 of the train split: the span 4:2 'X' ends before it begins"),
        (
            OffsetSpan(2, 9, "X"),
            "2:9 'X' is no part of the text of 5 characters, read in characters; .*'bytes'",
        ),
        (OffsetSpan(2, 99, "X"), "is no part of the text of 5 characters, read in characters$"),
    ],
)
def test_a_span_outside_the_text_is_an_error(span: OffsetSpan, said: str) -> None:
    with pytest.raises(UserError, match=said):
        settle("äöüß!", [span])


def test_the_outer_span_is_kept_or_overlap_is_an_error() -> None:
    text = "University of New York"
    spans = [OffsetSpan(14, 22, "LOC"), OffsetSpan(0, 22, "ORG"), OffsetSpan(0, 22, "ORG")]
    kept, counts = settle(text, spans)
    assert kept == [OffsetSpan(0, 22, "ORG")]
    assert (counts.nested, counts.repeated) == (1, 1)
    assert "1 span nested in or overlapping a longer one" in counts.notes("train")[0]
    with pytest.raises(UserError, match="the span 14:22 'LOC' overlaps .*nested_spans = 'outer'"):
        settle(text, spans, nested="error")


def test_a_span_that_cuts_a_word_is_widened_and_counted() -> None:
    text = "Berliner Mauer. Gone\nnow AB"
    sentences = words_of(text)
    counts = SpanCounts(spans=4)
    spans = [
        OffsetSpan(0, 6, "LOC"),
        OffsetSpan(16, 24, "X"),
        OffsetSpan(25, 26, "A"),
        OffsetSpan(26, 27, "B"),
    ]
    tags = tag_words(sentences, spans, "BIO", counts)
    assert tags == [["B-LOC", "O", "O"], ["B-X"], ["B-X", "B-A"]]
    assert (counts.cut, counts.crossing, counts.crowded) == (3, 1, 1)
    notes = counts.notes("test")
    assert notes[1].startswith("warning: test: 3 spans (75.0%) begin or end inside a word")
    assert any("1 spans (25.0%) share a word" in note for note in notes)
    assert any("go on in the next sentence" in note for note in notes)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "row 2 of the train split has no 'spans'"),
        ("PER", "row 2 of the train split: 'spans' is 'PER', not a list of spans"),
        ('[[0, "a", "X"]]', "row 2 .* no whole numbers"),
        ('[[0, 1, ""]]', "row 2 .* has no label"),
    ],
)
def test_cells_that_hold_no_spans_are_named(value: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_spans(split_of(['[[0, 1, "X"]]', value]))


def test_json_in_a_cell_is_read() -> None:
    assert read_spans(split_of(['[[0, 1, "X"]]', "[]"])) == [[OffsetSpan(0, 1, "X")], []]


@given(annotated())
@settings(deadline=None, max_examples=50)
def test_white_space_at_the_edges_is_trimmed(data: tuple[str, list[OffsetSpan]]) -> None:
    text, spans = data
    assume(spans)
    padded = f"  {text}  "
    span = spans[-1]
    wide = OffsetSpan(span.start + 2, span.end + 2, span.label)
    while padded[wide.end : wide.end + 1].isspace():
        wide = wide._replace(end=wide.end + 1)
    kept, counts = settle(padded, [wide])
    assert [padded[one.start : one.end] for one in kept] == [text[span.start : span.end]]
    assert counts.trimmed == (wide.end > span.end + 2)
