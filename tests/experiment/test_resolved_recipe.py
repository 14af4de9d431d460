"""recipe.toml of a run holds how its texts were cut, and repeats the run exactly."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from nlpseq.errors import UserError
from nlpseq.experiment.run import run
from nlpseq.task_lookup import read_recipe

SMALL = [
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "training.max_steps=3",
    "training.batch_size=4",
]
TEXTS = [
    "it's well made, isn't it?",
    "dull; not for me.",
    "a fine, quiet film!",
    "no thanks (never).",
]
WORDS = ["Ann", "went", "to", "New", "York", "."]
TAGS = ["B-PER", "O", "O", "B-LOC", "I-LOC", "O"]


def write(folder: Path, kind: str) -> list[str]:
    """Write a small data set, and return the overrides that read it."""
    rows: list[dict[str, Any]] = [
        {"text": text, "label": str(n % 2)} for n, text in enumerate(TEXTS * 4)
    ]
    if kind == "lists":
        rows = [{"text": row["text"].split(), "label": row["label"]} for row in rows]
    if kind == "tags":
        rows = [{"tokens": WORDS, "tags": TAGS} for _ in range(16)]
    if kind == "pairs":
        rows = [{"source": text, "target": text[:9]} for text in TEXTS * 4]
    if kind == "lines":
        (folder / "t").write_text("\n".join(TEXTS * 8) + "\n")
        return ['data.files={train="t", validation="t"}', "data.format=lines"]
    (folder / "t").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ['data.files={train="t", validation="t", test="t"}', "data.format=jsonl"]


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("task", "kind", "further", "pretokenized", "split"),
    [
        ("classification", "texts", [], False, "words"),
        ("classification", "texts", ["tokenization.kind=bpe"], False, None),
        ("classification", "texts", ["tokenization.split=whitespace"], False, "whitespace"),
        ("classification", "texts", ["data.pretokenized=true"], True, None),
        ("classification", "lists", [], True, None),
        ("tagging", "tags", [], True, None),
        ("translation", "pairs", ["decoder.hidden_size=8"], False, "words"),
        ("language_modeling", "lines", ["training.bptt_length=8"], False, "whitespace"),
        ("language_modeling", "lines", ["tokenization.kind=character"], False, None),
    ],
)
def test_the_recipe_of_a_run_holds_its_cutting_and_repeats_it(
    tmp_path: Path, task: str, kind: str, further: list[str], pretokenized: bool, split: str | None
) -> None:
    (tmp_path / "r.toml").write_text(f'task = "{task}"\n')
    overrides = [*write(tmp_path, kind), *SMALL, *further]
    out, again = tmp_path / "out", tmp_path / "again"
    run(str(tmp_path / "r.toml"), overrides, data_dir=tmp_path, output=out, device="cpu")
    stored = read_recipe(str(out / "recipe.toml"))
    assert stored.data.pretokenized is pretokenized
    assert stored.tokenization.split == split
    run(str(out / "recipe.toml"), output=again, device="cpu")
    assert (again / "recipe.toml").read_bytes() == (out / "recipe.toml").read_bytes()
    assert digest(again) == digest(out)
    for name in ("tokenizer.json", "history.jsonl", "README.md"):
        assert (again / name).exists()
    assert (again / "tokenizer.json").read_bytes() == (out / "tokenizer.json").read_bytes()
    resumed = run(
        str(tmp_path / "r.toml"),
        overrides,
        data_dir=tmp_path,
        output=out,
        device="cpu",
        resume=True,
    )
    assert resumed.metrics["steps"] == 3


def test_a_run_is_not_resumed_with_another_cutting(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('task = "classification"\n')
    overrides, out = [*write(tmp_path, "texts"), *SMALL], tmp_path / "out"
    options: dict[str, Any] = {"data_dir": tmp_path, "output": out, "device": "cpu"}
    run(str(tmp_path / "r.toml"), [*overrides, "data.pretokenized=true"], **options)
    (out / "metrics.json").unlink()
    with pytest.raises(UserError, match="was started with data.pretokenized = True, now .* False"):
        run(str(tmp_path / "r.toml"), overrides, resume=True, **options)
    with pytest.raises(UserError, match="started with another recipe"):
        run(str(tmp_path / "r.toml"), [*overrides, "embedding.dropout=0.1"], resume=True, **options)
