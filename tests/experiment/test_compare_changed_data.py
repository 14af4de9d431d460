"""A comparison uses stored predictions, and says where the data have changed since."""

import json
from pathlib import Path

import nlpseq
from nlpseq.analysis.comparison import Report
from nlpseq.experiment.run import run

SMALL = [
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "training.max_steps=3",
    "training.batch_size=4",
]


def write(path: Path, count: int, start: int = 0) -> None:
    rows = (
        {"text": f"note {n} of many", "label": "ab"[n % 2]} for n in range(start, start + count)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_changed_data_are_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write(data / "train", 24)
    write(data / "test", 12, start=50)
    (tmp_path / "r.toml").write_text('task = "classification"\n')
    files = ['data.files={train="train", validation="test", test="test"}', "data.format=jsonl"]
    for name, rate in (("one", "0.1"), ("two", "0.01")):
        run(
            str(tmp_path / "r.toml"),
            [*SMALL, *files, f"training.learning_rate={rate}"],
            data_dir=data,
            output=tmp_path / name,
            device="cpu",
        )

    def compare() -> Report:
        return nlpseq.compare(
            tmp_path / "one", tmp_path / "two", output=tmp_path / "report", samples=50
        )

    unchanged = compare()
    assert set(unchanged.slices) == {"input length (words)", "rarest input word"}
    assert not [note for note in unchanged.notes if "changed" in note]
    write(data / "train", 23)
    trained = compare()
    assert set(trained.slices) == {"input length (words)"}
    assert [note for note in trained.notes if note.startswith("The train split has changed since")]
    write(data / "test", 11, start=50)
    scored = compare()
    assert not scored.slices
    (note,) = [note for note in scored.notes if "has changed since" in note]
    assert note.startswith("The stored predictions are compared")
    assert [model.values for model in scored.models] == [model.values for model in unchanged.models]
