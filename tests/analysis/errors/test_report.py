"""Reports of every kind of prediction, from records alone."""

from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset

from nlpseq.analysis.errors import ErrorReport
from nlpseq.analysis.errors import report as reports
from nlpseq.analysis.errors.conflicts import conflicts_with_train, find_conflicts
from nlpseq.analysis.errors.examples import Example
from nlpseq.data.split import Split
from nlpseq.metrics.regression import RegressionScores
from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.tags import TagScores
from nlpseq.reporting.error_page import error_page
from nlpseq.reporting.error_tables import error_lines, error_tables


def example(index: int, target: Any, prediction: Any, text: Any = "a text") -> Example:
    return Example(index, (1.0, 1.0), target, prediction, (text,), {})


def task(metric: object = None) -> Any:
    return SimpleNamespace(metric=metric)


@pytest.mark.parametrize(
    ("metric", "prediction", "kind"),
    [
        (None, {"label": "a", "confidence": 0.5}, reports.CLASSES),
        (None, {"labels": ["a"], "probabilities": {}}, reports.LABEL_SETS),
        (RegressionScores(0.0, 1.0), {"number": 2.0}, reports.NUMBERS),
        (SpanScores(["PER"], "BIO"), ["B-PER", "O"], reports.SPANS),
        (SpanScores(["PER"], "BIO"), [[0, 3, "PER"]], reports.SPANS),
        (TagScores(), ["NOUN", "VERB"], reports.TAGS),
        (None, "a translation", reports.TEXTS),
        (None, None, reports.LIKELIHOODS),
    ],
)
def test_kinds_of_predictions(metric: object, prediction: Any, kind: str) -> None:
    assert reports.kind_of(task(metric), [example(0, None, prediction)]) == kind


def test_worst_scores_come_first() -> None:
    scores = {0: 0.9, 1: 0.1, 2: 0.5}
    metric = SimpleNamespace(score=lambda total: {"chrf": scores[int(total[0])], "bleu": 0.0})
    fake = SimpleNamespace(
        metric=metric, main_metric="bleu", example_score="chrf", higher_is_better=True
    )
    examples = [Example(n, (float(n),), "reference", "output", ("source",), {}) for n in scores]

    tables = reports._tables(reports.TEXTS, examples, fake, 2)  # type: ignore[arg-type]

    assert [(case.index, case.value) for case in tables.worst] == [(1, 0.1), (2, 0.5)]


def test_largest_errors_of_numbers_come_first() -> None:
    examples = [example(n, 1.0, {"number": value}) for n, value in enumerate((1.5, -3.0, 1.0))]

    tables = reports._tables(reports.NUMBERS, examples, task(), 9)

    assert [(case.index, case.value) for case in tables.worst] == [(1, 4.0), (0, 0.5), (2, 0.0)]


def test_labels_of_several_are_missed_and_spurious() -> None:
    examples = [
        example(0, ["a", "b"], {"labels": ["a"]}),
        example(1, ["b"], {"labels": ["b", "c"]}),
        example(2, [], {"labels": []}),
    ]

    tables = reports._tables(reports.LABEL_SETS, examples, task(), 9)

    assert [case.index for case in tables.worst] == [0, 1]
    counts = {row.type: (row.gold, row.missed, row.spurious) for row in tables.types}
    assert counts == {"a": (1, 0, 0), "b": (2, 1, 0), "c": (0, 0, 1)}


def test_equal_texts_with_different_targets_are_conflicts() -> None:
    examples = [
        example(0, "a", {"label": "a"}, "The  same text"),
        example(1, "b", {"label": "a"}, "The same text"),
        example(2, "a", {"label": "a"}, "another"),
        example(3, "a", {"label": "a"}, "another"),
        example(4, ["X"], ["X"], ("tokens",)),
        example(5, ["Y"], ["X"], ("tokens",)),
    ]

    found = find_conflicts(examples, 9)

    assert [[case.index for case in conflict.cases] for conflict in found] == [[0, 1], [4, 5]]


def test_a_page_of_tags_escapes_tokens_and_marks_both_sides() -> None:
    examples = [example(0, ["NOUN", "<T>"], ["NOUN", "VERB"], ("<script>", "runs"))]
    tables = reports._tables(reports.TAGS, examples, task(), 9)
    report = ErrorReport(
        "runs/<x>",
        "tagging",
        "test",
        reports.TAGS,
        1,
        1,
        "token_accuracy",
        {"token_accuracy": 0.5},
        tables.value,
        tables.worst,
        tables.confusions,
        tables.types,
        notes=("a <note>",),
    ).to_json()

    page = error_page(report)

    assert "<script>" in page  # the page's own, once
    assert page.count("<script") == 1
    assert "&lt;script&gt; " in page
    for side in (
        '<mark class="gold">runs<small>&lt;T&gt;</small></mark>',
        '<mark class="wrong">runs<small>VERB</small></mark>',
    ):
        assert side in page
    assert "a &lt;note&gt;" in page
    assert error_lines(report)[0].startswith("test: 1 example, 1 with errors (100.0%)")
    assert [table.title for table in error_tables(report)] == [
        "Texts with the most wrong tags",
        "Confusions",
        "Errors by tag",
    ]


def test_texts_that_train_has_with_another_class() -> None:
    rows = {"text": ["a  b", "c", "c", "d"], "label": ["x", "x", "y", "x"]}
    train = Split("train", Dataset.from_dict(rows), "memory")
    examples = [
        example(0, "y", {"label": "y"}, "a b"),
        example(1, "x", {"label": "x"}, "c"),
        example(2, "x", {"label": "x"}, "d"),
        example(3, "x", {"label": "x"}, "new"),
    ]
    conflicts = conflicts_with_train(examples, train, ["text"], "label", 9)
    shown = [[(c.index, c.target, c.columns) for c in conflict.cases] for conflict in conflicts]
    of_train = {"split": "train"}
    assert shown == [
        [(0, "x", of_train), (0, "y", {})],
        [(1, "x", of_train), (2, "y", of_train), (1, "x", {})],
    ]
