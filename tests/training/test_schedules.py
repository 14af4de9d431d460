import math

import pytest
import torch
from tiny import config

from nlpseq.training.schedules import Plateau, is_better, schedule_factor, warmup_steps


def curve(total: int, **training) -> list[float]:
    made = config(learning_rate=1.0, **training)
    return [schedule_factor(step, total, made) for step in range(total)]


def test_constant_is_one_and_warmup_climbs_to_it() -> None:
    assert curve(5, schedule="constant") == [1.0] * 5
    assert curve(6, schedule="constant", warmup=4.0) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_warmup_below_one_is_a_share() -> None:
    assert warmup_steps(200, config(warmup=0.05)) == 10
    assert warmup_steps(200, config(warmup=7.0)) == 7
    assert warmup_steps(200, config(schedule="one_cycle")) == 60


def test_linear_and_cosine_are_the_closed_forms() -> None:
    linear = curve(10, schedule="linear", warmup=2.0, final_learning_rate=0.2)
    assert linear[2:] == pytest.approx([1 - 0.8 * k / 8 for k in range(8)])
    cosine = curve(10, schedule="cosine", final_learning_rate=0.1)
    expected = [0.1 + 0.9 * (1 + math.cos(math.pi * k / 10)) / 2 for k in range(10)]
    assert cosine == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "one_cycle"])
def test_the_rate_stays_at_its_final_value(schedule: str) -> None:
    made = config(learning_rate=0.5, schedule=schedule, final_learning_rate=0.05)
    assert schedule_factor(100, 100, made) == pytest.approx(0.1)
    assert schedule_factor(140, 100, made) == pytest.approx(0.1)
    assert min(curve(30, schedule=schedule, warmup=0.1)) > 0


def test_inverse_square_root_is_that_of_vaswani() -> None:
    rates = curve(50, schedule="inverse_sqrt", warmup=8.0)
    expected = [min(s**-0.5, s * 8**-1.5) * 8**0.5 for s in range(1, 51)]
    assert rates == pytest.approx(expected)


def test_one_cycle_follows_torch() -> None:
    total = 1000
    ours = curve(total, schedule="one_cycle", final_learning_rate=0.04 * 1e-4)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=total, cycle_momentum=False
    )
    rates = []
    for _ in range(total):
        rates.append(theirs.get_last_lr()[0])
        optimizer.step()
        if len(rates) < total:
            theirs.step()
    assert ours == pytest.approx(rates, abs=2 * math.pi / total)


def test_plateau_reduces_after_its_patience_and_survives_json() -> None:
    plateau = Plateau(0.5, 1)
    scales = []
    for score in [3.0, 2.0, 2.0, 2.5, 2.1, 2.2, 1.0]:
        plateau.update(score, higher_is_better=False)
        again = Plateau(0.5, 1)
        again.load(plateau.state())
        plateau = again
        scales.append(plateau.scale)
    assert scales == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_better() -> None:
    assert is_better(1.0, None, True)
    assert is_better(2.0, 1.0, True)
    assert is_better(1.0, 2.0, False)
    assert not is_better(1.0, 1.0, True)
    assert not is_better(1.0, 1.0, False)
    assert not is_better(math.nan, None, False)
