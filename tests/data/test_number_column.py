"""Every spelling of a number is read in one way, or refused with its row."""

import math
from typing import Any

import pytest
from datasets import Dataset

from nlpseq.data.number_column import settle_numbers
from nlpseq.data.split import Split
from nlpseq.errors import UserError


def split_of(values: list[Any], name: str = "train") -> Split:
    rows = Dataset.from_dict({"text": [f"t{i}" for i in range(len(values))], "number": values})
    return Split(name, rows, f"{name}.csv", names={"number": "stars"})


def settled(values: list[Any], name: str = "train", *, skip: bool = False) -> Split:
    return settle_numbers({name: split_of(values, name)}, "number", skip=skip)[name]


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ([1, 2, 3], [1.0, 2.0, 3.0]),
        ([0.5, 2], [0.5, 2.0]),
        (["1", " 2.50 ", "-3e2", "+.5"], [1.0, 2.5, -300.0, 0.5]),
        (["3,5", "2", "-0,25"], [3.5, 2.0, -0.25]),
    ],
)
def test_numbers(values: list[Any], numbers: list[float]) -> None:
    split = settled(values)
    assert [*split.column("number")] == numbers
    assert ("decimal comma (3,5)" in split.note) == ("3,5" in values)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("good", 'task = "classification" learns them'),
        ("35%", "without units, signs"),
        ("$4", "without units, signs"),
        ("1_000", "without units"),
        ("1,234", "with a decimal point and without separators of thousands"),
        ("1,234.5", "with a decimal point and without separators of thousands"),
        ("4 5", "without units"),
    ],
)
def test_what_is_no_number_is_refused_with_its_row(value: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        settled(["1.5", value])
    assert f"train.csv: row 2 of the train split has {value!r} in column 'stars'" in str(
        caught.value
    )
    assert said in str(caught.value)


@pytest.mark.parametrize("value", [True, [1.0]])
def test_truth_values_and_lists_are_no_numbers(value: Any) -> None:
    with pytest.raises(UserError, match="row 1 of the train split .* is not a number"):
        settled([value])


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_missing_number_is_an_error_or_left_out(value: Any) -> None:
    values = [1.5, value, 2.0]
    with pytest.raises(UserError, match=r"row 2 of the train split has no number in 'stars'"):
        settled(values)
    split = settled(values, skip=True)
    assert [*split.column("number")] == [1.5, 2.0]
    assert "1 of 3 rows left out, which have no number" in split.note


@pytest.mark.parametrize("value", ["", "nan", "inf", "N/A", "  "])
def test_a_missing_number_as_text(value: str) -> None:
    with pytest.raises(UserError, match="row 2 of the train split has no number"):
        settled(["1", value])


def test_hidden_numbers_are_not_scored() -> None:
    splits = {"train": split_of([0.0, 4.5]), "test": split_of([-1.0, -1.0], "test")}
    found = settle_numbers(splits, "number", skip=False)
    assert not found["test"].labelled
    empty = settle_numbers({"test": split_of([None, None], "test")}, "number", skip=False)
    assert not empty["test"].labelled
    with pytest.raises(UserError, match="row 1 of the validation split has no number"):
        settled([None, None], "validation")


def test_minus_one_is_a_number_where_train_has_it() -> None:
    splits = {"train": split_of([-1.0, 4.5]), "test": split_of([-1.0, -1.0], "test")}
    assert settle_numbers(splits, "number", skip=False)["test"].labelled


def test_the_comma_is_read_alike_in_all_splits() -> None:
    splits = {"train": split_of(["3,5", "4,25"]), "test": split_of(["1,234"], "test")}
    found = settle_numbers(splits, "number", skip=False)
    assert [*found["test"].column("number")] == [1.234]
