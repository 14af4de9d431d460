"""Labels that are no classes: one class only, and the values of a quantity."""

import pytest
import small

from nlpseq.errors import UserError


def column(values: list[object]) -> object:
    return small.split_of({"text": [f"text {v}" for v in values], "label": values})


def prepare(values: list[object]) -> object:
    return small.make("sentiment", {"train": column(values)})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "values",
    [
        [index / 7 for index in range(1, 60)],
        [f"{index / 7:.3f}" for index in range(60)],
        [1000 + 3 * index for index in range(150)],
        [-1.5e3 + index for index in range(120)],
    ],
)
def test_a_quantity_is_no_label(values: list[object]) -> None:
    with pytest.raises(UserError, match=r"column 'label' of train holds .* different numbers") as e:
        prepare(values)
    assert 'task = "regression"' in str(e.value)


@pytest.mark.parametrize(
    "values",
    [
        [index / 2 for index in range(11)] * 3,  # stars
        [*range(120)] * 3,  # numbers of classes
        [*range(80)],
        ["nan-like", *map(str, range(150))],
        [f"v1.{index}" for index in range(60)],
    ],
)
def test_few_numbers_numbers_of_classes_and_names_are_labels(values: list[object]) -> None:
    assert prepare(values)


def test_one_class_is_refused() -> None:
    with pytest.raises(UserError, match="all 5 examples of train are of the class 'x'"):
        prepare(["x"] * 5)


def test_numbers_that_the_recipe_names_are_classes() -> None:
    values = [index / 7 for index in range(60)]
    names = {str(value): "low" if value < 4 else "high" for value in values}
    task = small.make("sentiment", {"train": column(values)}, data={"labels": names})  # type: ignore[dict-item]
    assert task.labels == ["low", "high"]
