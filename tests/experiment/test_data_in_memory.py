"""Runs on data that are given in Python: trained, scored, resumed and inspected; and what the command line says."""

import json
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import polars as pl
import pytest

import nlpseq
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.given_data import training_data
from nlpseq.recipe import override, read_document

RECIPE = """\
task = "classification"
[data]
source = "nobody/set"
hub_columns = { text = "no such column" }
hold_out = { validation = 0.1, test = 0.2 }
[tokenization]
split = "words"
[embedding]
dim = 8
[encoder]
hidden_size = 8
[training]
epochs = 2
learning_rate = 0.05
"""
WORDS = {"warm": "sun beach swim hot", "cold": "snow ice ski frost"}
COLUMNS = {"text": "message", "label": "category"}


def frame(number: int = 30, first: int = 0) -> pd.DataFrame:
    rows = [
        {"message": f"{words.split()[n % 4]} number {n}", "category": label, "id": n}
        for label, words in WORDS.items()
        for n in range(first, first + number)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(RECIPE)
    return tmp_path


def train(data: Any, output: str = "out", **options: Any) -> dict[str, Any]:
    given = {"columns": COLUMNS, **options}
    return nlpseq.run("mine.toml", data=data, output=output, device="cpu", **given).metrics


def test_a_run_on_a_frame_and_what_follows(here: Path, capsys: Any) -> None:
    metrics = train(frame())
    assert metrics["data_source"] == {"kind": "memory", "type": "pandas.DataFrame", "files": {}}
    record = json.loads(Path("out/data.json").read_text())
    assert set(record["in_memory"]) == {"train"}
    assert set(record["fingerprints"]) == {"train", "validation", "test"}
    assert read_document("out/recipe.toml")["data"]["source"] == "memory"
    card = Path("out/README.md").read_text()
    assert "on data in memory (pandas.DataFrame)" in card
    assert 'nlpseq.run("recipe.toml", data=...)' in card

    scored = nlpseq.evaluate("out", data=frame(), device="cpu")
    assert scored["test"] == metrics["test"]
    assert scored["data"] == metrics["data"]["test"]
    again = nlpseq.run("out/recipe.toml", data=frame(), output="again", device="cpu").metrics
    assert again["data"] == metrics["data"]
    report = nlpseq.compare("out", "again", data=frame(), output="compared")
    assert report.slices
    assert not [note for note in report.notes if "not available" in note or "changed" in note]
    nlpseq.inspect("out", data=frame(), output="inspected", device="cpu", parts=["gradients"])

    capsys.readouterr()
    for words in (
        ["evaluate", "out"],
        ["run", "out/recipe.toml", "--output", "third"],
        ["inspect", "out"],
    ):
        assert main([*words, "--device", "cpu"]) == 2
        said = capsys.readouterr().err
        assert "was trained on data in memory (pandas.DataFrame); give them again in Python" in said
        assert said.count("\n") == 1
    Path("copy.toml").write_text(Path("out/recipe.toml").read_text())
    assert main(["run", "copy.toml", "--device", "cpu"]) == 2
    assert 'data.source = "memory"' in capsys.readouterr().err
    frame().to_csv("rows.csv", index=False)
    files = ['data.files={test="rows.csv"}', "data.format=csv", "data.hold_out={}"]
    assert main(["evaluate", "out", "--data-dir", ".", *files, "--device", "cpu"]) == 0


def test_other_rows_are_the_split_that_is_asked_for(here: Path) -> None:
    train(frame())
    scored = nlpseq.evaluate("out", data=frame(10, first=90), device="cpu")
    support = {name: row["support"] for name, row in scored["details"]["test"]["per_class"].items()}
    assert support == {"cold": 10, "warm": 10}
    assert "test: not the data that the run recorded under this name" in scored["notes"]
    named = nlpseq.evaluate("out", data={"later": frame(5, 90)}, split="later", device="cpu")
    assert sum(row["support"] for row in named["details"]["later"]["per_class"].values()) == 10
    renamed = frame(10, 90).rename(columns={"message": "body"})
    columns = {"text": "body", "label": "category"}
    assert (
        nlpseq.evaluate("out", data=renamed, columns=columns, device="cpu")["test"]
        == scored["test"]
    )
    with pytest.raises(UserError, match="the test split has no column 'message', it has body"):
        nlpseq.evaluate("out", data=renamed, device="cpu")
    renamed.to_csv("rows.csv", index=False)
    assert (
        nlpseq.evaluate("out", data="rows.csv", columns=columns, device="cpu")["test"]
        == scored["test"]
    )
    with pytest.raises(UserError, match="data, data_dir='x': give one of them"):
        nlpseq.evaluate("out", data=renamed, data_dir="x", device="cpu")


def test_a_run_is_resumed_on_the_same_data_only(here: Path) -> None:
    metrics = train(frame())
    Path("out/metrics.json").unlink()
    with pytest.raises(UserError, match="out: was trained on data in memory"):
        nlpseq.run("out/recipe.toml", output="out", resume=True, device="cpu")
    with pytest.raises(
        UserError,
        match=r"started on other data \(train, validation, tokenizer\); resume it with the same data",
    ):
        train(frame(31), resume=True)
    assert train(frame(), resume=True)["test"] == metrics["test"]


def test_the_library_of_a_table_does_not_matter(here: Path) -> None:
    first = train(frame(), "a")
    for name, data in (
        ("b", pl.from_pandas(frame())),
        ("c", datasets.Dataset.from_pandas(frame())),
        ("d", frame().astype({"category": "category"}).convert_dtypes()),
        ("e", datasets.Dataset.from_pandas(frame()).to_iterable_dataset()),
        ("f", frame().to_dict("records")),
        ("g", {"train": frame().to_dict("list")}),
    ):
        other = train(data, name)
        assert (other["data"], other["test"]) == (first["data"], first["test"])


def test_splits_of_a_dataset_dict(here: Path) -> None:
    whole = datasets.DatasetDict(
        train=datasets.Dataset.from_pandas(frame(30)),
        dev=datasets.Dataset.from_pandas(frame(4, 50)),
    )
    metrics = train({**whole, "test": pl.from_pandas(frame(5, 70))}, data_options={"hold_out": {}})
    assert set(metrics["data"]) == {"train", "validation", "test"}
    assert (
        sum(row["support"] for row in metrics["details"]["validation"]["per_class"].values()) == 8
    )
    assert (
        nlpseq.evaluate("out", data=frame(5, 70), device="cpu")["data"] == metrics["data"]["test"]
    )
    with pytest.raises(
        UserError, match="split 'validation': the data have test"
    ):  # by its fingerprint
        nlpseq.evaluate("out", data=frame(5, 70), split="validation", device="cpu")


def test_recipes_are_compared_on_data_in_memory(here: Path) -> None:
    report = nlpseq.compare(
        "mine.toml",
        models=["gru", "rnn"],
        seeds=[1],
        data=frame(),
        columns=COLUMNS,
        output="compared",
        measure=False,
        device="cpu",
    )
    assert len(report.models) == 2
    assert report.slices


def test_folds_and_seeds_on_data_in_memory(here: Path) -> None:
    result = nlpseq.run(
        "mine.toml",
        data=frame(),
        columns=COLUMNS,
        folds=2,
        output="folds",
        device="cpu",
        data_options={"hold_out": {}},
    )
    assert result.metrics["folds"] == 2


def test_a_path_is_found_again_by_later_commands(here: Path) -> None:
    frame().to_csv("rows.csv", index=False)
    metrics = train("rows.csv")
    assert metrics["data_source"]["kind"] == "local"
    assert nlpseq.evaluate("out", device="cpu")["test"] == metrics["test"]
    assert train(Path("rows.csv"), "again")["data"] == metrics["data"]
    frame(9, 70).to_json("later.jsonl", orient="records", lines=True)
    two = train(
        {"train": "rows.csv", "test": "later.jsonl"},
        "two",
        data_options={"hold_out": {"validation": 0.1}},
    )
    assert sum(row["support"] for row in two["details"]["test"]["per_class"].values()) == 18
    datasets.Dataset.from_pandas(frame()).save_to_disk("saved")
    assert train("saved", "three")["test"] == metrics["test"]


def test_the_folder_of_a_recipe(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = here / "team" / "texts"
    texts.mkdir(parents=True)
    frame().to_csv(texts / "rows.csv", index=False)
    recipe = RECIPE.replace(
        'source = "nobody/set"', 'folder = "texts"\nfiles = { train = "rows.csv" }\nformat = "csv"'
    )
    recipe = recipe.replace(
        'hub_columns = { text = "no such column" }',
        'columns = { text = "message", label = "category" }',
    )
    (here / "team" / "r.toml").write_text(recipe)
    (here / "mine.toml").write_text('extends = "team/r.toml"\nseed = 2\n')
    metrics = nlpseq.run("mine.toml", output="out", device="cpu").metrics
    assert metrics["data_source"] == {
        "kind": "local",
        "files": dict.fromkeys(("train", "validation", "test"), ["rows.csv"]),
    }
    for name in ("recipe.toml", "config.json", "README.md", "metrics.json"):
        assert "texts" not in Path("out", name).read_text().replace('"texts"', "")
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert nlpseq.evaluate("../out", device="cpu")["test"] == metrics["test"]
    Path("../out/metrics.json").unlink()
    assert (
        nlpseq.run("../mine.toml", output="../out", resume=True, device="cpu").metrics["test"]
        == metrics["test"]
    )
    texts.rename(here / "moved")
    with pytest.raises(UserError, match="data folder ../team/texts: no such folder"):
        nlpseq.run("../mine.toml", output="third", device="cpu")
    again = nlpseq.run("../mine.toml", data_dir=here / "moved", output="third", device="cpu")
    assert again.metrics["data"] == metrics["data"]


def data_of(data: Any, recipe: str = "mine.toml", **options: Any) -> dict[str, Any]:
    """Return the section `[data]` of a recipe with data that are given."""
    given = training_data(data, recipe=recipe, **options)
    return override(read_document(recipe), given.assignments).get("data", {})  # type: ignore[no-any-return]


def test_a_dict_of_keys_is_the_section(here: Path) -> None:
    assert data_of({"files": {"train": "a"}, "format": "csv"})["format"] == "csv"
    assert data_of({})["source"] == "nobody/set"
    assert data_of(None, columns={"text": "a"})["columns"] == {"text": "a"}
    assert data_of({"labels": {"a": "b"}})["labels"] == {"a": "b"}  # a key of the task
    assert data_of({"colums": {"text": "a"}})["colums"] == {
        "text": "a"
    }  # validation says what was meant
    columns = {"text": ["a"], "name": ["b"], "label": ["c"]}  # `name` is also a key
    assert data_of(columns)["source"] == "memory"
    with pytest.raises(
        UserError, match="'files' is a key of the recipe's section .data., 'train' is none"
    ):
        data_of({"files": {"train": "a"}, "train": frame()})
    with pytest.raises(UserError, match="data.columns: is given twice"):
        data_of({"columns": {}}, columns={})
    with pytest.raises(UserError, match="unknown key data.colums"):
        nlpseq.run("mine.toml", data={"colums": {"text": "a"}})


def test_what_the_recipe_says_of_its_own_data_is_replaced(here: Path) -> None:
    own = data_of(frame(), columns=COLUMNS)
    assert own == {
        "source": "memory",
        "columns": COLUMNS,
        "hold_out": {"validation": 0.1, "test": 0.2},
    }
    shipped = data_of(frame(), "sentiment/sst2")  # its labels and files are those of its benchmark
    assert shipped == {"source": "memory"}
    assert data_of("user/set@v1", "sentiment/sst2") == {"source": "user/set@v1"}
    same = data_of("SetFit/sst2@v1", "sentiment/sst2")
    assert same["source"] == "SetFit/sst2@v1"
    assert same["labels"] == {"0": "negative", "1": "positive"}
    address = data_of("hf://datasets/user/set@v1/a.csv")
    assert (address["source"], address["format"]) == ("hf://datasets/user/set@v1/a.csv", "auto")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            "gone.csv",
            "data='gone.csv': no such file or folder, nor the id of a data set of the Hub",
        ),
        ("a/b/c", "data='a/b/c': no such file"),
        (Path("gone"), "data: gone: no such file or folder"),
        ({"train": "gone.csv"}, "gone.csv: no such file"),
        (3, "data=3: give a pandas or polars DataFrame"),
        (
            frame().rename(columns={"message": "x"}),
            "the train split has no column 'message', it has x, category, id",
        ),
        (frame().assign(message=None), "holds"),
        (
            frame().assign(message=[object()] * 60),
            "column 'message' of the train split cannot be read",
        ),
        (frame().assign(category=None), "row 1 of the train split has no 'category'"),
        ({"test": frame()}, "no train split, only test"),
    ],
)
def test_bad_data_are_said_in_one_line(here: Path, data: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        train(data)
    assert "\n" not in str(caught.value)
    assert not Path("out").exists()


@pytest.mark.parametrize("data", [[], [1], "no/file.csv", None])
def test_a_misspelt_recipe_is_reported_before_faults_of_the_data(data: Any) -> None:
    with pytest.raises(UserError, match="unknown recipe 'clasification/base'; did you mean"):
        nlpseq.run("clasification/base", data=data)
