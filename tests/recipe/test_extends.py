"""Recipes that extend others over several levels, and paths relative to the recipe that says them."""

from pathlib import Path
from typing import Any

import pytest

from nlpseq import recipe
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.task_lookup import read_recipe


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_values_of_nearer_levels_come_first(here: Path) -> None:
    write(here / "a.toml", 'task = "tagging"\n[training]\nepochs = 3\nbatch_size = 4\n')
    write(here / "b.toml", 'extends = "a.toml"\n[training]\nepochs = 5\nseed = 1\n')
    write(here / "c.toml", 'extends = "b.toml"\nseed = 2\n')
    write(here / "d.toml", 'extends = "c.toml"\n[training]\nbatch_size = 8\n')
    assert recipe.read_document("d.toml") == {
        "task": "tagging",
        "seed": 2,
        "training": {"epochs": 5, "batch_size": 8, "seed": 1},
    }


def test_a_chain_may_end_in_a_recipe_of_nlpseq(here: Path) -> None:
    write(here / "mine" / "a.toml", 'extends = "sentiment/sst2_transformer"\n')
    write(here / "mine" / "b.toml", 'extends = "a.toml"\nseed = 7\n')
    shipped = read_recipe("sentiment/sst2_transformer")
    assert read_recipe("mine/b.toml") == shipped.model_copy(update={"seed": 7})


def test_a_base_is_looked_up_beside_the_recipe_that_names_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here / "shared" / "base.toml", 'task = "tagging"\nseed = 1\n')
    write(here / "base.toml", 'task = "tagging"\nseed = 2\n')  # of the working folder
    write(here / "shared" / "team" / "mid.toml", 'extends = "../base.toml"\n')
    write(here / "mine.toml", 'extends = "shared/team/mid.toml"\n')
    assert recipe.read_document("mine.toml")["seed"] == 1
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert recipe.read_document("../mine.toml")["seed"] == 1
    assert recipe.read_document(str(here / "mine.toml"))["seed"] == 1
    write(here / "bad.toml", 'extends = "gone.toml"\n')
    write(elsewhere / "gone.toml", 'task = "tagging"\n')
    said = r"recipe \S*gone.toml: no such file \(\S*bad.toml extends it\)"
    with pytest.raises(UserError, match=said):
        recipe.read_document("../bad.toml")


def test_circles_are_refused_in_one_line(here: Path, capsys: Any) -> None:
    write(here / "a.toml", 'extends = "sub/b.toml"\n')
    write(here / "sub" / "b.toml", 'extends = "c.toml"\n')
    write(here / "sub" / "c.toml", 'extends = "../sub/b.toml"\n')
    assert main(["run", "a.toml"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert (
        "recipe a.toml: a circle, sub/b.toml extends sub/c.toml extends sub/../sub/b.toml" in said
    )


def test_keys_of_a_kind_are_dropped_over_several_levels(here: Path) -> None:
    write(
        here / "a.toml",
        'task = "tagging"\n[encoder]\nkind = "gru"\nbidirectional = true\nnum_layers = 3\n',
    )
    write(here / "b.toml", 'extends = "a.toml"\n[encoder]\nkind = "cnn"\nwidths = [2]\n')
    write(here / "c.toml", 'extends = "b.toml"\n[encoder]\nnum_layers = 2\n')
    third = read_recipe("c.toml").encoder
    assert (third.kind, third.num_layers, third.widths) == ("cnn", 2, (2,))
    write(here / "d.toml", 'extends = "c.toml"\n[encoder]\nkind = "transformer"\n')
    fourth = read_recipe("d.toml").encoder
    assert (fourth.kind, fourth.num_layers) == ("transformer", 2)
    write(here / "e.toml", 'extends = "d.toml"\n[encoder]\nwidths = [3]\n')  # its own misspelt key
    with pytest.raises(UserError, match="unknown key encoder.widths"):
        read_recipe("e.toml")


def test_keys_that_a_level_has_dropped_do_not_come_back(here: Path) -> None:
    first = 'task = "tagging"\n[encoder]\nkind = "lstm"\nbidirectional = true\nnum_layers = 3\nforget_bias = 2.0\n'
    write(here / "a.toml", first)
    write(here / "b.toml", 'extends = "a.toml"\n[encoder]\nkind = "cnn"\nwidths = [2]\n')
    write(here / "c.toml", 'extends = "b.toml"\n[encoder]\nkind = "lstm"\n')
    encoder = read_recipe("c.toml").encoder
    default = type(encoder)()
    assert (encoder.kind, encoder.num_layers) == ("lstm", 3)  # a CNN has layers too
    assert encoder.forget_bias == default.forget_bias
    assert encoder.bidirectional == default.bidirectional
    again = read_recipe("c.toml", ["encoder.kind=cnn"]).encoder
    assert again.widths == type(again)(kind="cnn").widths
    write(here / "d.toml", 'extends = "c.toml"\n[encoder]\nforget_bias = 3.0\n')
    assert read_recipe("d.toml").encoder.forget_bias == 3


def test_a_decoder_follows_its_encoder_over_several_levels(here: Path) -> None:
    write(
        here / "a.toml",
        'task = "translation"\n[encoder]\nkind = "gru"\n[decoder]\nbridge = "zero"\nnum_layers = 3\n',
    )
    write(here / "b.toml", 'extends = "a.toml"\n[encoder]\nkind = "transformer"\n')
    write(here / "c.toml", 'extends = "b.toml"\nseed = 3\n')
    decoder = read_recipe("c.toml").decoder  # type: ignore[attr-defined]
    assert (decoder.kind, decoder.num_layers) == ("transformer", 3)


@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("tokenization.path", "cut/tokenizer.json"),
        ("embedding.pretrained", "vectors.txt"),
        ("embedding.pretrained", "vectors.txt.gz"),
        ("encoder.init_from", "runs/lm"),
        ("objective.init_from", "runs/lm"),
    ],
)
def test_paths_are_relative_to_the_recipe_where_there_is_such_a_file(
    here: Path, key: str, file: str
) -> None:
    section, name = key.split(".")
    said = file.removesuffix(".gz")
    write(here / "mine" / "r.toml", f'[{section}]\n{name} = "{said}"\n')
    assert recipe.read_document("mine/r.toml")[section][name] == said  # a name of the Hub, perhaps
    write(here / "mine" / file, "")
    assert recipe.read_document("mine/r.toml")[section][name] == f"mine/{said}"
    write(here / "r.toml", 'extends = "mine/r.toml"\n')
    assert recipe.read_document("r.toml")[section][name] == f"mine/{said}"
    absolute = here / file
    write(here / "mine" / "r.toml", f'[{section}]\n{name} = "{absolute}"\n')
    assert recipe.read_document("mine/r.toml")[section][name] == str(absolute)


def test_the_folder_of_the_data_is_relative_to_the_recipe(here: Path) -> None:
    write(here / "mine" / "r.toml", '[data]\nfolder = "texts"\n')
    assert recipe.read_document("mine/r.toml")["data"]["folder"] == "mine/texts"
    changed = recipe.override(recipe.read_document("mine/r.toml"), ["data.folder=other"])
    assert changed["data"]["folder"] == "other"  # of the command line: of the working folder


def test_a_recipe_is_not_copied_away_from_its_files(here: Path) -> None:
    write(here / "mine" / "base.toml", 'task = "tagging"\n')
    write(here / "mine" / "r.toml", 'extends = "base.toml"\n')
    (here / "other").mkdir()
    with pytest.raises(UserError, match=r"extends = 'base.toml' is relative to its folder"):
        recipe.copy("mine/r.toml", here / "other")
    copied = recipe.copy("mine/r.toml", here / "mine" / "again.toml")
    assert recipe.read_document(str(copied))["task"] == "tagging"
    shipped = recipe.copy("sentiment/sst2_transformer", here / "other")
    assert read_recipe(str(shipped)) == read_recipe("sentiment/sst2_transformer")
