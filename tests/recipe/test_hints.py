"""Hints: an unknown key names the key that the user probably meant."""

import pytest
from nlpseq.tasks import TASKS

from nlpseq import recipe
from nlpseq.cli.schemas import schema_of
from nlpseq.errors import UserError
from nlpseq.recipe.hints import ALIASES, all_keys, matching_keys


def refusal(task: str, assignment: str) -> str:
    with pytest.raises(UserError) as refused:
        recipe.validate(schema_of(task), recipe.override({"task": task}, [assignment]), "recipe x")
    return str(refused.value)


@pytest.mark.parametrize(
    ("assignment", "hint"),
    [
        # names from other libraries
        ("training.lr=1", "training.lr; did you mean 'training.learning_rate'?"),
        ("lr=1", "key lr; did you mean 'training.learning_rate'?"),
        ("optimizer.lr=1", "section optimizer; did you mean 'training.learning_rate'?"),
        ("encoder.hidden_dim=3", "'encoder.hidden_size'?"),
        ("encoder.hidden=3", "'encoder.hidden_size'?"),
        ("embedding.emb_dim=3", "'embedding.dim'?"),
        ("encoder.embedding_dim=3", "'embedding.dim'?"),
        ("training.bs=3", "'training.batch_size'?"),
        ("decoding.beam=3", "'decoding.beam_size'?"),
        ("encoder.layers=2", "'encoder.num_layers'?"),
        ("encoder.nhead=2", "'encoder.num_heads'?"),
        ("decoding.max_len=2", "'decoding.max_new_tokens'?"),
        ("training.wd=1", "'training.weight_decay'?"),
        ("training.clip=1", "'training.clip_norm'?"),
        ("training.num_epochs=1", "'training.epochs'?"),
        ("model.lstm=1", "unknown section model"),
        # options
        ("device=cuda", "unknown key device: it is an option, --device cuda"),
        ("training.device=cuda", "it is an option, --device cuda"),
        # classes of the user
        ("encoder.kind=Peephole", "in a file of your own as FILE.py:CLASS, with --code FILE.py"),
        ("encoder.kind=GRU", "did you mean 'gru'?"),
        ("encoder.kind=my_cells.py", "as FILE.py:CLASS, with --code FILE.py"),
        ("encoder.kind=my_cells:Peephole", "as FILE.py:CLASS, with --code FILE.py"),
        # another section
        ("training.hidden_size=3", "'encoder.hidden_size' or 'decoder.hidden_size'?"),
        ("encoder.learning_rate=3", "'training.learning_rate'?"),
        ("epochs=3", "'training.epochs'?"),
        ("training.seed=3", "'seed'?"),
        # typing errors
        ("training.epoch=3", "'training.epochs'?"),
        ("trainig.epochs=3", "unknown section trainig; did you mean 'training'?"),
        ("encoder.bidirektional=true", "'encoder.bidirectional'?"),
        # another kind
        ("encoder.num_heads=2", "encoder.kind = lstm has no num_heads; transformer has it"),
        ("encoder.widths=[3]", "encoder.kind = lstm has no widths; cnn has it"),
    ],
)
def test_common_names_suggest_the_key(assignment: str, hint: str) -> None:
    assert hint in refusal("translation", assignment)


def test_a_key_like_nothing_is_only_refused() -> None:
    assert refusal("tagging", "training.zzz=3") == "recipe x: unknown key training.zzz"


def test_every_alias_suggests_an_existing_key_and_is_none_itself() -> None:
    known = {key for task in TASKS for key in all_keys(schema_of(task))}
    names = {key.rpartition(".")[2] for key in known}
    assert len(ALIASES) > 150
    for alias, keys in ALIASES.items():
        assert set(keys) <= names, alias
        assert alias not in keys


def test_keys_of_the_named_section_are_suggested_alone() -> None:
    schema = schema_of("translation")
    assert matching_keys(schema, "hidden_dim", "decoder") == ["decoder.hidden_size"]
    assert matching_keys(schema, "hidden-dim") == ["encoder.hidden_size", "decoder.hidden_size"]
