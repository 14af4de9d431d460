"""Teacher forcing, sequential and parallel scheduled sampling, and the schedules."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from nlpseq.tasks.seq2seq.decoding import run_decoder, shift_right, step_function
from nlpseq.tasks.seq2seq.recipe import ScheduledSamplingConfig
from nlpseq.tasks.seq2seq.scheduled_sampling import decode
from small import CPU, KillAt, KilledError, built, equal, history, weights
from small_pairs import make, pairs
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.decoding import SamplingOptions, generate
from nlpseq.errors import UserError
from nlpseq.experiment.run import run
from nlpseq.models.decoder import Decoder, Memory
from nlpseq.recipe import validate
from nlpseq.task import Cursor, Progress
from nlpseq.training.trainer import Trainer

BOS = 2
DECODERS: list[dict[str, Any]] = [
    {"attention": "general"},
    {"attention": "coverage", "input_feeding": True, "copying": True},
    {"kind": "transformer", "dropout": 0.0, "copying": True},
]


class World:
    """A batch, and a decoder that records its inputs."""

    def __init__(self, decoder: dict[str, Any], copies: int = 1, **sections: Any) -> None:
        self.task = make(decoder=decoder, training={"batch_size": 4 * copies}, **sections)
        self.model = built(self.task)
        split = pairs()
        batch = next(self.task.batches(split, training=True, seed=1, start=Cursor()))
        assert isinstance(batch.target, Tokens)
        self.target = batch.target
        self.decoder: Decoder = self.model.head
        self.memory: Memory
        self.memory, self.state = self.decoder.start(self.model.encode(batch.source), batch.source)
        self.inputs: list[Tensor] = []

    def decode(self, monkeypatch: pytest.MonkeyPatch, ratio: float, **config: Any) -> Any:
        """Return outputs to learn from; `inputs` records each tensor of ids that is read."""
        self.inputs = []
        readable = self.decoder.readable

        def written(ids: Tensor) -> Tensor:
            self.inputs.append(ids.clone())
            return readable(ids)

        with monkeypatch.context() as patch:
            patch.setattr(self.decoder, "readable", written)
            return decode(
                self.decoder,
                self.memory,
                self.state,
                self.target,
                BOS,
                ScheduledSamplingConfig(**config),
                ratio,
                self.task.forbidden,
            )


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_where_all_coins_say_gold_values_and_gradients_are_those_of_teacher_forcing(
    monkeypatch: pytest.MonkeyPatch, decoder: dict[str, Any], mode: str
) -> None:
    """The ratio is below 1, so tokens are read as in sampling."""
    found = []
    for ratio in (1.0, 1 - 1e-15):
        world = World(decoder)
        outputs = world.decode(monkeypatch, ratio, mode=mode).outputs
        steps = world.target.ids.size(1)
        assert len(world.inputs) == (
            1 if ratio == 1 else {"sequential": steps, "parallel": 2}[mode]
        )
        world.model.zero_grad()
        outputs[world.target.mask].square().sum().backward()
        gradients = [p.grad for p in world.model.parameters() if p.grad is not None]
        found.append([outputs[world.target.mask], *gradients])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_a_ratio_of_one_is_teacher_forcing(
    monkeypatch: pytest.MonkeyPatch, decoder: dict[str, Any], mode: str
) -> None:
    world = World(decoder)
    assert world.task.recipe.embedding.dropout == 0
    expected = run_decoder(
        world.decoder,
        shift_right(world.target.ids, BOS),
        world.memory,
        world.state,
        world.target.lengths,
    )
    generator = torch.get_rng_state()
    found = world.decode(monkeypatch, 1.0, mode=mode)
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.equal(found.outputs, expected.outputs)
    assert torch.equal(found.weights, expected.weights)
    assert torch.equal(world.inputs[0], shift_right(world.target.ids, BOS))
    one, two = (make(scheduled_sampling=part) for part in ({}, {"mode": mode}))
    losses = []
    for task in (one, two):
        model = built(task).train()
        batch = next(task.batches(pairs(), training=True, seed=1, start=Cursor()))
        loss, _ = task.loss(model, batch, (), Progress(5, 1, 0.5))
        loss.total.backward()
        losses.append([loss.total, *(p.grad for p in model.parameters())])
    assert all(torch.equal(first, second) for first, second in zip(*losses, strict=True))


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_ratio_of_zero_with_argmax_reads_what_greedy_decoding_writes(
    monkeypatch: pytest.MonkeyPatch, decoder: dict[str, Any]
) -> None:
    world = World(decoder)
    world.model.eval()
    world.decode(monkeypatch, 0.0, choose="argmax")
    inputs = torch.stack([ids.flatten() for ids in world.inputs], 1)  # (B, T)
    length = world.target.ids.size(1)
    assert inputs.shape == world.target.ids.shape
    written = generate(
        step_function(world.decoder),
        torch.full((len(inputs),), BOS),
        world.state,
        SamplingOptions(greedy=True, max_new_tokens=length - 1),
        eos_id=world.task.target.eos_id,
        forbidden=world.task.forbidden,
        memory=world.memory.parts,
    )
    assert inputs[:, 0].eq(BOS).all()
    for row, ids in enumerate(written):
        assert inputs[row, 1 : 1 + len(ids)].tolist() == ids
        if len(ids) < length - 1:
            assert inputs[row, 1 + len(ids)] == world.task.target.eos_id


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("passes", [1, 2])
def test_in_parallel_the_last_pass_reads_the_choices_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, decoder: dict[str, Any], passes: int
) -> None:
    world = World(decoder)
    found = world.decode(monkeypatch, 0.0, choose="argmax", mode="parallel", passes=passes)
    assert len(world.inputs) == 1 + passes
    mixed = shift_right(world.target.ids, BOS)
    for inputs in world.inputs:
        assert torch.equal(inputs, mixed)
        decoded = run_decoder(world.decoder, mixed, world.memory, world.state, world.target.lengths)
        log_probs = world.decoder.log_probs(decoded, world.memory).detach()
        log_probs[:, :, list(world.task.forbidden)] = -torch.inf
        mixed = shift_right(log_probs.argmax(2), BOS)
    torch.testing.assert_close(found.outputs, decoded.outputs)
    assert found.outputs.requires_grad


@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_a_coin_for_every_token(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """The model always predicts `own`, which no target has, so gold tokens are recognizable."""
    ratio, tosses, gold, mixed_rows, rows = 0.3, 0, 0, 0, 0
    world = World(DECODERS[0], copies=3)
    own = world.task.target.unk_id
    size = world.task.target_size
    real = torch.full((size,), -torch.inf).index_fill(0, torch.tensor(own), 0.0)
    monkeypatch.setattr(
        world.decoder,
        "log_probs",
        lambda decoded, _: real.expand(*decoded.outputs.shape[:2], -1).clone(),
    )
    torch.manual_seed(3)
    for _ in range(120):
        world.decode(monkeypatch, ratio, mode=mode)
        inputs = world.inputs[-1]
        if mode == "sequential":
            inputs = torch.cat([ids.view(-1, 1) for ids in world.inputs], 1)
        assert inputs[:, 0].eq(BOS).all()
        wanted = shift_right(world.target.ids, BOS)[:, 1:]
        taken = inputs[:, 1:] == wanted
        assert (taken | (inputs[:, 1:] == own)).all()
        tosses, gold = tosses + taken.numel(), gold + int(taken.sum())
        mixed_rows += int((taken.any(1) & ~taken.all(1)).sum())
        rows += len(taken)
    assert gold / tosses == pytest.approx(ratio, abs=4 * math.sqrt(ratio * (1 - ratio) / tosses))
    assert mixed_rows > rows / 2


def test_special_tokens_are_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(DECODERS[1])
    for choose in ("sample", "argmax"):
        for _ in range(20):
            world.decode(monkeypatch, 0.0, choose=choose, mode="parallel")
            assert not torch.isin(world.inputs[-1][:, 1:], torch.tensor(world.task.forbidden)).any()


# Schedules


@pytest.mark.parametrize(
    ("config", "step", "fraction", "expected"),
    [
        ({"start": 0.7}, 100, 0.5, 0.7),
        ({"schedule": "linear", "start": 0.9, "end": 0.1}, 100, 0.0, 0.9),
        ({"schedule": "linear", "start": 0.9, "end": 0.1}, 100, 0.25, 0.7),
        ({"schedule": "linear", "start": 0.9, "end": 0.1}, 100, 1.0, 0.1),
        ({"schedule": "exponential", "k": 0.99}, 0, 0.0, 1.0),
        ({"schedule": "exponential", "k": 0.99}, 100, 0.5, 0.99**100),
        ({"schedule": "exponential", "k": 0.99, "end": 0.4}, 100, 0.5, 0.4),
        ({"schedule": "inverse_sigmoid", "k": 50}, 0, 0.0, 50 / 51),
        ({"schedule": "inverse_sigmoid", "k": 50}, 100, 0.5, 50 / (50 + math.exp(2))),
        ({"schedule": "inverse_sigmoid", "k": 1, "end": 0.2}, 10**6, 0.5, 0.2),
    ],
)
def test_a_schedule_at_a_step(
    config: dict[str, Any], step: int, fraction: float, expected: float
) -> None:
    found = ScheduledSamplingConfig(**config).ratio(Progress(step, 0, fraction))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    "config",
    [
        {"schedule": "linear"},
        {"schedule": "exponential", "k": 0.999},
        {"schedule": "inverse_sigmoid", "k": 200},
    ],
)
def test_schedules_fall_within_their_ends(config: dict[str, Any]) -> None:
    chosen = ScheduledSamplingConfig(**config, start=0.95, end=0.25)
    ratios = [chosen.ratio(Progress(step, 0, step / 5000)) for step in range(0, 5001, 10)]
    assert all(first >= second for first, second in zip(ratios, ratios[1:], strict=False))
    assert ratios[0] <= 0.95
    assert ratios[0] == pytest.approx(0.95, abs=0.01)
    assert ratios[-1] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"schedule": "exponential", "k": 1}, "exponential decay needs k below 1"),
        ({"schedule": "inverse_sigmoid", "k": 0.5}, "inverse_sigmoid needs at least 1"),
        ({"schedule": "linear", "start": 0.2, "end": 0.5}, "start = 0.2 is below end = 0.5"),
        ({"start": 1.5}, "start = 1.5"),
    ],
)
def test_schedules_that_do_not_fall(config: dict[str, Any], said: str) -> None:
    task = make()
    document = {**task.recipe.model_dump(exclude_none=True), "scheduled_sampling": config}
    with pytest.raises(UserError, match=said):
        validate(type(task).Config, document, "test")


@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_the_ratio_is_in_the_history(tmp_path: Path, mode: str) -> None:
    result = run(
        "translation/quickstart",
        [
            "data.sizes={train=40,validation=4,test=4}",
            "embedding.dim=6",
            "encoder.hidden_size=6",
            "training.epochs=5",
            "training.log_steps=2",
            "decoding.max_new_tokens=5",
            "scheduled_sampling.schedule=linear",
            f"scheduled_sampling.mode={mode}",
            "scheduled_sampling.end=0.5",
        ],
        output=tmp_path / "run",
        device=CPU.type,
    )
    lines = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    ratios = [line["teacher_forcing_ratio"] for line in lines if "loss" in line]
    assert len(ratios) > 1
    assert ratios == sorted(ratios, reverse=True)
    assert 0.5 < ratios[-1] < ratios[0] <= 1
    assert result.metrics["steps"] > 0


@pytest.mark.parametrize(
    ("mode", "kind"), [("sequential", "lstm"), ("parallel", "lstm"), ("parallel", "transformer")]
)
def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path, mode: str, kind: str) -> None:
    def run(folder: Path, stop: int = -1) -> Trainer:
        task = make(
            splits={"train": pairs(), "validation": pairs(name="validation")},
            scheduled_sampling={"schedule": "linear", "end": 0.2, "mode": mode},
            embedding={"dropout": 0.2, "word_dropout": 0.1},
            decoder={"kind": kind, "copying": True, "output_dropout": 0.2},
            training={
                "average": "last_k",
                "epochs": 4.0,
                "checkpoint_steps": 3,
                "log_steps": 1,
                "validate_steps": 5,
            },
        )
        trainer = Trainer(
            task,
            built(task),
            accelerator=Accelerator(cpu=True),
            folder=folder,
            reporter=KillAt(stop),
        )
        torch.seed()
        trainer.fit(pairs(), pairs(name="validation"), resume=True)
        return trainer

    straight = run(tmp_path / "straight")
    assert history(straight)[-1]["step"] == 12
    for stop in (1, 5, 9):
        with pytest.raises(KilledError):
            run(tmp_path / f"{stop}", stop)
        resumed = run(tmp_path / f"{stop}")
        assert equal(weights(straight.model), weights(resumed.model))
        assert history(straight) == history(resumed)
