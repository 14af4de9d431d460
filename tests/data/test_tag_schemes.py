"""Tag schemes: conversions between spans and tags in both directions, and constraints for decoders."""

import os
from collections import Counter
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from nlpseq.data import tag_schemes
from nlpseq.data.tag_schemes import (
    Span,
    convert_tags,
    detect_scheme,
    spans_to_tags,
    tag_vocabulary,
    tags_to_spans,
)
from nlpseq.errors import UserError
from nlpseq.readers import read_files

SCHEMES = ["BIO", "IOB1", "BIOES"]
TYPES = ["LOC", "PER", "a-b"]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Draw spans, adjacent or with gaps, and the length of their sentence."""
    found, place = [], 0
    for gap, count, type in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(TYPES)))
    ):
        found.append(Span(type, place + gap, place + gap + count))
        place += gap + count
    return found, place + draw(st.integers(0, 2))


PREFIXED = st.tuples(st.sampled_from("BIES"), st.sampled_from(TYPES)).map("-".join)
WILD = st.lists(st.just("O") | PREFIXED)


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("BIO", "O B-PER I-PER B-PER O B-LOC B-PER"),
        ("IOB1", "O I-PER I-PER B-PER O I-LOC I-PER"),
        ("BIOES", "O B-PER E-PER S-PER O S-LOC S-PER"),
    ],
)
def test_one_sentence_in_every_scheme(scheme, tags) -> None:
    expected = [Span("PER", 1, 3), Span("PER", 3, 4), Span("LOC", 5, 6), Span("PER", 6, 7)]
    assert tags_to_spans(tags.split()) == expected
    assert spans_to_tags(reversed(expected), 7, scheme) == tags.split()
    assert detect_scheme([tags.split()]) == scheme


@given(sentences(), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
@settings(deadline=None, max_examples=200)
def test_spans_survive_every_conversion(sentence, first, second) -> None:
    found, length = sentence
    tags = spans_to_tags(found, length, first)
    assert len(tags) == length
    assert tags_to_spans(tags) == found
    assert tags_to_spans(convert_tags(tags, second)) == found
    assert convert_tags(convert_tags(tags, second), first) == tags


@given(WILD, st.sampled_from(SCHEMES))
@settings(deadline=None, max_examples=200)
def test_any_tags_are_read_as_conlleval_reads_them(tags, scheme) -> None:
    assert tags_to_spans(tags) == [
        Span(type, begin, last + 1) for type, begin, last in get_entities(tags)
    ]
    assert tags_to_spans(convert_tags(tags, scheme)) == tags_to_spans(tags)


@given(WILD)
def test_other_spellings_of_bioes(tags) -> None:
    for letters in ("BILU", "BMEW"):
        spelling = dict(zip("BIES", letters, strict=True))
        assert tags_to_spans(
            [spelling.get(tag[0], "O") + tag[1:] for tag in tags]
        ) == tags_to_spans(tags)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_constraints_allow_exactly_the_tags_that_the_scheme_writes(scheme) -> None:
    vocabulary = tag_vocabulary("XY", scheme)
    start, transitions, end = tag_schemes.tag_constraints(vocabulary, scheme)
    allowed = 0
    for length in range(1, 5):
        for ids in product(range(len(vocabulary)), repeat=length):
            tags = [vocabulary[id] for id in ids]
            legal = start[ids[0]] and all(transitions[i][j] for i, j in pairwise(ids))
            legal = legal and end[ids[-1]]
            assert legal == (spans_to_tags(tags_to_spans(tags), length, scheme) == tags), tags
            allowed += legal
    # Sets of spans over n tokens: a(n) = a(n - 1) + 2 (a(n - 1) + ... + a(0)), by what comes first.
    assert allowed == 3 + 11 + 41 + 153


def test_constraints_forbid_the_tags_of_other_schemes() -> None:
    vocabulary = ["O", "B-X", "I-X", "E-X", "S-X"]
    start, transitions, end = tag_schemes.tag_constraints(vocabulary, "BIO")
    assert start == [True, True, False, False, False]
    assert end == [True, True, True, False, False]
    assert transitions[1] == [True, True, True, False, False]
    assert transitions[3] == [False] * 5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_continuations_are_the_pairs_that_end_no_span(scheme) -> None:
    vocabulary = tag_vocabulary("XY", scheme)
    table = tag_schemes.continuations(vocabulary)
    for (i, first), (j, second) in product(enumerate(vocabulary), repeat=2):
        both = [span for span in tags_to_spans([first, second]) if span.end - span.begin == 2]
        assert table[i][j] == bool(both)
    assert any(map(any, table))


def test_the_vocabulary_is_sorted_with_outside_first() -> None:
    expected = ["O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B"]
    assert tag_vocabulary(["B", "A", "B"], "BIOES") == expected
    assert tag_vocabulary([], "BIO") == ["O"]


@given(st.lists(sentences(), min_size=1), st.sampled_from(SCHEMES))
@settings(deadline=None, max_examples=100)
def test_one_entity_distinguishes_the_schemes(drawn, scheme) -> None:
    tags = [spans_to_tags(found, length, scheme) for found, length in drawn]
    assert detect_scheme(tags) == (scheme if any(found for found, _ in drawn) else "BIO")


def test_a_few_mistakes_do_not_change_the_detected_scheme() -> None:
    assert detect_scheme([["O", "I-X"], *[["B-X", "I-X", "O", "B-Y"]] * 3]) == "BIO"
    assert detect_scheme([["O", "B-X"], *[["I-X", "I-X", "O", "I-Y"]] * 3]) == "IOB1"
    assert detect_scheme([["O", "I-X"], *[["B-X", "E-X", "O", "S-Y"]] * 3]) == "BIOES"
    assert detect_scheme([["U-X", "O"], ["B-X", "L-X"]]) == "BIOES"
    assert detect_scheme([]) == "BIO"


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "o",
        "B",
        "B-",
        "PER",
        "X-PER",
        "b-PER",
        "BPER",
        "B_PER",
        "B--",
        "B--X",
        "B-X-",
        3,
        None,
        ["O"],
    ],
)
def test_a_tag_of_no_scheme_is_named_with_its_index(tag) -> None:
    data = [["O"], ["B-PER", tag]]
    with pytest.raises(UserError) as caught:
        tag_schemes.check_tags(data, "eng.train")
    message = str(caught.value)
    assert message.startswith(f"eng.train, sentence 2, token 2: the tag {tag!r} fits no scheme")
    assert "\n" not in message
    with pytest.raises(UserError, match=r"^eng\.train, line 5: the tag"):
        tag_schemes.check_tags(data, "eng.train", lines=[2, 4])


def test_tags_of_every_spelling_pass() -> None:
    tag_schemes.check_tags(
        [[], ["O"], [f"{prefix}-a-b" for prefix in "BIESLUMW"], ["B-X", "I-é"]], "here"
    )


@pytest.mark.parametrize(
    "wrong",
    [[Span("X", 0, 2), Span("Y", 1, 3)], [Span("X", 2, 4)], [Span("X", 1, 1)], [Span("X", -1, 1)]],
)
def test_spans_that_no_tags_can_write(wrong) -> None:
    with pytest.raises(ValueError, match="in a sentence of 3 tokens"):
        spans_to_tags(wrong, 3, "BIO")


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("eng.testa", {"LOC": 1837, "MISC": 922, "ORG": 1341, "PER": 1842}),
        ("eng.testb", {"LOC": 1668, "MISC": 702, "ORG": 1661, "PER": 1617}),
    ],
)
def test_real_conll_is_iob1_with_the_published_counts(file, counts) -> None:
    root = Path(os.environ.get("NLPSEQ_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (root / "ner").is_dir():
        pytest.skip(f"needs the benchmark sets: there is no {root / 'ner'}")
    data = read_files(root / "ner", file, "conll").table.column("tags").to_pylist()
    tag_schemes.check_tags(data, file)
    assert detect_scheme(data) == "IOB1"
    assert Counter(span.type for tags in data for span in tags_to_spans(tags)) == counts
    assert [convert_tags(convert_tags(tags, "BIOES"), "IOB1") for tags in data] == data
