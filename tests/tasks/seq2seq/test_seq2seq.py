"""Translation and summarization both learn, evaluate, save and attend."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small import CPU, TAGGING_ENCODERS, built, encoder, equal, records, split_of, train, weights
from small_pairs import BOTH, PAIRS, TOYS, fall, make, pairs, toy

from nlpseq import model_directory
from nlpseq.errors import UserError
from nlpseq.experiment.evaluate import evaluate
from nlpseq.experiment.run import run
from nlpseq.task import Cursor, Progress, Shard

ATTENTIONS = ["additive", "dot", "general", "scaled_dot", "multi_head", "location", "coverage"]
SEPARATE = {"tokenization": {"joint": False}}
FORMS: dict[str, dict[str, Any]] = {
    "three-way tied": {},
    "joint, apart": {"head": {"shared": False}},
    "joint, untied": {"head": {"tied": False}},
    "separate": SEPARATE,
    "separate, untied": {**SEPARATE, "head": {"tied": False}},
    "copying": {"decoder": {"copying": True, "copy_dropout": 0.3}},
    "separate, copying": {**SEPARATE, "decoder": {"copying": True}},
    "coverage, copying": {
        "decoder": {"copying": True, "attention": "coverage"},
        "objective": {"coverage_weight": 1.0},
    },
    "transformer": {"encoder": encoder("transformer"), "decoder": {"num_heads": 2}},
    "transformer, copying": {
        **SEPARATE,
        "decoder": {
            "kind": "transformer",
            "hidden_size": 12,
            "num_heads": 3,
            "positions": "rotary",
            "copying": True,
        },
        "objective": {"coverage_weight": 1.0},
    },
    "input feeding": {"decoder": {"input_feeding": True, "num_layers": 2, "hidden_size": 7}},
    "spelt": {
        "head": {"shared": False},
        "embedding": {
            "characters": "cnn",
            "character_dim": 3,
            "character_size": 4,
            "casing_dim": 2,
        },
    },
}
SOURCES = ["the old dog sees a cat", "", "zebras sleep", "a cat \t", " "]


# One step


def stuck(task: Any) -> list[str]:
    """Return the parameters that one step with the gradients of one epoch does not change."""
    model = built(task).train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(task.parameter_groups(model), lr=1.0)
    for batch in task.batches(pairs(), training=True, seed=1, start=Cursor()):
        task.loss(model, batch, (), Progress())[0].total.backward()
    optimizer.step()
    assert all(torch.isfinite(p).all() for p in model.parameters())
    return [n for n, p in model.named_parameters() if torch.equal(before[n], p)]


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("form", list(FORMS))
def test_one_step_changes_every_parameter(kind: str, form: str) -> None:
    assert stuck(make(kind, **FORMS[form])) == []


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("feeding", [False, True])
def test_every_attention_learns(attention: str, feeding: bool) -> None:
    assert stuck(make(decoder={"attention": attention, "input_feeding": feeding})) == []


@pytest.mark.parametrize("kind", TAGGING_ENCODERS)
def test_any_encoder_that_gives_a_vector_a_token_learns(kind: str) -> None:
    task = make(encoder=encoder(kind))
    assert stuck(task) == []
    assert len(records(task, built(task), pairs())) == len(PAIRS)


@pytest.mark.parametrize("bridge", ["mean", "last", "zero"])
@pytest.mark.parametrize("objective", ["self_critical", "minimum_risk"])
def test_bridges_and_rewards_reach_every_parameter(bridge: str, objective: str) -> None:
    assert stuck(make(decoder={"bridge": bridge}, objective={"kind": objective})) == []


def test_frozen_vectors_do_not_change(tmp_path: Path) -> None:
    """Only the source's table is frozen; a shared one would freeze the target's and the output layer too."""
    with pytest.raises(UserError, match=r"frozen: .* set head\.shared = false"):
        make(embedding={"frozen": True})
    apart = make(embedding={"frozen": True}, head={"shared": False})
    assert stuck(apart) == ["embedding.tokens.weight"]


# Files


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("form", list(FORMS))
def test_trained_saved_and_loaded_gives_the_same_output(
    kind: str, form: str, tmp_path: Path
) -> None:
    task = make(kind, **FORMS[form])
    model, split = built(task), pairs()
    train(task, model, split)
    model_directory.save(tmp_path, task, model)
    joint = task.recipe.tokenization.joint
    assert (tmp_path / "target/tokenizer.json").exists() != joint
    assert (task.target_tokenizer is None) == joint
    loaded, again = model_directory.load_task_and_model(tmp_path)
    assert equal(weights(model), weights(again))
    assert records(loaded, again, split) == records(task, model, split)
    found = task.predictor(model, CPU).predict(SOURCES)
    assert model_directory.load(tmp_path, "cpu").predict(SOURCES) == found
    assert [row.text for row in found] == SOURCES
    assert [row.score is None for row in found] == [False, True, False, False, True]
    assert [found[row].output for row in (1, 4)] == ["", ""]
    looked = task.predictor(model, CPU).attention(SOURCES[:1])[0]
    assert looked.output == found[0].output
    assert [len(row) for row in looked.weights] == [6] * len(looked.output_tokens)
    assert [sum(row) for row in looked.weights] == pytest.approx([1.0] * len(looked.weights))


@pytest.mark.parametrize(
    "form",
    ["three-way tied", "separate, copying", "input feeding", "transformer", "transformer, copying"],
)
@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_evaluation_depends_on_no_batch_size(form: str, method: str) -> None:
    found = []
    for size in (1, 3, 64):
        decoding = {"method": method, "max_new_tokens": 7, "beam_size": 3, "batch_size": size}
        task = make(**FORMS[form], decoding=decoding)
        model = built(task)
        rows = records(task, model, pairs())
        found.append((rows, task.predictor(model, CPU).predict([one for one, _ in PAIRS])))
    for rows, answers in found[1:]:
        for one, other in zip(rows, found[0][0], strict=True):
            assert one.prediction == other.prediction
            assert one.statistics == pytest.approx(other.statistics, abs=1e-5)
        for one, other in zip(answers, found[0][1], strict=True):
            assert one.output == other.output
            assert one.score == pytest.approx(other.score, abs=1e-5)


@pytest.mark.parametrize("kind", BOTH)
def test_shares_of_processes_and_limits_add_up(kind: str) -> None:
    split = pairs([*PAIRS, ("", "nothing")])
    task = make(kind, {"train": split})
    model = built(task)
    parts = [records(task, model, split, shard=Shard(rank, 3)) for rank in range(3)]
    together = sorted((r for part in parts for r in part), key=lambda record: record.index)
    whole = records(task, model, split)
    assert [one.prediction for one in together] == [one.prediction for one in whole]
    assert [r.index for r in records(task, model, split, limit=5)] == list(range(5))
    copying = make(kind, {"train": split}, decoder={"copying": True})
    model = built(copying)
    batch = next(copying.batches(split, training=True, seed=1, start=Cursor()))
    total = copying.loss(model, batch, (), Progress())[0]
    rows = [batch.select_rows(slice(rank, None, 3)) for rank in range(3)]
    losses = [copying.loss(model, one, (), Progress())[0] for one in rows]
    torch.testing.assert_close(torch.stack([one.total for one in losses]).sum(), total.total)
    assert sum(int(one.count) for one in losses) == int(total.count)


# Learning for real


LEARNERS: dict[str, dict[str, Any]] = {
    "lstm": {
        "encoder": {"hidden_size": 32, "bidirectional": True},
        "decoder": {"attention": "additive"},
        "rate": 0.01,
        "longest": 6,
    },
    "transformer": {
        "encoder": {
            "kind": "transformer",
            "hidden_size": 32,
            "num_heads": 2,
            "feedforward_size": 64,
            "dropout": 0.0,
        },
        "decoder": {"num_heads": 2, "feedforward_size": 64, "dropout": 0.0},
        "rate": 0.007,
        "longest": 5,
    },
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("lstm", name) for name in TOYS), ("transformer", "copy"), ("transformer", "reverse")],
)
def test_a_toy_is_learnt(kind: str, name: str) -> None:
    """Unseen strings are correct, because the decoder attends instead of reading a single vector."""
    learner = LEARNERS[kind]
    known = toy(name, 1500, 1, learner["longest"])
    unseen = [row for row in toy(name, 400, 2, learner["longest"]) if row not in known][:200]
    rows = pairs(known)
    task = make(
        splits={"train": rows},
        embedding={"dim": 32},
        encoder=learner["encoder"],
        decoder=learner["decoder"],
        training={"batch_size": 32, "learning_rate": learner["rate"], "clip_norm": 1.0},
        decoding={"method": "greedy", "max_new_tokens": 8},
    )
    model = built(task)
    fall(task, model, rows, epochs=7)
    found = records(task, model, pairs(unseen, "validation"))
    assert sum(one.prediction == one.target for one in found) >= 0.95 * len(unseen)


@pytest.mark.parametrize("joint", [True, False])
def test_a_word_that_training_never_saw_is_copied(joint: bool, tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(120)]
    rows = pairs([(f"see {one} run", f"{one} sieht") for one in names])
    task = make(
        splits={"train": rows},
        tokenization={"joint": joint, "vocabulary_size": 14},
        decoder={"copying": True, "attention": "general"},
        embedding={"dim": 12},
        encoder={"hidden_size": 12, "bidirectional": True},
    )
    model = built(task)
    train(task, model, rows, epochs=4, rate=0.02)
    texts = ["see Zyx run", "see Ünal run"]
    answers = task.predictor(model, CPU).predict(texts)
    assert [row.output for row in answers] == ["Zyx sieht", "Ünal sieht"]
    model_directory.save(tmp_path, task, model)
    assert model_directory.load(tmp_path, "cpu").predict(texts) == answers
    looked = task.predictor(model, CPU).attention(texts[:1])[0]
    assert looked.source_tokens == ("see", "Zyx", "run")
    assert looked.output_tokens == ("Zyx", "sieht", "</s>")
    assert [len(row) for row in looked.weights] == [3, 3, 3]
    assert max(range(3), key=looked.weights[0].__getitem__) == 1


# Runs


@pytest.mark.parametrize("kind", BOTH)
def test_a_run_holds_scores_baselines_intervals_and_signatures(kind: str, tmp_path: Path) -> None:
    run(
        f"{kind}/quickstart",
        [
            "data.sizes={train=60,validation=8,test=8}",
            "embedding.dim=6",
            "encoder.hidden_size=6",
            "training.epochs=1",
            "training.precision=bfloat16",
            "decoding.max_new_tokens=6",
        ],
        output=tmp_path / "run",
        device="cpu",
    )
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    details = metrics["details"]["test"]
    main = "bleu" if kind == "translation" else "rougeL"
    low, high = details["confidence_intervals"][main]
    assert low <= metrics["test"][main] <= high
    assert ("bleu" if kind == "translation" else "rouge") in details["signatures"]
    leads = [name for name in metrics["test"] if name.startswith("lead_")]
    assert len(leads) == (4 if kind == "summarization" else 0)
    lines = (tmp_path / "run/predictions/test.jsonl").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == list(range(8))
    scored = evaluate(tmp_path / "run", device="cpu")
    assert scored["test"][main] == pytest.approx(metrics["test"][main], abs=1e-6)
    assert {name: scored["test"][name] for name in leads} == {
        name: metrics["test"][name] for name in leads
    }


def test_tokenized_references_of_the_data_are_used() -> None:
    rows = {"source": ["a cat", "a dog"], "target": ["Eine Katze.", "Ein Hund."]}
    own = split_of({**rows, "tokenized": ["eine katze", "ein hund"]}, "test")
    made = split_of(rows, "validation")
    task = make(
        splits={"train": split_of(rows), "test": own, "validation": made},
        evaluation={"tokenized_language": "de"},
    )
    assert sum("no column 'tokenized'" in note for note in task.notes) == 1
    model = built(task)
    for split, words in ((own, 2), (made, 3)):
        found = records(task, model, split)
        assert found[0].statistics[2:][32] == words  # tokens of the reference
    signatures = task.details(found)["signatures"]
    assert "bleu_lowercased_tokenized" in signatures
