"""Batch normalization over several processes is that of one with the whole batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from norm_worker import normalized
from simulated import DEVICE, moved, near, simulated

from nlpseq.layers.normalization import SequenceBatchNorm

WORKER = Path(__file__).parent / "norm_worker.py"


@pytest.mark.parametrize("rows", [3, pytest.param(1, marks=pytest.mark.long)])
def test_two_processes_are_one(rows: int, tmp_path: Path) -> None:
    """With a single row the second process has none, and takes part without counting."""
    file = tmp_path / "result"
    commands = [
        [sys.executable, str(WORKER), str(file), str(rank), "2", str(rows)] for rank in range(2)
    ]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    first, second = (torch.load(f"{file}.{rank}") for rank in range(2))
    whole = normalized(slice(None), True, rows)
    close = {"rtol": 1e-9, "atol": 1e-9}
    for name in ("norm.running_mean", "norm.running_var", "norm.num_batches_tracked"):
        torch.testing.assert_close(first[name], whole[name], **close)
        torch.testing.assert_close(second[name], whole[name], **close)
    for name in ("outputs", "inputs"):
        torch.testing.assert_close(first[name], whole[name][::2], **close)
        if rows > 1:
            torch.testing.assert_close(second[name], whole[name][1::2], **close)
    for name in ("grad.norm.weight", "grad.norm.bias"):
        torch.testing.assert_close(first[name] + second[name], whole[name], **close)


def test_the_form_of_a_gpu_is_torchs() -> None:
    torch.manual_seed(0)
    norm, inputs = SequenceBatchNorm(4).train(), torch.randn(3, 5, 4)
    mask = torch.arange(5) < torch.tensor([5, 2, 1]).unsqueeze(1)
    with simulated(float64=False):
        twin = moved(norm)
        outputs = near(twin(inputs.to(DEVICE), mask.to(DEVICE)))
    expected = norm(inputs, mask)
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)
    for one, two in zip(twin.buffers(), norm.buffers(), strict=True):
        torch.testing.assert_close(near(one), two)
    alone = torch.tensor([[[1.0, -2.0, 3.0, 0.0]]])
    with simulated():  # one token has no variance: the running statistics normalize it
        outputs = near(moved(norm)(alone.to(DEVICE), torch.ones(1, 1).bool().to(DEVICE)))
    torch.testing.assert_close(outputs, norm(alone, None), rtol=1e-4, atol=1e-5)
