"""A command that is killed at any moment continues to the result of one that is not, or leaves what was there."""

from pathlib import Path

import pytest
from faults.scenarios import SCENARIOS, Trials

QUICK = {"run": [3, 60], "run --overwrite": [2, 8, 14, 20, 26], "predict": [5]}
"""Moments of the kills in the normal suite."""
MANY = {
    "run": 40,
    "run --resume": 30,
    "run --overwrite": 60,
    "evaluate": 20,
    "predict": 15,
    "predict --resume": 10,
    "compare": 15,
    "compare, training": 10,
    "train": 20,
}
"""Numbers of kills, 220 in all."""


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_killed_command_continues_exactly(name: str, tmp_path: Path) -> None:
    trials = Trials(SCENARIOS[name], tmp_path)
    for moment in QUICK[name]:
        trials.kill(moment)


@pytest.mark.long
@pytest.mark.parametrize("name", MANY)
def test_many_kills(name: str, tmp_path: Path) -> None:
    trials = Trials(SCENARIOS[name], tmp_path)
    kills = MANY[name]
    step = trials.operations / kills
    moments = {round(1 + step * number) for number in range(kills)}
    if name == "run --overwrite":  # a third of them where the old run gives way
        moments = {*range(1, kills // 3 + 1), *sorted(moments)[kills // 3 :]}
    for moment in sorted(moments):
        trials.kill(min(moment, trials.operations))
    print(f"{name}: {len(moments)} kills of {trials.operations} moments, {trials.whole} before")
