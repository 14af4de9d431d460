"""Training by reward: losses by brute force, their direction, and a reward that increases."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from nlpseq.tasks.seq2seq import reward_training
from nlpseq.tasks.seq2seq.decoding import log_probability, step_function
from nlpseq.tasks.seq2seq.recipe import ObjectiveConfig
from nlpseq.tasks.seq2seq.reward_training import REWARDS, RewardObjective
from nlpseq.tasks.seq2seq.translation import Translation
from small import CPU, built, scores, train
from small_pairs import BOTH, document, fall, make, pairs, toy
from torch import Tensor

from nlpseq import model_directory
from nlpseq.data.batch import Tokens
from nlpseq.decoding import SamplingOptions, generate
from nlpseq.errors import UserError
from nlpseq.recipe import validate
from nlpseq.task import Cursor, Progress

LENGTH = 6
BOS, EOS, PAD = 2, 3, 0


class World:
    """A model and a batch; `drawn` are the next samples, then the greedy output."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **decoder: Any) -> None:
        self.task = make(decoder=decoder)
        self.model = built(self.task).train()
        batch = next(self.task.batches(pairs(), training=True, seed=1, start=Cursor()))
        assert isinstance(batch.target, Tokens)
        self.source, self.target = batch.source, batch.target
        self.samples: list[list[list[int]]] = []
        self.greedy: list[list[int]] = []
        monkeypatch.setattr(reward_training, "generate", self._generate)

    def _generate(self, *given: Any, **options: Any) -> list[list[int]]:
        chosen = given[3]
        assert isinstance(chosen, SamplingOptions)
        assert chosen.max_new_tokens == LENGTH
        assert set(options["forbidden"]) >= {PAD, BOS}
        return self.greedy if chosen.greedy else self.samples.pop(0)

    @property
    def gold(self) -> list[list[int]]:
        lengths = self.target.lengths.tolist()
        return [row[:n] for row, n in zip(self.target.ids.tolist(), lengths, strict=True)]

    def start(self) -> Any:
        return self.model.head.start(self.model.encode(self.source), self.source)

    def loss(self, **config: Any) -> Tensor:
        objective = RewardObjective(
            ObjectiveConfig(**config), self.task.target, self.task.forbidden, LENGTH
        )
        return objective.loss(self.model.head, *self.start(), self.target, at_test=self.start())

    def log_probs(self, outputs: Sequence[Sequence[int]]) -> list[float]:
        """Return log-probabilities by single steps."""
        memory, state = self.start()
        found = []
        for row, ids in enumerate(outputs):
            alone = tuple(part[row : row + 1] for part in state)
            step, total, last = step_function(self.model.head), 0.0, torch.tensor([BOS])
            for id in ids:
                made = step(last, alone, *(part[row : row + 1] for part in memory.parts))
                total, alone, last = total + made.log_probs[0, id].item(), made.state, last * 0 + id
            found.append(total)
        return found


def ended(outputs: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return outputs with their ends, where the limit leaves room for one."""
    return [[*ids, EOS] if len(ids) < LENGTH else list(ids) for ids in outputs]


@pytest.mark.parametrize("copying", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_the_log_probability_is_that_of_single_steps(
    monkeypatch: pytest.MonkeyPatch, kind: str, copying: bool
) -> None:
    sizes = {"dropout": 0.0} if kind == "transformer" else {}
    world = World(monkeypatch, kind=kind, copying=copying, **sizes)
    found = log_probability(world.model.head, *world.start(), world.gold, bos_id=BOS, pad_id=PAD)
    assert found.tolist() == pytest.approx(world.log_probs(world.gold), abs=1e-4)


@pytest.mark.parametrize("reward", ["bleu", "rouge_l"])
def test_minimum_risk_is_the_expected_error_over_candidates(
    monkeypatch: pytest.MonkeyPatch, reward: str
) -> None:
    world = World(monkeypatch)
    gold, rows = world.gold, len(world.gold)
    empty: list[int] = []
    drawn = [
        [[5, 6]] * rows,
        [[4, 5, 6, 7, 8, 9]] * rows,  # the maximum length: without an end
        [empty] * rows,
        [ids[:-1] for ids in gold],  # the reference: no second candidate
        [[5, 6]] * rows,  # the first again
    ]
    world.samples = [list(one) for one in drawn]
    sharpness = 0.3
    found = world.loss(kind="minimum_risk", reward=reward, samples=5, sharpness=sharpness)
    assert world.samples == []
    expected = 0.0
    for row in range(rows):
        candidates = [gold[row], *(ended([outputs[row]])[0] for outputs in drawn)]
        distinct = [list(one) for one in dict.fromkeys(map(tuple, candidates))]
        assert len(distinct) < len(candidates) == 6
        everything = [world.log_probs([one] * rows)[row] for one in distinct]
        weights = [math.exp(sharpness * one) for one in everything]
        risks = [1 - REWARDS[reward](one, gold[row]) for one in distinct]
        expected += sum(w * r for w, r in zip(weights, risks, strict=True)) / sum(weights)
    assert found.item() == pytest.approx(expected, rel=1e-4)
    found.backward()
    assert all(torch.isfinite(p.grad).all() for p in world.model.parameters())


@pytest.mark.parametrize("better", [True, False])
def test_self_critical_makes_likelier_what_beats_the_greedy_output(
    monkeypatch: pytest.MonkeyPatch, better: bool
) -> None:
    world = World(monkeypatch)
    good, bad = [ids[:-1][:LENGTH] for ids in world.gold], [[4, 4]] * len(world.gold)
    world.samples, world.greedy = ([good], bad) if better else ([bad], good)
    sample = ended(good if better else bad)
    before = world.log_probs(sample)
    loss = world.loss(kind="self_critical", reward="rouge_l")
    reward = REWARDS["rouge_l"]
    other = ended(world.greedy)
    advantages = [
        reward(one, wanted) - reward(two, wanted)
        for one, two, wanted in zip(sample, other, world.gold, strict=True)
    ]
    assert all((one > 0) == better for one in advantages)
    assert loss.item() == pytest.approx(
        -sum(a * p for a, p in zip(advantages, before, strict=True)), rel=1e-4
    )
    torch.optim.SGD(world.model.parameters(), lr=0.01).zero_grad()
    loss.backward()
    torch.optim.SGD(world.model.parameters(), lr=0.01).step()
    after = world.log_probs(sample)
    assert (sum(after) > sum(before)) == better


def test_an_output_that_is_as_good_as_the_greedy_one_teaches_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)
    world.samples, world.greedy = [[[5, 6]] * len(world.gold)], [[5, 6]] * len(world.gold)
    loss = world.loss(kind="self_critical")
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or p.grad.eq(0).all() for p in world.model.parameters())


def test_outputs_are_compared_with_those_of_the_model_at_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The baseline has no dropout (Rennie et al. 2017, section 3)."""
    task = make(
        objective={"kind": "self_critical"},
        embedding={"dim": 6, "dropout": 0.5},
        encoder={"hidden_size": 4, "bidirectional": True, "output_dropout": 0.5},
        decoder={"output_dropout": 0.5},
        decoding={"method": "greedy", "max_new_tokens": LENGTH},
    )
    model = built(task)
    train(task, model, pairs(), epochs=4)
    batch = next(task.batches(pairs(), training=True, seed=1, start=Cursor()))
    given = (model.head.start(model.eval().encode(batch.source), batch.source), batch)
    memory, state = given[0]
    start = torch.full((batch.size,), BOS)
    options = {"eos_id": EOS, "forbidden": task.forbidden, "memory": memory.parts}
    greedy = SamplingOptions(greedy=True, max_new_tokens=LENGTH)
    wanted = generate(step_function(model.head), start, state, greedy, **options)
    baselines = []

    def listen(*given: Any, **options: Any) -> list[list[int]]:
        found = generate(*given, **options)
        if given[3].greedy:
            baselines.append(found)
        return found

    monkeypatch.setattr(reward_training, "generate", listen)
    for _ in range(3):
        task.loss(model.train(), batch, (), Progress())
        assert model.training
        assert model.head.training
    assert baselines == [wanted] * 3


@pytest.mark.parametrize("kind", ["self_critical", "minimum_risk"])
@pytest.mark.parametrize("task_kind", BOTH)
@pytest.mark.parametrize("copying", [False, True])
def test_a_reward_and_the_likelihood_are_sums_over_sentences(
    kind: str, task_kind: str, copying: bool
) -> None:
    """Sums add up over batches and processes (Wu et al. 2016, equation 9)."""
    given = {"kind": kind, "likelihood_weight": 0.3, "samples": 2}
    task = make(task_kind, objective=given, decoder={"copying": copying})
    plain = make(task_kind, decoder={"copying": copying})
    model = built(task).train()
    batch = next(task.batches(pairs(), training=True, seed=1, start=Cursor()))
    torch.manual_seed(4)
    loss, _ = task.loss(model, batch, (), Progress())
    nll, _ = plain.loss(model, batch, (), Progress())
    assert nll.count == batch.target.lengths.sum()
    assert loss.count == batch.size
    torch.manual_seed(4)
    longest = task.recipe.decoding.max_new_tokens
    reward = RewardObjective(task.recipe.objective, task.target, task.forbidden, longest).loss(
        model.head,
        *model.head.start(model.encode(batch.source), batch.source),
        batch.target,
        at_test=model.head.start(model.encode(batch.source), batch.source),
    )
    torch.testing.assert_close(loss.total, 0.3 * nll.total + reward)
    loss, _ = task.loss(model.eval(), batch, (), Progress())
    nll, _ = plain.loss(model, batch, (), Progress())
    torch.testing.assert_close(loss.total, nll.total)
    assert loss.count == nll.count


def test_coverage_counts_what_is_attended_to_again() -> None:
    """See et al. (2017), equations 12 and 13, as loops."""
    task, plain = make(objective={"coverage_weight": 0.5}), make()
    model = built(task).train()
    batch = next(task.batches(pairs(), training=True, seed=1, start=Cursor()))
    memory, state = model.head.start(model.encode(batch.source), batch.source)
    ids = torch.cat([torch.full((batch.size, 1), BOS), batch.target.ids[:, :-1]], 1)
    weights = model.head(model.head.lookup(ids), memory, state).weights.detach()
    expected = 0.0
    for b, s in itertools.product(range(batch.size), range(weights.size(2))):
        for t in range(int(batch.target.lengths[b])):
            expected += float(min(weights[b, t, s], weights[b, :t, s].sum()))
    loss, nll = (one.loss(model, batch, (), Progress())[0].total for one in (task, plain))
    assert (loss - nll).item() == pytest.approx(0.5 * expected, rel=1e-4)


# Runs


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Train a model that has partly learnt to copy digits; return its directory."""
    rows = pairs(toy("copy", 300, 1))
    task = make(splits={"train": rows}, **SMALL)
    model = built(task)
    train(task, model, rows, epochs=8, rate=0.01)
    folder = tmp_path_factory.mktemp("learnt")
    model_directory.save(folder, task, model)
    return folder


SMALL: dict[str, Any] = {
    "embedding": {"dim": 16},
    "encoder": {"hidden_size": 16, "bidirectional": True},
    "decoder": {"attention": "general"},
    "training": {"batch_size": 32},
    "decoding": {"method": "greedy", "max_new_tokens": 8},
}


@pytest.mark.parametrize("kind", ["self_critical", "minimum_risk"])
def test_the_reward_rises_after_the_likelihood_stage(learnt: Any, kind: str) -> None:
    rows, unseen = pairs(toy("copy", 300, 1)), pairs(toy("copy", 100, 2), "validation")
    objective = {
        "kind": kind,
        "init_from": str(learnt),
        "likelihood_weight": 0.0,
        "samples": 4,
        "sharpness": 0.5,
    }
    training = {"batch_size": 60, "learning_rate": 0.003, "clip_norm": 1.0}
    task = make(splits={"train": rows}, objective=objective, **{**SMALL, "training": training})
    assert any("weights start from" in note for note in task.notes)
    model = built(task)
    start, trained = model_directory.load_task_and_model(learnt)
    before = reward_of(start, trained, unseen)
    assert reward_of(task, model, unseen) == before
    fall(task, model, rows, epochs=10)
    after = reward_of(task, model, unseen)
    assert after > before + 0.05


def reward_of(task: Any, model: Any, split: Any) -> float:
    answers = task.predictor(model, CPU).predict(list(split.texts("source")))
    wanted = split.texts("target")
    found = [
        REWARDS["bleu"](answer.output.split(), target.split())
        for answer, target in zip(answers, wanted, strict=True)
    ]
    return sum(found) / len(found)


def test_runs_that_do_not_fit(learnt: Any) -> None:
    with pytest.raises(UserError, match=r"is of another task, translation"):
        make("summarization", objective={"init_from": str(learnt)}, **SMALL)
    other = {**SMALL, "decoder": {"attention": "additive"}}
    task = make(objective={"init_from": str(learnt)}, **other)
    with pytest.raises(UserError, match=r"objective\.init_from: the recipe's model is another"):
        task.build()
    for section, key, value, said in (
        (
            "tokenization",
            "split",
            "whitespace",
            "tokenization.split = words, this recipe whitespace",
        ),
        ("tokenization", "joint", False, "tokenization.joint = True, this recipe False"),
        ("tokenization", "kind", "bpe", "tokenization.kind = word, this recipe bpe"),
        ("tokenization", "lowercase", True, "tokenization.lowercase = False, this recipe True"),
        ("decoder", "bridge", "last", "decoder.bridge = mean, this recipe last"),
    ):
        other = {**SMALL, section: {**SMALL.get(section, {}), key: value}}
        with pytest.raises(UserError, match=rf"objective\.init_from: that run has {said}"):
            make(objective={"init_from": str(learnt)}, **other)
    recipe = document("translation", encoder={"init_from": str(learnt)})
    with pytest.raises(UserError, match=r"objective\.init_from starts from a run"):
        validate(Translation.Config, recipe, "test")


@pytest.mark.parametrize("section", ["encoder", "decoder"])
def test_transformers_of_other_heads_or_positions_do_not_fit(section: str, tmp_path: Any) -> None:
    layers = {"kind": "transformer", "num_heads": 2, "positions": "sinusoidal"}
    sizes = {"embedding": {"dim": 8}, "encoder": {**layers, "hidden_size": 8}, "decoder": layers}
    task = make(**sizes)
    model_directory.save(tmp_path, task, built(task))
    objective = {"init_from": str(tmp_path)}
    make(objective=objective, **sizes).build()
    for key, value in (("num_heads", 4), ("positions", "rotary"), ("activation", "relu")):
        other = {**sizes, section: {**sizes[section], key: value}}
        with pytest.raises(UserError, match=rf"that run has {section}\.{key} = "):
            make(objective=objective, **other)


def test_a_run_with_words_of_vectors_is_started_from(tmp_path: Any) -> None:
    """Vocabulary and extension come from that run, without the file of vectors."""
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("dog 1 2 3 4 5 6\nunheard 6 5 4 3 2 1\n")
    given = {"dim": 6, "pretrained": str(vectors), "characters": "cnn", "character_size": 3}
    separate = {"head": {"shared": False}}
    task = make(embedding=given, **separate)
    model = built(task)
    model_directory.save(tmp_path / "run", task, model)
    vectors.unlink()
    again = make(
        embedding=given,
        objective={"init_from": str(tmp_path / "run"), "kind": "minimum_risk"},
        **separate,
    )
    assert again.extension == 1
    assert again.tokenizer.vocabulary == task.tokenizer.vocabulary
    other = built(again, seed=9)
    assert scores(again, other, pairs()) == scores(task, model, pairs())
    train(again, other, pairs())
    assert scores(task, model, pairs()) == pytest.approx(scores(again, built(again), pairs()))
