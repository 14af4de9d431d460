"""In a training step the host waits once, mixes no devices, and makes the update that it makes on a CPU."""

import contextlib
import copy
from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from simulated import DEVICE, moved, near, simulated
from small_tasks import RANDOM, WAYS, build
from torch import Tensor, nn

from nlpseq.task import Cursor, Progress, Task
from nlpseq.training.optimization import build_optimizer
from nlpseq.training.train_step import Objective, TrainStep

CPU = torch.device("cpu")


def accelerator(device: torch.device) -> Any:
    """Return what a step asks of accelerate, for a single process."""
    return SimpleNamespace(
        device=device,
        scaler=None,
        process_index=0,
        num_processes=1,
        no_sync=lambda _: contextlib.nullcontext(),
    )


def steps(task: Task[Any], model: nn.Module, split: Any, device: torch.device) -> Iterator[Any]:
    """Make two steps, and yield the result of each."""
    config = task.recipe.training
    optimizer = build_optimizer(task.parameter_groups(model), config)
    step = TrainStep(Objective(task, model), optimizer, accelerator(device), config)
    batches = task.batches(split, training=True, seed=1, start=Cursor())
    carry: Any = ()
    torch.manual_seed(0)  # the simulated device draws the same numbers
    for number in range(2):
        group = list(islice(batches, config.accumulation))
        result, carry = step(group, carry, Progress(number), 1.0, False)
        yield result


def values(model: nn.Module) -> list[Tensor]:
    return [near(parameter.detach()) for parameter in model.parameters()]


@pytest.mark.parametrize("way", WAYS)
def test_the_host_waits_once(way: str) -> None:
    task, split = build(way)
    model = task.build().train()
    twin = copy.deepcopy(model)
    expected = list(steps(task, twin, split, CPU))
    with simulated(float64=False) as device:
        far, results = moved(model), []
        making = steps(task, far, split, DEVICE)
        results.append(next(making))
        device.waits.clear()  # the first step may copy what later ones use
        results.append(next(making))
        assert dict(device.waits) == {"_to_copy": 1}
    if way in RANDOM:
        return
    for result, same in zip(results, expected, strict=True):
        assert result.total == pytest.approx(same.total, rel=1e-4)
        assert result.count == same.count
        assert result.gradient_norm == pytest.approx(same.gradient_norm, rel=1e-3)
    for parameter, same_parameter in zip(values(far), values(twin), strict=True):
        torch.testing.assert_close(parameter, same_parameter, rtol=1e-3, atol=2e-4)


def test_waits_are_counted() -> None:
    """The test above can fail: each of these is a wait."""
    with simulated() as device:
        numbers = torch.arange(4.0).to(DEVICE)
        device.waits.clear()
        assert float(numbers.sum()) == 6
        assert bool((numbers > 2).any())
        assert len(numbers[numbers > 1]) == 2
        assert len(numbers.nonzero()) == 3
        assert numbers.tolist() == [0, 1, 2, 3]
        torch.ones(2).to(DEVICE)
        torch.tensor([1.0], device=DEVICE)
        assert sum(device.waits.values()) == 7
        with pytest.raises(RuntimeError, match="mixed"):
            numbers + torch.arange(4)
    with pytest.raises(AssertionError, match="no float64"), simulated(float64=False):
        torch.zeros(2, device=DEVICE).double()
