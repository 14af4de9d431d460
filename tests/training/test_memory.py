"""Freed memory that stays: it is there when it is allocated again."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import sys

import torch

from nlpseq.training.memory import keep_freed_memory


def step() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(2**20) for _ in range(32)]  # 128 MB, freed at the end
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


if sys.argv[1] == "keep":
    keep_freed_memory()
step()
print(sum(step() for _ in range(4)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_freed_memory_costs_fewer_faults() -> None:
    def faults(mode: str) -> int:
        command = [sys.executable, "-c", SCRIPT, mode]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("keep") < faults("leave") / 4
