"""Arguments in Python that would be misread are refused in one line."""

from pathlib import Path
from typing import Any

import pytest

import nlpseq
from nlpseq.argument_checks import as_names, as_seeds
from nlpseq.errors import UserError

RECIPE = "sentiment/quickstart"


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ("13", "seeds='13': give a list of integers, seeds=[13, 14, 15]"),
        ("13,14", "seeds='13,14': give a list of integers"),
        (13, r"seeds=13: give a list of integers, seeds=\[13\]"),
        (True, "seeds=True: give a list of integers"),
        ([13.0], r"seeds\[0\]=13.0: give an integer from 0 to 2\*\*32 - 1"),
        (["13"], r"seeds\[0\]='13': give an integer"),
        ([3, True], r"seeds\[1\]=True: give an integer"),
        ([3, -1], r"seeds\[1\]=-1: give an integer"),
        ([2**32], r"seeds\[0\]=4294967296: give an integer"),
        ([3, 4, 3], r"seeds=\[3, 4, 3\]: one is given twice"),
        ({13: 1}, r"seeds=\{13: 1\}: give a list of integers"),
        (None, "seeds=None: give a list of integers"),
    ],
)
def test_seeds_are_distinct_integers(seeds: Any, message: str) -> None:
    message = message.replace("[13, 14, 15]", r"\[13, 14, 15\]")
    with pytest.raises(UserError, match=message):
        nlpseq.run(RECIPE, seeds=seeds)
    with pytest.raises(UserError, match=message):
        nlpseq.compare(RECIPE, models=["lstm", "gru"], seeds=seeds)


def test_the_class_of_errors_is_exported() -> None:
    assert nlpseq.UserError is UserError


def test_integers_of_numpy_and_ranges_are_seeds() -> None:
    numpy = pytest.importorskip("numpy")
    assert as_seeds("seeds", numpy.array([3, 4])) == [3, 4]
    assert as_seeds("seeds", range(2)) == [0, 1]
    assert as_seeds("seeds", ()) == []


@pytest.mark.parametrize("recipe", [None, "", 3, ["a"]])
def test_run_needs_a_recipe(recipe: Any) -> None:
    with pytest.raises(UserError, match=r"recipe=.*: give the name of a recipe, such as"):
        nlpseq.run(recipe)


@pytest.mark.parametrize("function", [nlpseq.compare, nlpseq.inspect])
def test_without_names_the_needed_arguments_are_named(function: Any) -> None:
    with pytest.raises(
        UserError, match="give run directories, such as 'runs/a', 'runs/b', or a rec"
    ):
        function()
    with pytest.raises(UserError, match=r"names\[1\]: None is not a string"):
        function("a", None)
    with pytest.raises(UserError, match="give the names one by one, not in a list"):
        function(["runs/a", "runs/b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": "abc"}, r"texts='abc': give a list, texts=\['abc'\]"),
        ({"models": "lstm"}, r"models='lstm': give a list, models=\['lstm'\]"),
        ({"parts": 3}, "parts=3: give a list of strings"),
        ({"texts": ["a", None]}, r"texts\[1\]: None is not a string"),
        ({"texts": {"a": 1}}, "give a list of strings"),
        ({"data_dir": 3}, "data_dir=3: give the path of a folder"),
        ({"output": ""}, "output='': give the path of a folder"),
    ],
)
def test_inspect_refuses_ambiguous_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        nlpseq.inspect(RECIPE, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": 3}, "tasks=3: give a list of strings"),
        ({"tasks": ["ner", 3]}, r"tasks\[1\]: 3 is not a string"),
        ({"seed": "13"}, "seed='13': give an integer"),
        ({"seed": 1.5}, "seed=1.5: give an integer"),
        ({"tasks": "nre"}, "no task is called 'nre'; did you mean 'ner'"),
    ],
)
def test_quickstart_refuses_ambiguous_arguments(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        nlpseq.quickstart(output=tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("run", [None, 3, "", ["a"]])
def test_load_needs_a_run(run: Any) -> None:
    with pytest.raises(UserError, match="give a run directory or a Hub id"):
        nlpseq.load(run)


def test_any_iterable_of_strings_is_a_list_of_names() -> None:
    assert as_names("models", (name for name in ("a", "b"))) == ["a", "b"]
    assert as_names("names", [Path("runs/a")]) == ["runs/a"]
