"""Wrong spans and tags of taggers."""

import pytest

from nlpseq.analysis.errors.examples import Example
from nlpseq.analysis.errors.spans import (
    BOTH,
    BOUNDARY,
    MISSED,
    SPURIOUS,
    TYPE,
    Triple,
    errors_by_type,
    span_cases,
    span_confusions,
    span_errors,
    spans_of,
    worst_spans,
)
from nlpseq.analysis.errors.tags import errors_by_tag, tag_confusions, worst_tags

WORDS = ("Mila", "Kovar", "flew", "from", "Old", "Harbour", "to", "Brno", "today")


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        ((0, 2, "PER"), None, MISSED),
        (None, (7, 8, "LOC"), SPURIOUS),
        ((0, 2, "PER"), (0, 2, "ORG"), TYPE),
        ((4, 6, "LOC"), (5, 6, "LOC"), BOUNDARY),
        ((4, 6, "LOC"), (5, 6, "ORG"), BOTH),
    ],
)
def test_kinds_of_wrong_spans(gold: Triple | None, predicted: Triple | None, kind: str) -> None:
    (error,) = span_errors([gold] if gold else [], [predicted] if predicted else [], WORDS)

    assert (error.kind, error.gold, error.predicted) == (kind, gold, predicted)


def test_each_span_is_paired_at_most_once() -> None:
    gold = [(4, 6, "LOC"), (7, 8, "LOC")]
    predicted = [(4, 8, "LOC")]

    errors = span_errors(gold, predicted, WORDS)

    assert [error.kind for error in errors] == [BOUNDARY, MISSED]
    assert errors[0].gold_text == "Old Harbour"
    assert errors[0].predicted_text == "Old Harbour to Brno"


def test_the_same_boundaries_come_before_an_overlap() -> None:
    errors = span_errors([(0, 2, "PER"), (0, 1, "PER")], [(0, 2, "ORG")], WORDS)

    assert {(error.kind, error.gold) for error in errors} == {
        (TYPE, (0, 2, "PER")),
        (MISSED, (0, 1, "PER")),
    }


def test_tags_and_offsets_are_spans() -> None:
    assert spans_of(["B-PER", "E-PER", "O", "S-LOC"]) == [(0, 2, "PER"), (3, 4, "LOC")]
    assert spans_of([[3, 8, "LOC"]]) == [(3, 8, "LOC")]
    assert spans_of([]) == []


def tagged(index: int, gold: str, predicted: str) -> Example:
    return Example(index, (1.0,), gold.split(), predicted.split(), (WORDS[: len(gold.split())],))


def test_counts_by_type_add_up() -> None:
    examples = [
        tagged(0, "B-PER I-PER O O B-LOC I-LOC O B-LOC O", "B-PER I-PER O O O B-LOC O B-ORG O"),
        tagged(1, "B-PER O O", "O O B-LOC"),
    ]
    cases = span_cases(examples)

    rows = {row.type: row for row in errors_by_type(cases)}

    assert (rows["PER"].gold, rows["PER"].correct, rows["PER"].missed) == (2, 1, 1)
    assert (rows["LOC"].wrong_boundary, rows["LOC"].wrong_type, rows["LOC"].spurious) == (1, 1, 1)
    for row in rows.values():
        wrong = row.missed + row.wrong_type + row.wrong_boundary + row.wrong_both
        assert row.gold == row.correct + wrong
    pairs = {(pair.target, pair.prediction): pair.count for pair in span_confusions(cases, 9)}
    assert pairs == {("LOC", "LOC"): 1, ("LOC", "ORG"): 1, ("PER", "none"): 1, ("none", "LOC"): 1}
    assert [case.index for case in worst_spans(cases, 9)] == [1, 0]  # the shorter text first


def test_plain_tags() -> None:
    examples = [
        tagged(0, "NOUN NOUN VERB", "NOUN VERB VERB"),
        tagged(1, "ADJ NOUN", "NOUN VERB"),
        tagged(2, "VERB", "VERB"),
    ]

    assert [(row.type, row.gold, row.wrong_type) for row in errors_by_tag(examples)] == [
        ("NOUN", 3, 2),
        ("ADJ", 1, 1),
        ("VERB", 2, 0),
    ]
    first = tag_confusions(examples, 9)[0]
    assert (first.target, first.prediction, first.count) == ("NOUN", "VERB", 2)
    assert first.share == pytest.approx(2 / 3)
    assert first.cases[0].spans[0].gold_text == "Kovar"
    assert [case.index for case in worst_tags(examples, 9)] == [1, 0]
