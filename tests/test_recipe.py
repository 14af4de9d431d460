"""Recipes: what is read, merged, overridden and refused."""

from pathlib import Path

import pytest

from nlpseq import recipe
from nlpseq.errors import UserError
from nlpseq.recipe import Recipe
from nlpseq.task import resolve

TASK = "nlpseq.tasks.language_modeling:LanguageModeling"


def test_every_recipe_is_valid_and_names_its_command() -> None:
    names = recipe.names()
    assert len(names) >= 3
    for name in names:
        document = recipe.read(name)
        recipe.validate(resolve(document["task"]).Config, document, name)
        first = recipe.locate(name).read_text(encoding="utf-8").splitlines()[0]
        assert f"nlpseq run {name}" in first


def test_an_override_replaces_what_was_there() -> None:
    document = {"data": {"files": {"train": "a", "test": "b"}, "format": "lines"}, "seed": 1}
    changed = recipe.override(document, ['data.files={ train = "c" }', "seed=2"])
    assert changed == {"data": {"files": {"train": "c"}, "format": "lines"}, "seed": 2}
    assert recipe.override(document, ["data.files={}"])["data"]["files"] == {}
    assert document["data"]["files"] == {"train": "a", "test": "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("2e-3", 2e-3), ("true", True), ("cosine", "cosine"), ("[1, 2]", [1, 2]), ("", "")],
)
def test_values_are_toml_or_plain_strings(text: str, value: object) -> None:
    assert recipe.override({}, [f"a.b={text}"]) == {"a": {"b": value}}


def test_a_recipe_extends_another_by_one_level(tmp_path: Path) -> None:
    base, child, grandchild = (
        tmp_path / f"{name}.toml" for name in ("base", "child", "grandchild")
    )
    base.write_text(f'task = "{TASK}"\n[training]\nepochs = 3\nbatch_size = 4\n')
    child.write_text(f'extends = "{base}"\n[training]\nepochs = 5\n')
    grandchild.write_text(f'extends = "{child}"\n')
    assert recipe.read(str(child))["training"] == {"epochs": 5, "batch_size": 4}
    with pytest.raises(UserError, match="one level"):
        recipe.read(str(grandchild))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"training": {"epoch": 3}}, r"unknown key training\.epoch; did you mean 'epochs'"),
        ({"trainig": {}}, "unknown key trainig; did you mean 'training'"),
        ({"training": {"epochs": "three"}}, r"training\.epochs = 'three'"),
        ({"training": {"batch_size": True}}, r"training\.batch_size = True"),
        ({"encoder": {"kind": "lstn"}}, r"encoder\.kind = 'lstn'"),
    ],
)
def test_what_is_wrong_is_named(document: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        recipe.validate(Recipe, {"task": TASK, **document}, "test")


def test_tasks_outside_nlpseq_are_refused() -> None:
    for path in ("os:system", "nlpseq.hub:load", "nlpseq.tasks.nothing:Task", "nlpseq.tasks"):
        with pytest.raises(UserError):
            resolve(path)
