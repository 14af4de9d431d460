"""The Hub's own reader parses the model card."""

import math
import re
import tomllib
from typing import Any

from huggingface_hub import ModelCard

import nlpseq
from nlpseq.reporting.model_card import model_card

RECIPE: dict[str, Any] = {
    "task": "language_modeling",
    "seed": 13,
    "data": {
        "source": "builtin",
        "name": None,
        "revision": None,
        "view": "text",
        "sizes": {"train": 5},
    },
    "encoder": {"kind": "gru", "hidden_size": 8},
    "training": {"betas": [0.9, 0.99], "learning_rate": 1e-5},
}
METRICS: dict[str, Any] = {
    "splits": ["validation", "test"],
    "validation": {"perplexity": 9.9, "tokens": 10},
    "test": {
        "perplexity": 10.5,
        "tokens": 20,
        "floor_perplexity": 8.0,
        "bits_per_character": math.inf,
    },
    "seed": 13,
    "seconds": 12.0,
    "tokens": 1000,
    "tokens_per_second": 83.3,
    "steps": 7,
    "epochs": 1.0,
    "parameters": {"total": 100, "encoder": 60, "embedding": 40},
    "versions": {"nlpseq": "0.1.0", "torch": "2.13.0"},
}


def card(run: str = "language_modeling/quickstart", **data: Any) -> ModelCard:
    recipe = RECIPE | {"data": RECIPE["data"] | data}
    return ModelCard(model_card(recipe, run, METRICS, ["the old man", "```\na fence"]))


def test_metadata_are_the_hubs() -> None:
    data = card().data
    assert data.library_name == "nlpseq"
    assert data.pipeline_tag == "text-generation"
    assert data.model_name == "language_modeling/quickstart"
    assert data.tags == ["nlpseq", "gru"]
    assert data.get("license") is None
    assert data.datasets is None
    found = {(r.dataset_split, r.metric_type): r.metric_value for r in data.eval_results}
    assert found == {("validation", "perplexity"): 9.9, ("test", "perplexity"): 10.5}
    assert {r.task_type for r in data.eval_results} == {"text-generation"}
    assert {r.dataset_type for r in data.eval_results} == {"builtin"}


def test_a_hub_data_set_is_linked() -> None:
    data = card(source="Salesforce/wikitext", name="wikitext-2-v1").data
    assert data.datasets == ["Salesforce/wikitext"]
    assert {r.dataset_config for r in data.eval_results} == {"wikitext-2-v1"}
    assert card(source="ptb").data.datasets is None


def test_no_score_no_results() -> None:
    metrics = METRICS | {"splits": []}
    assert ModelCard(model_card(RECIPE, "x.toml", metrics)).data.eval_results is None


def test_text_has_command_scores_samples_and_a_recipe_that_parses() -> None:
    text = card().text
    assert "nlpseq run language_modeling/quickstart seed=13\n" in text
    assert "| perplexity | 9.900 | 10.50 |" in text
    assert "| best possible perplexity |  | 8.000 |" in text
    assert "nlpseq.load(" in text
    assert nlpseq.__version__ in text
    assert "100 (encoder 60, embedding 40)" in text
    assert "the old man" in text
    assert "````text\nthe old man" in text
    resolved = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert resolved is not None
    document = tomllib.loads(resolved[1])
    assert document["training"] == RECIPE["training"]
    assert "revision" not in document["data"]


def test_a_model_of_a_users_own_cell_names_the_file_that_it_needs() -> None:
    encoder = {**RECIPE["encoder"], "kind": "my_cells.py:Peephole"}
    text = model_card({**RECIPE, "encoder": encoder}, "x.toml", METRICS)
    assert "nlpseq run x.toml seed=13 --code my_cells.py\n" in text
    assert "nlpseq.load(\".\", code=['my_cells.py'])" in text


def test_scores_are_in_percent_and_the_command_has_its_overrides() -> None:
    metrics = METRICS | {
        "test": {"accuracy": 0.875, "tokens": 20},
        "validation": {"accuracy": 0.5},
        "overrides": ["training.epochs=1", "data.sizes={ train = 9 }"],
        "epochs": 2.5,
    }
    text = model_card(RECIPE, "x", metrics)
    assert "| accuracy (%) | 50.00 | 87.50 |" in text
    assert "nlpseq run x training.epochs=1 'data.sizes={ train = 9 }' seed=13\n" in text
    assert "| length | 7 steps, 2.5 epochs |" in text
    assert "seed=13" not in model_card(RECIPE, "x", metrics | {"overrides": ["seed=4"]})


def test_a_recipe_file_is_named_without_its_folder() -> None:
    assert card("/home/someone/my_recipe.toml").data.model_name == "my_recipe"
    assert "/home/someone" not in str(card("/home/someone/my_recipe.toml"))


def test_scores_by_class_are_those_of_the_last_split() -> None:
    scores = {"precision": 0.75, "recall": 0.5, "f1": 0.6, "support": 1234}
    details = {
        "validation": {"per_type": {"unseen": scores}},
        "test": {"per_type": {"PER": scores, "a|b": scores}},
    }
    text = model_card(RECIPE, "x", METRICS | {"details": details}, hub_task="token-classification")
    assert (
        "### test by type\n\n| type | precision (%) | recall (%) | F1 (%) | support |\n|---|---:|"
        in text
    )
    assert "| PER | 75.00 | 50.00 | 60.00 | 1,234 |\n" in text
    assert "| a\\|b | " in text
    assert "unseen" not in text
    assert ModelCard(text).data.pipeline_tag == "token-classification"
    assert " by " not in card().text.partition("## Use")[0].partition("## Scores")[2]


def test_local_files_are_named_without_their_folders() -> None:
    source = {"kind": "local", "files": {"train": ["a.csv"], "test": ["/home/ann/b.csv", "a.csv"]}}
    overrides = ['data.files={train="/home/ann/my data/a.csv"}', "embedding.pretrained=/opt/v.txt"]
    recipe = RECIPE | {
        "data": RECIPE["data"]
        | {"source": "nobody/set", "files": {"train": "/home/ann/my data/a.csv"}}
    }
    metrics = METRICS | {"data_source": source, "overrides": overrides}
    written = model_card(recipe, "/home/ann/mine.toml", metrics)
    assert "/home" not in written
    assert "/opt" not in written
    assert "on local files (a.csv, b.csv)" in written
    assert "embedding.pretrained=v.txt" in written
    assert "--data-dir DIR" in written
    data = ModelCard(written).data
    assert data.datasets is None  # the recipe's data set of the Hub was not used
    assert {(r.dataset_type, r.dataset_name) for r in data.eval_results} == {
        ("local", "local files (a.csv, b.csv)")
    }
