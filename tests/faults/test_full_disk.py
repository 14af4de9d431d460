"""A disk that becomes full at any moment: one line, nothing lost, and the command continues to the same result."""

from pathlib import Path

import pytest
from faults.full_disks import FullTrials
from faults.scenarios import SCENARIOS

QUICK = {"run": [1, 9, 40, 110], "run --overwrite": [1, 23, 30], "evaluate": [2, 8], "predict": [4]}
"""Moments in the normal suite."""
MANY = {
    "run": 30,
    "run --resume": 12,
    "run --overwrite": 30,
    "evaluate": 12,
    "predict": 8,
    "predict --resume": 6,
    "compare": 8,
    "train": 12,
}
"""Numbers of full disks, 118 in all."""


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_full_disk_loses_nothing(name: str, tmp_path: Path) -> None:
    trials = FullTrials(SCENARIOS[name], tmp_path)
    for moment in QUICK[name]:
        trials.fill(moment)


@pytest.mark.long
@pytest.mark.parametrize("name", MANY)
def test_many_full_disks(name: str, tmp_path: Path) -> None:
    trials = FullTrials(SCENARIOS[name], tmp_path)
    step = trials.operations / MANY[name]
    moments = sorted({round(1 + step * number) for number in range(MANY[name])})
    for moment in moments:
        trials.fill(min(moment, trials.operations))
    print(
        f"{name}: {len(moments)} full disks of {trials.operations} moments, {trials.unchanged} unchanged"
    )
