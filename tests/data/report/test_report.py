"""The report on data: every number by hand, and memory that does not grow with the rows."""

import tracemalloc
from typing import Any

import pytest
from datasets import Dataset

from nlpseq.data.report import DataReport, build_report
from nlpseq.data.report.tags import scheme_of
from nlpseq.data.report.texts import Quantiles
from nlpseq.data.report.unknown import unknown_shares
from nlpseq.data.split import Split
from nlpseq.reporting.data_report import summary_lines, tables, warnings
from nlpseq.reporting.data_report_page import report_page

ROWS: dict[str, list[Any]] = {
    "text": ["a b c", " a b c ", "a b c", "", "d e", None, "f"],
    "label": ["x", "y", "x", "x", "z", "y", None],
}


def report(columns: dict[str, list[Any]], **splits: dict[str, list[Any]]) -> DataReport:
    given = {"train": columns, **splits}
    made = {name: Split(name, Dataset.from_dict(rows), "mine.csv") for name, rows in given.items()}
    return build_report(made, {name: name for name in columns})


def test_counts_of_texts_and_labels() -> None:
    train = report(ROWS).train
    text, labels, conflicts = train.texts["text"], train.labels, train.conflicts
    assert labels is not None
    assert conflicts is not None
    assert (train.rows, text.missing, text.empty, text.repeated) == (7, 1, 1, 2)
    assert dict(labels.counts) == {"x": 3, "y": 2, "z": 1}
    assert (labels.missing, labels.once) == (1, ["z"])
    assert labels.most_frequent == 0.5
    assert (conflicts.texts, conflicts.rows) == (1, 3)
    assert conflicts.examples == (("a b c", ("x", "y")),)
    assert text.words == Quantiles(0, 0, 2, 3, 3, 3, 12 / 7)


def test_equal_labels_in_other_spellings_are_no_conflict() -> None:
    train = report({"text": ["a", "a", "b"], "label": ["1", "1.0", "2"]}).train
    assert train.conflicts is not None
    assert train.conflicts.texts == 0
    assert train.labels is not None
    assert dict(train.labels.counts) == {"1": 2, "2": 1}


def test_overlap_between_splits() -> None:
    made = report(ROWS, test={"text": ["d e ", "new", "", "a b c"], "label": ["x"] * 4})
    (overlap,) = made.overlaps
    assert (overlap.split, overlap.other, overlap.rows, overlap.share) == ("test", "train", 2, 0.5)
    assert any("2 of its examples (50.0%)" in line for line in warnings(made.to_json()))


def test_labels_that_train_lacks_are_said() -> None:
    texts = {"text": ["new", "newer", "newest"]}
    other = report(ROWS, test={**texts, "label": ["x", "w", "w"]})
    assert "test: 2 rows with a label that train lacks: w" in warnings(other.to_json())
    known = report(ROWS, test={**texts, "label": ["x", "y", "z"]})
    assert not [line for line in warnings(known.to_json()) if "train lacks" in line]


def test_a_pair_is_equal_if_both_texts_are() -> None:
    pairs = {"text": ["a", "a", "a"], "text2": ["b", "c", "b"], "label": ["x", "y", "y"]}
    train = report(pairs).train
    assert train.conflicts is not None
    assert (train.conflicts.texts, train.conflicts.rows) == (1, 2)
    assert train.pairs is not None
    assert train.pairs.median_ratio == 1.0


def test_several_labels_of_a_text() -> None:
    labels = report({"text": ["a", "b", "c"], "labels": [["x", "y"], ["x"], []]}).train.labels
    assert labels is not None
    assert dict(labels.counts) == {"x": 2, "y": 1}
    assert (labels.missing, labels.labels_per_row) == (0, 1.0)


def test_tags_and_their_spans() -> None:
    tags = [["B-PER", "I-PER", "O"], ["I-LOC", "B-LOC", "O", "B-PER"]]
    train = report({"tokens": [["a", "b", "c"], ["d"] * 3], "tags": tags}).train
    assert train.tags is not None
    assert (train.tags.scheme, train.tags.tokens, train.tags.unequal) == ("BIO", 7, 1)
    assert dict(train.tags.types) == {"PER": 2, "LOC": 2}
    assert train.texts["tokens"].words.largest == 3


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O", "B-A", "I-A"], "BIO"),
        (["O", "B-A", "I-A", "E-A", "S-B"], "BIOES"),
        (["B", "M", "E", "S"], "BMES"),
        (["I-A", "O"], "IO"),
        (["U-A", "B-A", "L-A", "O"], "BILOU"),
        (["NOUN", "VERB"], ""),
        (["O-SOMETHING", "NOUN"], ""),
        ([], ""),
    ],
)
def test_schemes(tags: list[str], scheme: str) -> None:
    assert scheme_of(tags) == scheme


def test_numbers() -> None:
    number = report(
        {"text": ["a"] * 4, "number": ["1.5", 2, None, "x"]}.copy()
        | {"number": ["1.5", "2", None, "x"]}
    ).train.number
    assert number is not None
    assert (number.missing, number.distinct, number.smallest, number.largest) == (2, 2, 1.5, 2.0)


@pytest.mark.parametrize(
    ("text", "script", "language"),
    [
        ("the man and the woman are not in the house that he has seen", "Latin", "en"),
        ("der Mann und die Frau sind nicht in dem Haus das er für sich hat", "Latin", "de"),
        ("и он не был в доме на горе как это по плану из бы", "Cyrillic", "ru"),
        ("今天天气很好我们去公园", "Han", "zh"),
        ("きょうは天気がいいですね", "Kana", "ja"),
        ("오늘은 날씨가 좋습니다", "Hangul", "ko"),
        ("xqz vwk", "Latin", ""),
    ],
)
def test_scripts_and_languages(text: str, script: str, language: str) -> None:
    made = report({"text": [text] * 6}).train.texts["text"]
    assert next(iter(made.scripts)) == script
    assert made.language == language


def test_unknown_tokens_by_hand() -> None:
    shares = unknown_shares(["ab cd", "ab"], ["ab abcd xy", "ab"])
    assert shares["word"] == 2 / 4  # abcd, xy
    assert shares["subword"] == 1 / 4  # xy
    assert shares["character"] == 2 / 10
    assert unknown_shares([], []) == {}


def peak_memory(rows: int) -> int:
    """Return the bytes that Python allocates for a report on so many rows."""
    words = "alpha beta gamma delta epsilon zeta eta theta".split()
    texts = [" ".join(words[(n * k) % 8] for k in range(1, 12)) + f" {n}" for n in range(rows)]
    data = Dataset.from_dict({"text": texts, "label": ["a", "b"] * (rows // 2)})
    del texts
    tracemalloc.start()
    made = build_report({"train": Split("train", data, "")}, {"text": "text", "label": "label"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.train.rows == rows
    return peak


def test_memory_grows_by_a_few_bytes_a_row() -> None:
    rows = 20_000
    assert (
        peak_memory(2 * rows) - peak_memory(rows)
    ) / rows < 120  # a text takes as much, a list of its words 700


def test_lines_tables_and_page_hold_the_numbers_and_escape_the_data() -> None:
    nasty = "<script>alert(1)</script>"
    columns = {"text": ["a b", "a b", nasty], "label": [nasty, "good", nasty]}
    made = report(columns, test=columns).to_json()
    assert any("2 labels" in line for line in summary_lines(made))
    titles = [table.title for table in tables(made)]
    assert {"Splits", "Labels", "Lengths in words", "Equal texts with different labels"} <= set(
        titles
    )
    assert "Tags" not in titles
    page = report_page(made, f"{nasty}.csv")
    assert nasty not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<table") == page.count("</table>") == len(titles)
