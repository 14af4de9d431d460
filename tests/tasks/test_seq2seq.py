"""What translation and summarization must do alike: learn, evaluate, be saved, attend."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from nlpseq.tasks.seq2seq_search import Translator
from small import (
    CPU,
    TAGGING_ENCODERS,
    TOKENIZATIONS,
    built,
    encoder,
    equal,
    records,
    split_of,
    train,
    weights,
)
from small_pairs import BOTH, PAIRS, TOYS, fall, make, pairs, toy

from nlpseq import experiment, hub
from nlpseq.errors import UserError
from nlpseq.recipe import validate
from nlpseq.task import Cursor, Progress, Share

ATTENTIONS = ["additive", "dot", "general", "scaled_dot", "multi_head", "location", "coverage"]
SEPARATE = {"tokenization": {"joint": False}}
FORMS: dict[str, dict[str, Any]] = {
    "three-way tied": {},
    "joint, apart": {"head": {"shared": False}},
    "joint, untied": {"head": {"tied": False}},
    "separate": SEPARATE,
    "separate, untied": {**SEPARATE, "head": {"tied": False}},
    "copying": {"decoder": {"copying": True}},
    "separate, copying": {**SEPARATE, "decoder": {"copying": True}},
    "coverage, copying": {
        "decoder": {"copying": True, "attention": "coverage"},
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
    """Parameters that one epoch of gradients, and one step, leave as they were."""
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


def test_frozen_vectors_stay(tmp_path: Path) -> None:
    """Of a shared table, so of the output layer that is tied to it; nothing else stays."""
    task = make(embedding={"frozen": True})
    assert [name for name in stuck(task) if "tokens.weight" not in name] == []
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
    hub.save(tmp_path, task, model)
    joint = task.recipe.tokenization.joint
    assert (tmp_path / "target/tokenizer.json").exists() != joint
    assert (task.target_tokenizer is None) == joint
    loaded, again = hub.read(tmp_path)
    assert equal(weights(model), weights(again))
    assert records(loaded, again, split) == records(task, model, split)
    found = task.predictor(model, CPU).predict(SOURCES)
    assert hub.load(tmp_path, "cpu").predict(SOURCES) == found
    assert [row["text"] for row in found] == SOURCES
    assert [row["score"] is None for row in found] == [False, True, False, False, True]
    assert [found[row]["output"] for row in (1, 4)] == ["", ""]


@pytest.mark.parametrize("form", ["three-way tied", "separate, copying", "input feeding"])
@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_evaluation_depends_on_no_batch_size(form: str, method: str) -> None:
    found = []
    for size in (1, 3, 64):
        task = make(
            **{**FORMS[form], "training": {"batch_size": size}},
            decoding={"method": method, "max_new_tokens": 7, "beam_size": 3},
        )
        model = built(task)
        rows = records(task, model, pairs())
        found.append((rows, task.predictor(model, CPU).predict([one for one, _ in PAIRS])))
    for rows, answers in found[1:]:
        for one, other in zip(rows, found[0][0], strict=True):
            assert one.prediction == other.prediction
            assert one.statistics == pytest.approx(other.statistics, abs=1e-5)
        for one, other in zip(answers, found[0][1], strict=True):
            assert one["output"] == other["output"]
            assert one["score"] == pytest.approx(other["score"], abs=1e-5)


@pytest.mark.parametrize("kind", BOTH)
def test_shares_of_processes_and_limits_add_up(kind: str) -> None:
    split = pairs([*PAIRS, ("", "nothing")])
    task = make(kind, {"train": split})
    model = built(task)
    parts = [records(task, model, split, share=Share(rank, 3)) for rank in range(3)]
    together = sorted((r for part in parts for r in part), key=lambda record: record.index)
    whole = records(task, model, split)
    assert [one.prediction for one in together] == [one.prediction for one in whole]
    assert [r.index for r in records(task, model, split, limit=5)] == list(range(5))
    copying = make(kind, {"train": split}, decoder={"copying": True})
    model = built(copying)
    batch = next(copying.batches(split, training=True, seed=1, start=Cursor()))
    total = copying.loss(model, batch, (), Progress())[0]
    rows = [batch.rows(slice(rank, None, 3)) for rank in range(3)]
    losses = [copying.loss(model, one, (), Progress())[0] for one in rows]
    torch.testing.assert_close(torch.stack([one.total for one in losses]).sum(), total.total)
    assert sum(int(one.count) for one in losses) == int(total.count)


# Learning for real


@pytest.mark.parametrize("name", list(TOYS))
def test_a_toy_is_learnt(name: str) -> None:
    """Unseen strings come out right: the decoder attends, as no one vector would hold them."""
    known = toy(name, 1500, 1)
    unseen = [row for row in toy(name, 400, 2) if row not in known][:200]
    rows = pairs(known)
    task = make(
        splits={"train": rows},
        embedding={"dim": 32},
        encoder={"hidden_size": 32, "bidirectional": True},
        decoder={"attention": "additive"},
        training={"batch_size": 32, "learning_rate": 0.01, "clip_norm": 1.0},
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
    assert [row["output"] for row in answers] == ["Zyx sieht", "Ünal sieht"]
    hub.save(tmp_path, task, model)
    assert hub.load(tmp_path, "cpu").predict(texts) == answers
    looked = task.predictor(model, CPU).attention(texts[:1])[0]
    assert looked["source_tokens"] == ["see", "Zyx", "run"]
    assert looked["output_tokens"] == ["Zyx", "sieht", "</s>"]
    assert [len(row) for row in looked["weights"]] == [3, 3, 3]
    assert max(range(3), key=looked["weights"][0].__getitem__) == 1


# Odd pairs


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("copying", [False, True])
def test_pairs_with_an_empty_side_are_counted_and_not_learnt(kind: str, copying: bool) -> None:
    rows = [("", "Hund"), ("dog", ""), ("\t ", " "), *PAIRS]
    split, test = pairs(rows), pairs([("", "Hund"), (" ", "")], "test")
    task = make(kind, {"train": split, "test": test}, decoder={"copying": copying})
    assert any("train: 2 sources and 2 targets are empty" in note for note in task.notes)
    assert any("test: 2 sources and 1 targets are empty" in note for note in task.notes)
    model = built(task)
    seen = [
        place
        for batch in task.batches(split, training=True, seed=1, start=Cursor())
        for place in batch.index.tolist()
    ]
    assert sorted(seen) == list(range(3, len(rows)))
    found = records(task, model, split)
    assert [record.index for record in found] == list(range(len(rows)))
    assert [found[0].prediction, found[2].prediction] == ["", ""]
    for some in (found, records(task, model, test), found[:3]):
        vectors = [record.statistics for record in some]
        scores = task.metric.score([sum(part) for part in zip(*vectors, strict=True)])
        assert {task.main_metric, "perplexity", "nll_per_token"} <= scores.keys()
        intervals = task.details(some)["confidence_intervals"]
        assert intervals.keys() == scores.keys()


@pytest.mark.parametrize("copying", [False, True])
def test_long_sources_are_cut_or_refused(copying: bool) -> None:
    long = "dog " * 2000
    rows = pairs([*PAIRS, (long, "Hund")])
    given: dict[str, Any] = {
        "splits": {"train": rows, "validation": pairs([("dog " * 9, "Hund")], "validation")},
        "decoder": {"copying": copying},
        "encoder": {"kind": "lstm", "hidden_size": 4},
    }
    task = make(**given, tokenization={"max_source_length": 9, "max_target_length": 2})
    cut = "train: of 1 long sources only the first 9 tokens are read"
    assert [note for note in task.notes if "long sources" in note] == [cut]
    model = built(task)
    train(task, model, rows)
    assert all(len(pair.ids) <= 3 for _, pair in task.examples(rows))
    predictor = task.predictor(model, CPU)
    whole, short = predictor.predict([long, "dog " * 9])
    assert (whole["output"], whole["truncated"]) == (short["output"], True)
    assert whole["score"] == pytest.approx(short["score"])
    assert "truncated" not in short
    assert predictor.attention([long])[0]["source_tokens"] == ["dog"] * 9
    with pytest.raises(UserError, match=r"test, train: source 13 has more than .* = 9 tokens"):
        make(**given, tokenization={"max_source_length": 9, "too_long": "refuse"})
    refusing = make(tokenization={"max_source_length": 9, "too_long": "refuse"})
    with pytest.raises(UserError, match="the given texts: source 2 has more than"):
        refusing.predictor(built(refusing), CPU).predict(["dog", long])


@pytest.mark.parametrize("name", TOKENIZATIONS)
@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("copying", [True, False])
def test_any_tokenizer(name: str, joint: bool, copying: bool, tmp_path: Path) -> None:
    size = 300 if name == "byte_bpe" else 60
    task = make(
        tokenization={"kind": name, "joint": joint, "vocabulary_size": size},
        decoder={"copying": copying},
        decoding={"max_new_tokens": 30},
    )
    for text in (two for _, two in PAIRS):
        assert (
            task.pairs.spell(task.pairs.encode([text])[0], task.pairs.pairs([""], [text])[0])
            == text
        )
    model = built(task)
    train(task, model, pairs())
    hub.save(tmp_path, task, model)
    odd = [
        "",
        "🙂",
        "\x07",
        "\u200b",
        "\ufeff x",
        "日本 語",
        "e\u0301" * 60,
        "Zyx dog\nЖ",
        "<eos> <pad>",
    ]
    found = task.predictor(model, CPU).predict(odd)
    assert [row["text"] for row in found] == odd
    assert hub.load(tmp_path, "cpu").predict(odd) == found
    if copying:
        assert all("<unk>" not in row["output"] for row in found)


@pytest.mark.parametrize("name", TOKENIZATIONS)
@pytest.mark.parametrize("joint", [True, False])
def test_what_is_copied_is_spelt_as_in_the_source(name: str, joint: bool) -> None:
    """A target that is its source comes back from its ids, whatever the target's tokens know of it."""
    size = 300 if name == "byte_bpe" else 60
    task = make(
        tokenization={"kind": name, "joint": joint, "vocabulary_size": size},
        decoder={"copying": True},
    )
    for text in ("the Жük sees λ", "a cat", "Ж"):
        [pair] = task.pairs.pairs([text], [text])
        assert task.pairs.spell(pair.ids, pair) == text
        features, _ = task.read([text], "here")
        assert len(pair.copies) == len(features[0])
        if name == "byte_bpe":
            continue  # a byte alone is no text
        spelt = "".join(task.pairs.spell([id], pair) for id in pair.copies)
        assert spelt.replace("##", "").replace(" ", "") == text.replace(" ", "")


def test_words_of_vectors_are_read_and_copied_but_never_written(tmp_path: Path) -> None:
    """Of the extension behind the table; `Hunde` and `dog` are in it, as the vocabulary is cut."""
    vectors = tmp_path / "vectors.txt"
    words = ["dog", "Hunde", "unheard", "cat", "schlafen"]
    vectors.write_text("".join(f"{word} {n} 1 1 1 0 0\n" for n, word in enumerate(words)))
    rows = pairs([*PAIRS, ("unheard dog", "Hunde unheard")] * 2)
    for copying, shared in ((False, True), (True, True), (True, False)):
        task = make(
            splits={"train": rows},
            tokenization={"vocabulary_size": 12},
            embedding={"dim": 6, "pretrained": str(vectors)},
            decoder={"copying": copying},
            head={"shared": shared},
        )
        assert task.extension > 0
        size = task.target_size
        assert len(task.target) == size + task.extension
        model = built(task)
        train(task, model, rows)
        records(task, model, rows)
        [pair] = task.pairs.pairs(["the unheard dog"], ["unheard unseen"])
        unk = task.target.unk_id
        assert list(pair.ids[:2]) == ([size, unk] if copying else [unk, unk])
        answer = task.predictor(model, CPU).predict(["the unheard dog"], prefix="unheard")[0]
        assert answer["score"] is not None


# Options of decoding


def test_options_of_predict() -> None:
    task = make()
    model = built(task)
    train(task, model, pairs(), epochs=3)
    predictor = task.predictor(model, CPU)
    texts = [one for one, _ in PAIRS[:4]]
    best = predictor.predict(texts, beam_size=4, num_return=3, max_new_tokens=6)
    for row in best:
        found = row["hypotheses"]
        assert [one["output"] for one in found[:1]] == [row["output"]]
        assert len({one["output"] for one in found}) == 3
        scores = [one["score"] for one in found]
        assert scores == sorted(scores, reverse=True)
        assert all(one["log_prob"] < 0 for one in found)
    assert (
        predictor.predict(texts, beam_size=1)[2]["output"]
        == (predictor.predict(texts, method="greedy")[2]["output"])
    )
    for method in ("beam", "greedy", "sample"):
        led = predictor.predict(texts, method=method, prefix="Katze und", seed=1)
        assert all(row["output"].startswith("Katze und") for row in led)
        once = predictor.predict(texts, method=method, no_repeat_ngram=1, seed=1)
        assert all(len(set(w)) == len(w) for w in (row["output"].split() for row in once))
        lengths = ratios(predictor, texts, method=method, min_length_ratio=1.5)
        assert all(made + 1 >= int(1.5 * given) for made, given in lengths)
        lengths = ratios(predictor, texts, method=method, max_length_ratio=0.5, min_new_tokens=9)
        assert all(made in (-(-given // 2), -(-given // 2) - 1) for made, given in lengths)
    assert predictor.predict(texts, method="sample", seed=3) == (
        predictor.predict(texts, method="sample", seed=3)
    )


def ratios(predictor: Any, texts: list[str], **options: Any) -> list[tuple[int, int]]:
    """Words made and given; an output's end counts as one that is made."""
    answers = predictor.predict(texts, seed=2, **options)
    return [(len(row["output"].split()), len(row["text"].split())) for row in answers]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_return": 9}, "num_return = 9: a beam of 2 has no more hypotheses"),
        ({"beam": 3}, r"unknown key decoding\.beam"),
        ({"beam_size": "many"}, "beam_size"),
        ({"stop_at_eos": False}, "stop_at_eos = false is for language models"),
        ({"min_new_tokens": 99}, "min_new_tokens = 99 is above max_new_tokens = 12"),
        ({"max_length_ratio": -1}, "max_length_ratio"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    task = make()
    with pytest.raises(UserError, match=said):
        task.predictor(built(task), CPU).predict(["dog"], **options)
    document = task.recipe.model_dump(exclude_none=True)
    document["decoding"] |= options
    with pytest.raises(UserError, match=said):
        validate(type(task).Config, document, "test")


@pytest.mark.parametrize("copying", [False, True])
def test_the_score_of_greedy_and_sampled_outputs_is_their_log_probability(copying: bool) -> None:
    """Ended by the end or by their limit alike: beam search with a beam of 1 says the same."""
    task = make(decoder={"copying": copying})
    model = built(task)
    predictor = task.predictor(model, CPU)
    texts = [one for one, _ in PAIRS[:4]]
    for limit in (1, 2, 3, 12):
        given = {"max_new_tokens": limit, "length_penalty": "none"}
        greedy = predictor.predict(texts, method="greedy", **given)
        beam = predictor.predict(texts, method="beam", beam_size=1, **given)
        assert [row["output"] for row in greedy] == [row["output"] for row in beam]
        assert [row["score"] for row in greedy] == pytest.approx(
            [row["score"] for row in beam], abs=1e-4
        )


@pytest.mark.parametrize("copying", [False, True])
def test_an_unknown_token_becomes_the_most_attended_word(
    copying: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make(decoder={"copying": copying})
    model = built(task)
    predictor = task.predictor(model, CPU)
    unk = task.target.unk_id
    copied = task.target_size
    ids = [unk, 5, unk, copied] if copying else [unk, 5, unk]
    real = Translator._hypotheses

    def forged(self: Translator, *given: Any) -> Any:
        return [[one._replace(ids=ids) for one in row] for row in real(self, *given)]

    monkeypatch.setattr(Translator, "_hypotheses", forged)
    text = "the Zyx sees"
    answer = predictor.predict([text], replace_unknown=True)[0]["output"].split()
    weights = predictor.attention([text])[0]["weights"]
    words = text.split()
    most = [words[max(range(3), key=weights[place].__getitem__)] for place in (0, 2)]
    assert answer[:3] == [most[0], task.target.vocabulary[5], most[1]]
    assert answer[3:] == (["Zyx"] if copying else [])
    assert predictor.predict([text])[0]["output"].split()[0] == "<unk>"


def test_scores_of_given_texts() -> None:
    task = make()
    predictor = task.predictor(built(task), CPU)
    found = predictor.evaluate(["a cat sleeps", ""], ["eine Katze", "nichts"])
    assert 0 <= found["bleu"] <= 100
    with pytest.raises(UserError, match="2 texts and 1 targets"):
        predictor.evaluate(["a", "b"], ["c"])
    assert predictor.predict([]) == []
    assert predictor.predict(["", " "])[1] == {"text": " ", "output": "", "score": None}
    assert predictor.attention([""])[0]["weights"] == []


# Runs


@pytest.mark.parametrize("kind", BOTH)
def test_a_run_holds_scores_baselines_intervals_and_signatures(kind: str, tmp_path: Path) -> None:
    experiment.run(
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
    scored = experiment.evaluate(tmp_path / "run", device="cpu")
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
