import json

import pytest
from tiny import config

from nlpseq.training.progress import Best, RunLength, RunState


def steps(batches: int, **training) -> int:
    """Count the updates of a run in which every epoch has the estimated number of batches."""
    made = config(**training)
    length, run = RunLength(batches, made), RunState()
    while not length.is_over(run):
        run.step += 1
        run.batch = min(run.batch + made.accumulation, batches)
        if run.batch == batches:
            run.epoch, run.batch = run.epoch + 1, 0
    assert run.step == length.total
    return run.step


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"epochs": 2.0}, 60),
        ({"epochs": 0.1}, 3),
        ({"epochs": 1.5}, 45),
        ({"epochs": 0.0001}, 1),
        ({"epochs": 1.9999}, 60),
        ({"epochs": 2.0, "accumulation": 4}, 16),
        ({"epochs": 1.5, "accumulation": 4}, 12),
        ({"epochs": 2.0, "max_steps": 7}, 7),
        ({"epochs": 2.0, "max_steps": 700}, 60),
    ],
)
def test_a_plan_is_as_long_as_it_says(training: dict, expected: int) -> None:
    assert steps(30, **training) == expected


def test_a_whole_epoch_ends_with_its_batches_not_with_the_estimate() -> None:
    length, run = RunLength(30, config(epochs=1.0)), RunState(step=33, batch=33)
    assert not length.is_over(run)
    assert length.progress(run).fraction == 1.0
    assert length.epoch(run) == 1.0
    assert length.is_over(RunState(step=28, epoch=1))


def test_a_run_state_survives_json() -> None:
    run = RunState(step=3, tokens=1e15 + 1, line_total=1 / 3, best=Best("x", 2, {"loss": 0.1}))
    assert RunState.from_json(json.loads(json.dumps(run.to_json()))) == run
    assert RunState.from_json(json.loads(json.dumps(RunState().to_json()))) == RunState()


def test_a_run_of_few_updates_is_said_with_the_epochs_that_make_enough() -> None:
    short = RunLength(8, config(epochs=2.0)).short_run_note()
    assert short.startswith("training makes only 16 updates")
    assert "training.epochs=75 makes about 600" in short
    assert RunLength(8, config(epochs=75.0)).total == 600
    accumulated = RunLength(8, config(epochs=2.0, accumulation=2)).short_run_note()
    assert "only 8 updates" in accumulated
    assert "training.epochs=150 " in accumulated


def test_no_note_where_updates_are_many_or_limited_by_the_recipe() -> None:
    assert RunLength(100, config(epochs=2.0)).short_run_note() == ""
    assert RunLength(100, config(epochs=1.99)).short_run_note()
    assert RunLength(8, config(epochs=2.0, max_steps=10)).short_run_note() == ""
