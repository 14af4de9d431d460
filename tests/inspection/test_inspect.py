"""`nlpseq inspect`: trained and fresh models from the command line and from Python; bad input in one line."""

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import nlpseq
from nlpseq import model_directory, recipe
from nlpseq.cli.main import main
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import validate
from nlpseq.task_lookup import resolve

LONG = "language_modeling/long_dependencies/delayed_recall"
SMALL = [
    "data.sizes={ train = 64, validation = 8, test = 16 }",
    "data.distances=[5, 9]",
    "encoder.hidden_size=8",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a short run of recall, copy it, and save untrained models of other tasks."""
    folder = tmp_path_factory.mktemp("runs")
    words = [LONG, *SMALL, "training.max_steps=2", "training.log_steps=1", "--device", "cpu"]
    assert main(["run", *words, "--output", str(folder / "lstm")]) == 0
    shutil.copytree(folder / "lstm", folder / "again")
    save(folder / "hierarchical", "sentiment", {"kind": "hierarchical", "hidden_size": 3})
    save(
        folder / "attending",
        "sentiment",
        {"kind": "gru", "hidden_size": 4, "bidirectional": True},
        head={"pooling": "attention"},
    )
    save(
        folder / "transformer",
        "ner",
        {"kind": "transformer", "hidden_size": 8, "num_heads": 2, "num_layers": 1},
    )
    save(
        folder / "translation",
        "translation",
        {"kind": "lstm", "hidden_size": 4, "bidirectional": True},
    )
    return folder


ROWS: dict[str, list[dict[str, Any]]] = {
    "sentiment": [{"text": "a good film .", "label": "x"}, {"text": "a bad one", "label": "y"}],
    "ner": [{"tokens": ["Ann", "met", "Bob"], "tags": ["B-PER", "O", "B-PER"]}],
    "translation": [{"source": "a good film", "target": "ein guter Film"}],
}


def save(folder: Path, kind: str, encoder: dict[str, Any], **sections: Any) -> None:
    from datasets import Dataset

    name = recipe.read_document(f"{kind}/quickstart")["task"]
    document = {"task": name, "embedding": {"dim": 5}, "encoder": encoder, **sections}
    task: Any = resolve(name)(validate(resolve(name).Config, document, "test"))
    task.prepare({"train": Split("train", Dataset.from_list(ROWS[kind]), "test")})
    torch.manual_seed(0)
    model_directory.save(folder, task, task.build())


def pictures(folder: Path) -> list[str]:
    found = sorted(file.stem for file in folder.glob("*.png"))
    page = (folder / "index.html").read_text(encoding="utf-8")
    light, dark = (
        [base64.b64decode(data) for data in re.findall(f'class="{theme}"[^>]*base64,([^"]*)', page)]
        for theme in ("light", "dark")
    )
    assert {*light} == {(folder / f"{name}.png").read_bytes() for name in found}
    assert len(light) == len(dark) == len(found)
    return found


def test_an_inspection_of_two_runs_is_complete(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        str(runs / "again"),
        str(runs / "lstm"),
        "--max-distance",
        "8",
        "--output",
        str(tmp_path),
    ]
    assert main(["inspect", *words]) == 0
    assert pictures(tmp_path) == [
        "accuracy_by_distance",
        "clipping-again",
        "clipping-lstm",
        "gates-again-layer1",
        "gates-lstm-layer1",
        "gradient_flow",
    ]
    numbers = json.loads((tmp_path / "inspection.json").read_text())["models"]
    assert set(numbers) == {"again", "lstm"}
    metrics = json.loads((runs / "again" / "metrics.json").read_text())
    assert numbers["again"]["by_distance"] == metrics["details"]["test"]["by_distance"]
    assert len(numbers["lstm"]["gradient_flow"]["norms"]) == 9
    assert len(numbers["lstm"]["spectral_radii"]) == 4
    printed = capsys.readouterr().out
    assert "Gradient flow" in printed
    assert str(tmp_path / "index.html") in printed
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "nlpseq inspect" in page
    assert not re.search(r"https?:|href=|<script", page)


def test_a_single_run_keeps_its_inspection(runs: Path) -> None:
    assert (
        main(["inspect", str(runs / "lstm"), "--gates", "--text", "a b ? a b", "--text", "c"]) == 0
    )
    assert pictures(runs / "lstm" / "inspection") == [
        "gates-lstm-text1-layer1",
        "gates-lstm-text2-layer1",
    ]


@pytest.mark.parametrize(
    ("name", "parts", "expected"),
    [
        ("attending", ["--attention"], ["attention-attending-pooling"]),
        ("attending", ["--gates"], ["gates-attending-layer1", "gates-attending-layer1-backward"]),
        (
            "hierarchical",
            ["--attention"],
            [f"attention-hierarchical-{x}" for x in ("pooling", "sentences")],
        ),
        (
            "transformer",
            ["--attention"],
            [f"attention-transformer-layer-{n}-head-{m}" for n in [1] for m in (1, 2)],
        ),
        ("transformer", ["--gradients"], ["gradient_flow"]),
        (
            "translation",
            [],
            [
                "attention-translation-decoder",
                "gates-translation-layer1",
                "gates-translation-layer1-backward",
                "gradient_flow",
            ],
        ),
    ],
)
def test_models_of_every_task(
    name: str, parts: list[str], expected: list[str], runs: Path, tmp_path: Path
) -> None:
    text = "Ann met Bob ." if name == "transformer" else "a good film"
    assert (
        main(["inspect", str(runs / name), *parts, "--text", text, "--output", str(tmp_path)]) == 0
    )
    assert pictures(tmp_path) == expected


def test_a_reading_spells_every_token(runs: Path) -> None:
    texts = ["a good film .", "Ann met Bob . she left ."]
    for folder in runs.iterdir():
        predictor = nlpseq.load(folder, "cpu")
        tokens, token_texts, targets = predictor.read_texts(texts)
        assert list(map(len, token_texts)) == tokens.lengths.tolist()
        assert predictor.model.encode(tokens).outputs.shape[:2] == tokens.ids.shape
        assert targets is None or targets.shape == tokens.ids.shape


def test_fresh_models_from_python(tmp_path: Path) -> None:
    found = nlpseq.inspect(
        LONG,
        models=["rnn-identity", "mingru"],
        parts=["gradients"],
        distance=8,
        output=tmp_path,
        device="cpu",
        data={"sizes": {"train": 16, "validation": 4, "test": 4}, "distances": [9]},
        encoder={"hidden_size": 6},
    )
    assert list(found.numbers) == ["rnn-identity", "mingru"]
    flow = found.numbers["rnn-identity"]["gradient_flow"]
    assert flow["of"] == "states"
    assert found.numbers["rnn-identity"]["spectral_radii"] == {"layer 1": 1.0}
    assert found.page == tmp_path / "index.html"
    html = found._repr_html_()
    assert "<h2>Gradient flow through time</h2>" in html
    assert html.count("data:image/png;base64,") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a run or a recipe"),
        (["nowhere"], "nowhere: no such folder; nor is it a recipe"),
        (
            ["language_modelling/quickstart"],
            "nor is it a recipe; did you mean 'language_modeling/quickstart'",
        ),
        (["{again}", "encoder.kind=gru"], "encoder.kind=gru: applies to recipes only"),
        (["{again}", "--models", "gru"], "--models gru: applies to recipes only"),
        (
            [LONG, "--models", "lstn"],
            "--models lstn: unknown model; available: rnn, .*; did you mean 'lstm'",
        ),
        ([LONG, "--models", "my_cells.py:Cell"], "on request; give --code my_cells.py"),
        ([LONG, "--models", "rnn,rnn"], "write different names"),
        ([LONG, "encoder.kin=gru"], "unknown key encoder.kin; did you mean 'encoder.kind'"),
        (["{again}", "{again}"], "is given twice"),
        (["{again}", "--attention"], "--attention: not available for again: it has no attention"),
        (
            ["{transformer}", "--gates", "--text", "Ann"],
            "--gates: not available for transformer: its encoder is not",
        ),
        (["{transformer}", "--distances"], "--distances: not available for transformer"),
        (["{again}", "--text", " "], "--text is empty"),
        (["{again}", "--output", "{again}/metrics.json"], "is a file; name a folder"),
        (["{again}", "--max-distance", "0"], "write a whole number above 0"),
        (["{again}", "--gradient"], "unknown option '--gradient'; did you mean '--gradients'"),
        (
            ["{transformer}", "--data-dir", "nodir"],
            "transformer has no text to read: .*or give --text",
        ),
    ],
)
def test_bad_input_is_one_line(
    words: list[str],
    said: str,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {path.name: str(path) for path in runs.iterdir()}
    assert (
        main(["inspect", *(word.format(**places) if "{" in word else word for word in words)]) == 2
    )
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(said, error), error


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(UserError, match="parts: unknown part 'gate'; available: gradients"):
        nlpseq.inspect(LONG, parts=["gate"])
