"""Recall over a distance: losses, scores and learning."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from nlpseq.tasks.recall.task import Recall
from small import CPU, built, equal, records, split_of, train, weights

from nlpseq import model_directory
from nlpseq.data.batch import Tokens
from nlpseq.data.split import Split
from nlpseq.data.synthetic.formal_languages import draw_splits
from nlpseq.errors import UserError
from nlpseq.recipe import validate
from nlpseq.task import Cursor, Progress, Shard


def split(
    size: int = 12, view: str = "delayed_recall", distances: tuple[int, ...] = (5, 8)
) -> Split:
    rows = draw_splits(view, {"train": size}, distances)["train"]
    return split_of({name: [row[name] for row in rows] for name in rows[0]})


def make(data: Split, **sections: Any) -> Recall:
    document = {
        "task": "recall",
        "tokenization": {"add_eos": False},
        "embedding": {"dim": 6},
        "encoder": {"hidden_size": 8},
        "head": {"tied": False},
        "training": {"batch_size": 4},
        **sections,
    }
    task = Recall(validate(Recall.Config, document, "test"))  # type: ignore[arg-type]
    task.prepare({"train": data})
    return task


def by_hand(task: Recall, model: Any, row: dict[str, Any]) -> tuple[float, list[str]]:
    """Return the nll of a sequence's answers and the likeliest tokens there, token by token."""
    ids = task.tokenizer.encode(row["text"])
    state, nll, found = model.encoder.initial_state(1), 0.0, []
    previous = task.start_id
    for place, one in enumerate(ids):
        vectors = model.embedding.lookup(torch.tensor([previous]))
        outputs, state = model.encoder.step(vectors, state)
        log_probs = model.head.log_probs(outputs)[0]
        if place in row["answers"]:
            nll -= log_probs[one].item()
            found.append(task.tokenizer.vocabulary[int(log_probs.argmax())])
        previous = one
    return nll, found


@torch.no_grad()
def test_records_and_loss_are_those_of_single_steps() -> None:
    data = split()
    task = make(data)
    model = built(task).eval()
    expected = [by_hand(task, model, row) for row in data.rows]
    for record, row, (nll, found) in zip(
        records(task, model, data), data.rows, expected, strict=True
    ):
        assert record.prediction == found
        assert record.target["distances"] == row["distances"]
        right = sum(map(str.__eq__, record.target["answers"], found))
        assert record.statistics == pytest.approx((nll, 4, right), rel=1e-4)
    total = count = 0.0
    for batch in task.batches(data, training=True, seed=1, start=Cursor()):
        loss, carry = task.loss(model, batch, (), Progress())
        assert carry == ()
        total, count = total + loss.total.item(), count + loss.count.item()
    assert total == pytest.approx(sum(nll for nll, _ in expected), rel=1e-4)
    assert count == 4 * len(data)


@torch.no_grad()
def test_scores_depend_on_no_batch_size_and_share() -> None:
    data = split(11, "dyck2", (3, 9, 15))
    task, other = make(data), make(data, training={"batch_size": 1})
    model = built(task).eval()
    first, second = records(task, model, data), records(other, model, data)
    assert [one.prediction for one in first] == [one.prediction for one in second]
    parts = [records(task, model, data, shard=Shard(rank, 3)) for rank in range(3)]
    merged = sorted((one for part in parts for one in part), key=lambda one: one.index)
    for a, b, c in zip(first, second, merged, strict=True):
        assert a.statistics == pytest.approx(b.statistics, rel=1e-5)
        assert a.statistics == pytest.approx(c.statistics, rel=1e-5)


def test_only_answers_teach() -> None:
    """A gradient reaches the tokens before an answer, but no other prediction."""
    task = make(split())
    model = built(task)
    (batch, *_) = task.batches(split(), training=True, seed=1, start=Cursor())
    loss, _ = task.loss(model, batch, (), Progress())
    outputs = model.encode(batch.source).outputs
    logits = model.head.log_probs(outputs.flatten(0, 1))
    assert isinstance(batch.target, torch.Tensor)
    expected = F.nll_loss(logits, batch.target.flatten(), ignore_index=-1, reduction="sum")
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    before = weights(model)
    train(task, model, split())
    after = weights(model)
    assert not equal(before, after)


def test_an_lstm_learns_to_recall() -> None:
    data = split(400, distances=(5, 6))
    task = make(data, encoder={"hidden_size": 32}, training={"batch_size": 40})
    model = built(task)
    train(task, model, data, epochs=12, rate=0.02)
    found = records(task, model, data)
    details = task.details(found)
    accuracy = sum(one.statistics[2] for one in found) / sum(one.statistics[1] for one in found)
    assert accuracy > 3 * details["best_constant"]
    assert set(details["by_distance"]) == {"5", "6"}


def test_saved_and_loaded_gives_the_same_predictions(tmp_path: Path) -> None:
    data = split()
    task = make(data)
    model = built(task).eval()
    model_directory.save(tmp_path, task, model)
    text = data.rows[0]["text"]
    predictor = model_directory.load(tmp_path, "cpu")
    (answer,) = predictor.predict([text])
    assert answer == task.predictor(model, CPU).predict([text])[0]
    at = data.rows[0]["answers"]
    _, found = by_hand(task, model, data.rows[0])
    assert [answer.predictions[place] for place in at] == found
    assert predictor.predict([""])[0].tokens == ()


def test_a_reading_asks_for_answers_only() -> None:
    data = split(2, distances=(5,))
    task = make(data)
    reading = task.predictor(built(task), CPU).read_texts(list(data.texts("text")))
    assert reading.targets is not None
    assert reading.token_texts[0] == ["<bos>", *data.rows[0]["text"].split()]
    answered = (reading.targets[0] >= 0).nonzero().flatten().tolist()
    assert answered == data.rows[0]["answers"]
    expected = Tokens.unpadded(reading.tokens.ids).ids[0, 1:][answered]
    assert reading.targets[0, answered].tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("answers", "distances", "said"),
    [
        (
            [[9]],
            [[1]],
            "answers of sequence 1 of train are \\[9\\]: name one or more of its 3 tokens",
        ),
        ([[]], [[]], "answers of sequence 1 of train are \\[\\]"),
        ([[1, 2]], [[1]], "sequence 1 of train has 2 answers and 1 distances"),
    ],
)
def test_invalid_answers_are_refused(answers: Any, distances: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        make(split_of({"text": ["a b a"], "answers": answers, "distances": distances}))
