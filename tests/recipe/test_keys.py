"""Every key of every task is described."""

import pytest
from nlpseq.tasks import TASKS

from nlpseq.cli.schemas import schema_of
from nlpseq.errors import UserError
from nlpseq.recipe import Recipe, validate
from nlpseq.recipe.keys import describe, select_section


@pytest.mark.parametrize("task", TASKS)
def test_no_key_is_without_description_and_type(task: str) -> None:
    keys = describe(schema_of(task))
    assert len(keys) > 100
    assert [key.full_name for key in keys if not key.description] == []
    words = {"integer", "number", "boolean", "string", "list", "table", "of", "or"}
    for key in keys:
        assert {word.removesuffix("s") for word in key.type.split()} <= words, key
        assert not key.description.endswith("."), key


def test_types_defaults_and_choices() -> None:
    keys = {key.full_name: key for key in describe(Recipe)}
    assert keys["task"].default == "required"
    assert keys["seed"][2:4] == ("integer", "13")
    assert keys["training.learning_rate"][2:5] == ("number", "0.001", ())
    assert keys["training.betas"][2:4] == ("list of numbers", "[0.9, 0.999]")
    assert keys["training.optimizer"].choices == ("sgd", "adam", "adamw", "rmsprop")
    assert keys["data.files"][2:4] == ("table of strings", "{}")
    assert keys["data.name"].default == ""
    assert "conll" in keys["data.format"].choices
    assert keys["data.formats"].choices == keys["data.format"].choices
    assert keys["tokenization.lowercase"][2:5] == ("boolean", "false", ("true", "false"))


def test_a_section_with_kinds_has_the_keys_of_each() -> None:
    keys = [key for key in describe(Recipe) if key.section == "encoder"]
    kinds = {key.name: set() for key in keys}
    for key in keys:
        kinds[key.name] |= set(key.kinds)
    assert "lstm" in kinds["bidirectional"]
    assert kinds["widths"] == {"cnn"}
    assert {"lstm", "transformer", "cnn"} <= kinds["hidden_size"]


def test_defaults_are_valid_as_they_are_written() -> None:
    import tomllib

    document: dict[str, object] = {"task": "tagging"}
    for key in describe(Recipe):
        if key.default and key.default != "required" and not key.kinds:
            value = tomllib.loads(f"value = {key.default}")["value"]
            section = document.setdefault(key.section, {}) if key.section else document
            assert isinstance(section, dict)
            section[key.name] = value
    assert validate(Recipe, document, "test") == validate(Recipe, {"task": "tagging"}, "test")


def test_an_unknown_section_names_the_sections() -> None:
    with pytest.raises(UserError, match="unknown section 'trainig'; did you mean 'training'?"):
        select_section(describe(Recipe), "trainig")
    assert {key.section for key in select_section(describe(Recipe), "data")} == {"data"}
