"""Recipes: read, merged, overridden and validated."""

from pathlib import Path
from typing import Any

import pytest

from nlpseq import recipe
from nlpseq.errors import UserError
from nlpseq.recipe import Recipe
from nlpseq.task_lookup import resolve

TASK = "language_modeling"
BASES = (
    "classification/base",
    "multilabel/base",
    "regression/base",
    "tagging/base",
    "language_modeling/base",
    "seq2seq/base",
)


def test_every_recipe_is_valid_and_names_its_command() -> None:
    names = recipe.names()
    assert len(names) >= 3
    for name in names:
        document = recipe.read_document(name)
        recipe.validate(resolve(document["task"]).Config, document, name)
        first = recipe.locate(name).read_text(encoding="utf-8").splitlines()[0]
        assert f"nlpseq run {name}" in first


@pytest.mark.parametrize("name", BASES)
def test_a_base_recipe_is_extended_by_data_of_the_user(name: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        f'extends = "{name}"\n[data]\nformat = "csv"\nfiles = {{ train = "rows.csv" }}\n'
        "[training]\nepochs = 3\n"
    )
    base, document = recipe.read_document(name), recipe.read_document(str(own))
    assert base["data"]["source"] == "builtin"  # so that it also runs without data
    config = resolve(document["task"]).Config
    kept, changed = (recipe.validate(config, made, name) for made in (base, document))
    assert (changed.data.format, changed.data.files) == ("csv", {"train": "rows.csv"})
    assert changed.training == kept.training.model_copy(update={"epochs": 3.0})
    assert (changed.encoder, changed.embedding) == (kept.encoder, kept.embedding)


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


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"training": {"epoch": 3}},
            r"unknown key training\.epoch; did you mean 'training.epochs'",
        ),
        ({"trainig": {}}, "unknown section trainig; did you mean 'training'"),
        ({"training": {"epochs": "three"}}, r"training\.epochs = 'three'"),
        ({"training": {"batch_size": True}}, r"training\.batch_size = True"),
        ({"encoder": {"kind": "lstn"}}, r"encoder\.kind = 'lstn'"),
    ],
)
def test_mistakes_are_named(document: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        recipe.validate(Recipe, {"task": TASK, **document}, "test")


def test_tasks_outside_nlpseq_are_refused() -> None:
    for path in (
        "os:system",
        "nlpseq.model_directory:load",
        "nlpseq.tasks.nothing:Task",
        "nlpseq.tasks",
    ):
        with pytest.raises(UserError):
            resolve(path)


# One section, several kinds


def encoder_of(document: dict[str, Any], *assignments: str) -> Any:
    changed = recipe.override(document, assignments)
    return recipe.validate(Recipe, {"task": TASK, **changed}, "test").encoder


LSTM = {"encoder": {"kind": "lstm", "bidirectional": True, "hidden_size": 7, "forget_bias": 2.0}}


@pytest.mark.parametrize("kind", ["cnn", "dilated_cnn", "rcnn", "hierarchical", "transformer"])
def test_another_kind_drops_keys_of_the_old_kind(kind: str) -> None:
    document = {"encoder": {**LSTM["encoder"], "hidden_size": 8}}
    found = encoder_of(document, f"encoder.kind={kind}")
    assert found.kind == kind
    assert found.hidden_size == 8  # a key of both kinds stays
    assert document == {"encoder": {**LSTM["encoder"], "hidden_size": 8}}


def test_a_kind_of_the_same_family_keeps_every_key() -> None:
    found = encoder_of(LSTM, "encoder.kind=gru")
    assert (found.kind, found.bidirectional, found.forget_bias) == ("gru", True, 2.0)


def test_assignments_are_read_in_any_order() -> None:
    for order in (1, -1):
        words = ["encoder.kind=cnn", "encoder.widths=[2]"][::order]
        assert encoder_of(LSTM, *words).widths == (2,)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["encoder.kind=cnn", "encoder.bidirectional=true"], "unknown key encoder.bidirectional"),
        (
            ["encoder.kind=cnn", "encoder.wdiths=[2]"],
            "encoder.wdiths; did you mean 'encoder.widths'",
        ),
        (["encoder.kind=cnn", "encoder.forget_bias=1.0"], "unknown key encoder.forget_bias"),
        (["encoder.widths=[2]"], "unknown key encoder.widths"),
        (["encoder.kind=transformer", "encoder.num_heads=3"], "3 heads cannot share .* = 7"),
        (["encoder.kind=cnn", "encoder.num_layers=0"], "encoder.num_layers = 0: "),
        (["encoder.kind=transfomer"], "encoder.kind = 'transfomer': .*did you mean 'transformer'"),
        (["encoder.kind=3"], "encoder.kind = 3: choose gru, lstm"),
        (["encoder.kind=[]"], r"encoder.kind = \[\]: choose gru"),
    ],
)
def test_a_mistake_in_a_section_of_several_kinds(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        encoder_of(LSTM, *words)


def test_a_key_of_no_kind_is_a_mistake_for_every_kind() -> None:
    document = {"encoder": {**LSTM["encoder"], "bidirektional": True}}
    with pytest.raises(UserError, match="unknown key encoder.bidirektional"):
        encoder_of(document, "encoder.kind=cnn")


def test_an_extending_recipe_may_change_the_kind(tmp_path: Path) -> None:
    base, child = (tmp_path / f"{name}.toml" for name in ("base", "child"))
    base.write_text(
        f'task = "{TASK}"\n[encoder]\nkind = "gru"\nbidirectional = true\nnum_layers = 3\n'
    )
    child.write_text(f'extends = "{base}"\n[encoder]\nkind = "cnn"\nwidths = [2]\n')
    found = encoder_of(recipe.read_document(str(child)))
    assert (found.kind, found.num_layers, found.widths) == ("cnn", 3, (2,))
    found = encoder_of(recipe.read_document(str(child)), "encoder.kind=transformer")
    assert (found.kind, found.num_layers) == ("transformer", 3)
    child.write_text(f'extends = "{base}"\n[encoder]\nkind = "cnn"\nbidirectional = true\n')
    with pytest.raises(UserError, match="unknown key encoder.bidirectional"):
        encoder_of(recipe.read_document(str(child)))


def decoder_of(document: dict[str, Any], *assignments: str) -> Any:
    from nlpseq.tasks.seq2seq.recipe import TranslationRecipe

    changed = recipe.override(document, assignments)
    return recipe.validate(TranslationRecipe, {"task": TASK, **changed}, "test").decoder


@pytest.mark.parametrize(
    ("assignments", "kind"),
    [
        ([], "lstm"),
        (["encoder.kind=gru"], "gru"),
        (["encoder.kind=transformer"], "transformer"),
        (["encoder.kind=cnn"], "lstm"),
        (["encoder.kind=transformer", "decoder.kind=gru"], "gru"),
        (["decoder.kind=transformer"], "transformer"),
        (["decoder.kind=transformer", "decoder.kind=same"], "lstm"),
    ],
)
@pytest.mark.parametrize("said", [{}, {"kind": "same"}])
def test_a_decoder_follows_the_encoder_unless_it_has_a_kind(
    assignments: list[str], kind: str, said: dict[str, Any]
) -> None:
    assert decoder_of({}, *assignments).kind == kind
    document = {"decoder": {**said, "copying": True, "bridge": "zero"}}
    found = decoder_of(document, *assignments)
    assert (found.kind, found.copying) == (kind, True)
    assert getattr(found, "bridge", None) == (None if kind == "transformer" else "zero")
    if kind == "transformer":
        with pytest.raises(
            UserError,
            match="key decoder.bridge: decoder.kind = transformer has no bridge; gru, lstm",
        ):
            decoder_of(document, *assignments, "decoder.bridge=zero")


def test_an_extending_recipe_may_change_the_encoder_that_a_decoder_follows(tmp_path: Path) -> None:
    base, child = (tmp_path / f"{name}.toml" for name in ("base", "child"))
    base.write_text(
        f'task = "{TASK}"\n[encoder]\nkind = "gru"\n[decoder]\nbridge = "zero"\nnum_layers = 3\n'
    )
    child.write_text(f'extends = "{base}"\n[encoder]\nkind = "transformer"\n')
    found = decoder_of(recipe.read_document(str(child)))
    assert (found.kind, found.num_layers) == ("transformer", 3)
    assert decoder_of(recipe.read_document(str(child)), "encoder.kind=rnn").kind == "rnn"
    child.write_text(f'extends = "{base}"\n[encoder]\nkind = "lstm"\n')
    found = decoder_of(recipe.read_document(str(child)))
    assert (found.kind, found.bridge) == ("lstm", "zero")


@pytest.mark.parametrize("name", ["sentiment/sst2", "ner/conll2003"])
@pytest.mark.parametrize("kind", ["gru", "rnn", "cnn", "rcnn", "feedforward", "transformer"])
def test_shipped_recipes_run_with_any_kind(name: str, kind: str) -> None:
    from nlpseq.task_lookup import read_recipe

    sizes = ["encoder.hidden_size=128"] if kind == "transformer" else []
    assert read_recipe(name, [f"encoder.kind={kind}", *sizes]).encoder.kind == kind


IDLE = [
    (
        "language_modeling",
        "encoder.kind=transformer encoder.max_length=9",
        "encoder: max_length = 9",
    ),
    (
        "language_modeling",
        "tokenization.split=words",
        "tokenization.split = 'words'",
    ),
    (
        "language_modeling",
        "tokenization.path=t.json tokenization.lowercase=true",
        "lowercase = True: the",
    ),
    (
        "language_modeling",
        "tokenization.kind=bpe tokenization.min_frequency=3",
        "the kind is 'bpe'",
    ),
    (
        "language_modeling",
        "training.momentum=0.9",
        "training.momentum = 0.9: .*adamw has betas",
    ),
    (
        "recall",
        "training.bptt_length=9",
        "training.bptt_length = 9: .*whole",
    ),
    (
        "recall",
        "training.temporal_penalty=1",
        "training.temporal_penalty = 1.0: ",
    ),
    (
        "recall",
        "evaluation.window=9",
        "evaluation.window = 9: .*training.batch_size",
    ),
    ("recall", "decoding.top_k=9", "decoding.top_k = 9: .*generates no text"),
    (
        "classification",
        "encoder.kind=transformer encoder.max_length=9",
        "these are sinusoidal",
    ),
    ("classification", "decoding.beam_size=9", "decoding.beam_size = 9: .*generates no text"),
    ("tagging", "decoding.method=beam", "decoding.method = 'beam': .*generates no text"),
    ("tagging", "tokenization.split=words", "already cut into tokens"),
    ("tagging", "tokenization.add_eos=false", "tokenization.add_eos = False"),
    (
        "translation",
        "decoder.kind=transformer decoder.max_length=900",
        "decoder: max_length = 900",
    ),
]


@pytest.mark.parametrize(("task", "assignments", "said"), IDLE)
def test_an_unused_key_is_refused(task: str, assignments: str, said: str) -> None:
    document = {"task": task}
    schema = resolve(document["task"]).Config
    changed = recipe.override(document, assignments.split())
    with pytest.raises(UserError, match=said):
        recipe.validate(schema, changed, "test")
    # Left at its default it says nothing; so a resolved recipe, which names all keys, can be read again.
    whole = recipe.validate(schema, document, "test").model_dump(exclude_none=True)
    assert recipe.validate(schema, whole, "test").model_dump(exclude_none=True) == whole


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_learned_positions_have_a_length(kind: str) -> None:
    document = {
        "task": "translation",
        kind: {"kind": "transformer", "positions": "learned", "max_length": 200},
    }
    found = recipe.validate(resolve(document["task"]).Config, document, "test")
    assert getattr(found, kind).max_length == 200
