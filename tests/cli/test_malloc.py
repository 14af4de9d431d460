"""Freed memory stays in the process, for the next allocation."""

import os
import platform
import subprocess
import sys

import pytest

from nlpseq.cli.main import main

SCRIPT = """
import resource
import sys

import torch

from nlpseq.cli.malloc import keep_freed_memory


def step() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(2**20) for _ in range(32)]  # 128 MB, freed at the end
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


if sys.argv[1] == "keep":
    keep_freed_memory()
step()
print(sum(step() for _ in range(4)), 4 * 2**27 // resource.getpagesize())
"""
OTHERS = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")  # variables that may load another allocator


def faults(mode: str) -> tuple[int, int]:
    """Return the page faults of four steps, and the pages that they touch."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
    command = [sys.executable, "-c", SCRIPT, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found, pages = map(int, done.stdout.split())
    return found, pages


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is configured")
def test_freed_memory_costs_few_faults() -> None:
    left, pages = faults("leave")
    if left < pages / 4:
        pytest.skip("this system gives large pages, or memory is kept anyway")
    kept, _ = faults("keep")
    assert kept < left / 4


def test_every_command_keeps_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr("nlpseq.cli.main.keep_freed_memory", lambda: calls.append(None))
    assert main(["recipes", "list"]) == 0
    assert calls == [None]
