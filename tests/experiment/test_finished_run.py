"""A finished run keeps what it needs: no checkpoints unless asked, and untrained vectors once, in half precision."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import nlpseq
from nlpseq.errors import UserError
from nlpseq.experiment.evaluate import evaluate
from nlpseq.experiment.run import run

SMALL = [
    "data.sizes={ train = 60, validation = 20, test = 20 }",
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "training.max_steps=6",
    "training.validate_steps=2",
    "evaluation.baselines=false",
]
EXTENSION = "embedding.tokens.extension"


def train(folder: Path, *overrides: str, **options: Any) -> Any:
    return run("sentiment/quickstart", [*SMALL, *overrides], output=folder, device="cpu", **options)


@pytest.fixture
def vectors(tmp_path: Path) -> str:
    """Write vectors of words of train, and of 200 others."""
    rows = torch.randn(210, 8, generator=torch.Generator().manual_seed(0))
    words = ["the", "was", "and", "not", "it", "a", "very", "is", "in", "film"]
    words += [f"unheard{number}" for number in range(200)]
    lines = (
        f"{word} {' '.join(f'{value:.5f}' for value in row.tolist())}\n"
        for word, row in zip(words, rows, strict=True)
    )
    (tmp_path / "vectors.txt").write_text("".join(lines))
    return f"embedding.pretrained={tmp_path / 'vectors.txt'}"


def test_checkpoints_are_deleted_at_the_end_unless_they_are_kept(tmp_path: Path) -> None:
    train(tmp_path / "plain")
    train(tmp_path / "kept", "training.keep_checkpoints=true")
    assert not (tmp_path / "plain" / "checkpoints").exists()
    assert list((tmp_path / "kept" / "checkpoints").glob("step-*"))
    for name in ("model.safetensors", "predictions/test.jsonl"):
        plain, kept = (tmp_path / folder / name for folder in ("plain", "kept"))
        assert plain.read_bytes() == kept.read_bytes()


def test_checkpoints_that_a_kill_has_left_are_deleted_on_resume(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(folder)
    (folder / "checkpoints" / "step-00000006").mkdir(parents=True)
    assert train(folder, resume=True).metrics["steps"] == 6
    assert not (folder / "checkpoints").exists()


def test_kept_checkpoints_extend_a_finished_run(tmp_path: Path) -> None:
    """The recipe of the run is changed, metrics.json is deleted, and the run resumed."""
    options = ["training.keep_checkpoints=true", "training.schedule=constant"]
    folder, longer = tmp_path / "run", tmp_path / "longer"
    train(longer, *options, "training.max_steps=10")
    train(folder, *options)
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(recipe.replace("max_steps = 6", "max_steps = 10"))
    (folder / "metrics.json").unlink()
    metrics = train(folder, *options, "training.max_steps=10", resume=True).metrics
    assert metrics["steps"] == 10
    weights = [load_file(path / "model.safetensors") for path in (folder, longer)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_vectors_that_only_extend_the_vocabulary_are_stored_once_and_in_half_precision(
    tmp_path: Path, vectors: str
) -> None:
    folder = tmp_path / "run"
    train(folder, vectors, "training.keep_checkpoints=true")
    stored = load_file(folder / "model.safetensors")
    assert stored[EXTENSION].dtype is torch.float16
    assert len(stored[EXTENSION]) >= 200
    checkpoints = [*folder.glob("checkpoints/*/model.safetensors")]
    assert checkpoints
    assert all(EXTENSION not in load_file(path) for path in checkpoints)
    records = (folder / "predictions" / "test.jsonl").read_bytes()
    evaluate(folder, device="cpu")
    assert (folder / "evaluations" / "test.predictions.jsonl").read_bytes() == records


def test_predictions_of_words_that_only_the_vectors_have_are_those_of_training(
    tmp_path: Path, vectors: str
) -> None:
    """Test is made of such words, so the records of the run depend on the extension."""
    rows = [("good film", "positive"), ("bad film", "negative")] * 30
    test = [(f"unheard{number} unheard{number + 1}", "positive") for number in range(20)]
    data = tmp_path / "data"
    data.mkdir()
    for split, pairs in {"train": rows, "validation": rows[:10], "test": test}.items():
        lines = (json.dumps({"text": text, "label": label}) for text, label in pairs)
        (data / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    folder = tmp_path / "run"
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        'task = "classification"\n[data]\nformat = "jsonl"\nfiles = { train = "train.jsonl", '
        'validation = "validation.jsonl", test = "test.jsonl" }\n'
    )
    overrides = [*SMALL[1:], vectors, "encoder.kind=lstm"]
    run(str(recipe), overrides, output=folder, device="cpu", data_dir=data)
    records = [json.loads(line) for line in (folder / "predictions/test.jsonl").open()]
    predicted = nlpseq.load(folder).predict([text for text, _ in test])
    recorded = [record["prediction"] for record in records]
    assert [p.label for p in predicted] == [prediction["label"] for prediction in recorded]
    confidences = [p.confidence for p in predicted]
    assert len(set(confidences)) > 10
    assert confidences == pytest.approx([p["confidence"] for p in recorded], abs=1e-6)


def test_a_model_of_an_earlier_version_keeps_its_full_precision(
    tmp_path: Path, vectors: str
) -> None:
    folder = tmp_path / "run"
    train(folder, vectors)
    stored = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(1)
    stored[EXTENSION] = torch.randn(stored[EXTENSION].shape, generator=generator)
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config.pop("sha256", None)
    (folder / "config.json").write_text(json.dumps(config))
    model = nlpseq.load(folder).model
    assert torch.equal(model.embedding.tokens.extension, stored[EXTENSION])


def test_resume_refuses_other_vectors(tmp_path: Path, vectors: str) -> None:
    folder = tmp_path / "run"
    options = [vectors, "training.keep_checkpoints=true"]
    train(folder, *options)
    for path in folder.iterdir():
        if path.name not in ("recipe.toml", "data.json", "history.jsonl", "checkpoints"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    file = tmp_path / "vectors.txt"
    file.write_text(file.read_text().replace("unheard7 ", "unheard7 9"))
    with pytest.raises(UserError, match="embedding.pretrained"):
        train(folder, *options, resume=True)
