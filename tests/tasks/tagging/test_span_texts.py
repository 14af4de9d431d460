"""Texts with spans by offset: cut as `predict` cuts, learnt as tags, scored as spans of the raw text."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nlpseq.tasks.tagging.task import Tagging
from small import CPU, built, document_for, records, scores, train

from nlpseq import model_directory
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import validate
from tests.data.scripts import SCRIPTS

TEXTS = [
    "Ann Lee isn't in Paris. She met Bob!",
    "  Bob\nleft New York (twice).",
    "nobody",
    "Zoë e\u0301te\u0301 在北京 Ann",
]
NAMES = {
    "Ann Lee": "PER",
    "Bob": "PER",
    "Paris": "LOC",
    "New York": "LOC",
    "北京": "LOC",
    "Ann": "PER",
}


def spans_of(text: str) -> list[list[Any]]:
    found: list[list[Any]] = []
    for name, label in NAMES.items():
        start = text.find(name)
        if start >= 0 and all(
            end <= start or start + len(name) <= begin for begin, end, _ in found
        ):
            found.append([start, start + len(name), label])
    return found


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    import json

    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / name).write_text(content, encoding="utf-8")


def load(folder: Path, column: str = "label", **sections: Any) -> tuple[Tagging, dict[str, Split]]:
    """Write the texts to files, and return a prepared task and its splits."""
    rows = [{"id": n, "text": text, column: spans_of(text)} for n, text in enumerate(TEXTS * 3)]
    write(folder, "t.jsonl", rows)
    data = {"format": "jsonl", "files": {"train": "t.jsonl", "test": "t.jsonl"}}
    data |= {"hold_out": {"validation": 0.0}, **sections.pop("data", {})}
    document = document_for("ner", data=data, **sections)
    task = Tagging(validate(Tagging.Config, document, "test"))
    splits = task.load_training_splits(folder)
    task.prepare(splits)
    return task, splits


@pytest.mark.parametrize("column", ["label", "spans", "entities", "labels"])
def test_spans_are_learnt_and_scored_on_the_raw_text(column: str, tmp_path: Path) -> None:
    task, splits = load(tmp_path, column)
    assert task.fields == task.text_fields + ("spans",) == ("text", "spans")
    assert task.scheme == "BIO"
    assert "train: 21 spans of 2 types in 12 texts" in task.notes
    assert any("data.pretokenized = false: raw text" in note for note in task.notes)
    test, model = splits["test"], built(task)
    train(task, model, splits["train"], epochs=25)
    assert scores(task, model, test)["f1"] == 1
    found = records(task, model, test)
    assert [record.index for record in found] == list(range(12))
    for record, text in zip(found, TEXTS * 3, strict=True):
        assert record.target == sorted(spans_of(text))
        assert record.prediction == record.target
    assert set(task.details(found)["per_type"]) == {"PER", "LOC"}
    assert task.perfect_scores(found)["f1"] == 1
    names = [baseline.name for baseline in task.baselines(splits)]
    assert names == ["most_frequent_tag", "crf_features"]
    for baseline in task.baselines(splits):
        rows = list(baseline.records(test))
        assert [row.target for row in rows] == [record.target for record in found]
        assert len(rows[0].statistics) == len(found[0].statistics)


@pytest.fixture(
    scope="module", params=[("word", "BIOES"), ("bpe", "BIO"), ("character", "BIOES")], ids=str
)
def tagger(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any]:
    kind, scheme = request.param
    folder = tmp_path_factory.mktemp("spans")
    tokens = {"kind": kind, "vocabulary_size": 150}
    task, splits = load(folder, tokenization=tokens, head={"scheme": scheme})
    model = built(task)
    train(task, model, splits["train"], epochs=6)
    model_directory.save(folder / "model", task, model)
    return task, model, model_directory.load(folder / "model", "cpu")


def split_of(texts: list[str], spans: list[list[Any]]) -> Split:
    from datasets import Dataset

    rows = [[{"start": b, "end": e, "label": label} for b, e, label in row] for row in spans]
    return Split("test", Dataset.from_dict({"text": texts, "spans": rows}), "here")


texts = st.lists(
    st.lists(
        st.sampled_from([*TEXTS, "Ann", " Bob", "\n", ".", "\u2028"])
        | st.text(SCRIPTS, max_size=8),
        max_size=4,
    ).map("".join),
    min_size=1,
    max_size=3,
)


@given(texts)
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
def test_evaluate_and_predict_agree(tagger: Any, data: list[str]) -> None:
    task, model, predictor = tagger
    found = records(task, model, split_of(data, [[] for _ in data]))
    for record, prediction in zip(found, predictor.predict(data), strict=True):
        entities = [[one.start, one.end, one.type] for one in prediction.entities]
        assert record.prediction == entities
        assert record.statistics[3] == len(entities)


def test_shards_and_limits_score_whole_texts(tagger: Any) -> None:
    from nlpseq.task import Shard

    task, model, _ = tagger
    split = split_of(TEXTS, [spans_of(text) for text in TEXTS])
    whole = records(task, model, split)
    parts = [r for rank in range(2) for r in records(task, model, split, shard=Shard(rank, 2))]
    assert sorted(parts, key=lambda record: record.index) == whole
    assert records(task, model, split, limit=2) == whole[:2]


def test_a_restored_model_reads_texts_again(tagger: Any, tmp_path: Path) -> None:
    task, model, _ = tagger
    model_directory.save(tmp_path, task, model)
    restored = model_directory.load_task(tmp_path)
    assert restored.fields == ("text", "spans")
    split = split_of(TEXTS, [spans_of(text) for text in TEXTS])
    assert records(restored, model, split) == records(task, model, split)


def test_offsets_in_bytes_are_refused_and_converted(tmp_path: Path) -> None:
    def offset(text: str, index: int) -> int:
        return len(text[:index].encode())

    rows = [
        {
            "text": text,
            "spans": [[offset(text, b), offset(text, e), label] for b, e, label in spans_of(text)],
        }
        for text in ["Größe für Ann Lee", "è Bob in Paris", "Ü: New York, Ann"]
    ]
    write(tmp_path, "b.jsonl", rows)
    files = {"train": "b.jsonl"}
    with pytest.raises(UserError, match="in bytes of UTF-8.*data.offsets = 'bytes'"):
        load(tmp_path, data={"files": files})
    task, splits = load(tmp_path, data={"files": files, "offsets": "bytes"})
    found = records(task, built(task), splits["train"])
    assert [len(record.target) for record in found] == [1, 2, 2]
    text = rows[0]["text"]
    assert [text[b:e] for b, e, _ in found[0].target] == ["Ann Lee"]


def test_gold_spans_that_tags_cannot_say_are_missed(tmp_path: Path) -> None:
    text = "Ann Lees house"
    write(tmp_path, "c.jsonl", [{"text": text, "spans": [[4, 7, "PER"]]}] * 6)
    task, splits = load(tmp_path, data={"files": {"train": "c.jsonl"}})
    assert any("6 spans (100.0%) begin or end inside a word" in note for note in task.notes)
    model = built(task)
    train(task, model, splits["train"], epochs=40)
    (record, *_) = records(task, model, splits["train"])
    assert record.target == [[4, 7, "PER"]]
    assert record.prediction == [[4, 8, "PER"]]
    assert record.statistics[2] == 0


def test_texts_that_are_cut_already(tmp_path: Path) -> None:
    write(tmp_path, "d.jsonl", [{"text": "Ann isn't here . Bob", "spans": [[0, 3, "PER"]]}] * 4)
    task, splits = load(tmp_path, data={"files": {"train": "d.jsonl"}, "pretokenized": True})
    assert task.words(splits["train"])[0] == ["Ann", "isn't", "here", ".", "Bob"]
    predictor = task.predictor(built(task), CPU)
    (prediction,) = predictor.predict(["Ann isn't here . Bob"], pretokenized=True)
    assert len(prediction.tokens) == 5


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([{"text": "a", "spans": None}], {}, "row 1 of the train split has no 'spans'"),
        ([{"text": "a", "spans": []}], {}, "train has no entity, its spans are empty"),
        ([{"text": "a", "other": []}], {}, "no column 'tokens', it has text, other"),
        ([{"text": "a", "spans": [[0, 5, "X"]]}], {}, "row 1 .* no part of the text of 1 char"),
        (
            [{"text": "ab", "spans": [[0, 2, "X"], [0, 1, "Y"]]}],
            {"nested_spans": "error"},
            "row 1 .* 0:1 'Y' overlaps",
        ),
        (
            [{"text": "a", "label": "x"}],
            {"columns": {"spans": "label"}},
            "row 1 .*'label' is 'x', not a list of spans",
        ),
    ],
)
def test_bad_spans_are_reported(
    rows: list[dict[str, Any]], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write(tmp_path, "e.jsonl", rows)
    with pytest.raises(UserError, match=said):
        load(tmp_path, data={"files": {"train": "e.jsonl"}, **options})
    if "Y" not in said:
        return
    with pytest.raises(UserError, match="head.scheme = 'none'"):
        load(tmp_path, data={"files": {"train": "e.jsonl"}}, head={"scheme": "none"})


def test_predictions_are_written_in_a_form_that_is_read_again(tagger: Any, tmp_path: Path) -> None:
    from nlpseq.readers import read_files
    from nlpseq.reporting.predictions import render

    _, _, predictor = tagger
    predictions = predictor.predict(TEXTS)
    content = "".join(render([predictions], "spans", explain=False, terminal=False))
    (tmp_path / "p.jsonl").write_text(content, encoding="utf-8")
    table = read_files(tmp_path, "p.jsonl", "spans").table
    assert table.column("text").to_pylist() == TEXTS
    for row, prediction in zip(table.column("spans").to_pylist(), predictions, strict=True):
        found = [(span["start"], span["end"], span["label"]) for span in row]
        assert found == [(one.start, one.end, one.type) for one in prediction.entities]


@pytest.mark.parametrize("kind", ["crf", "softmax"])
def test_calibrated_spans_have_the_confidences_of_predict(tmp_path: Path, kind: str) -> None:
    files = dict.fromkeys(("train", "validation", "test"), "t.jsonl")
    head = {"kind": kind, "calibrate": True}
    task, splits = load(tmp_path, data={"files": files}, head=head)
    model = built(task)
    train(task, model, splits["train"], epochs=2)
    (note,) = task.fit_to_validation(model.eval(), splits["validation"], device=CPU)
    assert task.temperature != 1
    scored = records(task, model, splits["test"])
    answers = task.predictor(model, CPU).predict(TEXTS * 3)
    for record, answer in zip(scored, answers, strict=True):
        found = [[entity.start, entity.end, entity.type] for entity in answer.entities]
        assert record.prediction == found
        sure = [entity.confidence for entity in answer.entities]
        assert record.confidences == pytest.approx(sure, abs=1e-6)
    error = task.further_scores(scored)["calibration_error"]
    assert note.endswith(f"{error:.3f} after")
