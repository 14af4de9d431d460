"""Scores of plain tags, compared with scikit-learn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.tags import TagScores, mean_scores, scores_by_tag, tag_counts

tag = st.sampled_from(["A", "B", "C", "new"])
sentence = st.lists(st.tuples(tag, tag, st.booleans()), min_size=1, max_size=6)


@given(st.lists(sentence, min_size=1, max_size=5))
def test_scores_are_those_of_scikit_learn(data: list[list[tuple[str, str, bool]]]) -> None:
    metric = TagScores()
    rows = [[list(part) for part in zip(*row, strict=True)] for row in data]
    vectors = [metric.statistics(*row) for row in rows]
    scores = metric.score([sum(column) for column in zip(*vectors, strict=True)])
    predicted, gold, unknown = ([value for row in rows for value in row[n]] for n in range(3))
    assert scores["token_accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    hits = [a == b for a, b, new in zip(predicted, gold, unknown, strict=True) if new]
    expected = sum(hits) / len(hits) if hits else 0
    assert scores["unknown_word_accuracy"] == pytest.approx(expected)
    means = mean_scores(
        scores_by_tag(tag_counts([row[1] for row in rows], [row[0] for row in rows]))
    )
    for name in ("macro", "weighted"):
        reference = f1_score(gold, predicted, average=name, zero_division=0)
        assert means[f"{name}_f1"] == pytest.approx(reference)


def test_tables_are_by_frequency() -> None:
    table = scores_by_tag(tag_counts([["A", "B", "B"]], [["A", "B", "C"]]))
    assert list(table) == ["B", "A", "C"]
    assert table["B"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert table["C"]["support"] == 0
    assert mean_scores({}) == {}


@pytest.mark.parametrize("metric", [TagScores(), SpanScores(["X"])])
def test_unknown_words_are_the_last_two_columns_where_they_are_counted(metric: object) -> None:
    assert isinstance(metric, TagScores | SpanScores)
    plain = metric.statistics(["B-X", "O"], ["B-X", "B-X"])
    counted = metric.statistics(["B-X", "O"], ["B-X", "B-X"], [True, True])
    assert counted == (*plain, 1, 2)
    assert metric.statistics([], [], [])[-2:] == (0, 0)
    assert "unknown_word_accuracy" not in metric.score(plain)
    assert metric.score(counted)["unknown_word_accuracy"] == 0.5
    assert metric.score(counted)["token_accuracy"] == metric.score(plain)["token_accuracy"] == 0.5


def test_spans_by_offset() -> None:
    metric = SpanScores(["A", "B"])
    found, wanted = {("A", 0, 4), ("B", 9, 12)}, {("A", 0, 4), ("C", 20, 22)}
    vector = metric.span_statistics(found, wanted, (7, 8))
    assert vector == (7, 8, 1, 2, 2, 1, 2, 2, 1, 1, 1, 0, 1, 0)
    assert metric.score(vector)["f1"] == 0.5
    with pytest.raises(ValueError, match="1 tags predicted for 2"):
        TagScores().statistics(["A"], ["A", "B"])
