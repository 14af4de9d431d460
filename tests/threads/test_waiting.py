"""Tests of threads that wait as the load allows."""

import os
import sys
import time
from pathlib import Path

import pytest
import torch

from nlpseq.threads import waiting
from nlpseq.threads.waiting import Load, SpinLimit, Waiting


class FakeClock:
    """The times that a `Load` reads: the clock, the processors and this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stat: Path) -> None:
        self.seconds, self.own, self.busy, self.stat = 100.0, 10.0, 50.0, stat
        monkeypatch.setattr(time, "monotonic", lambda: self.seconds)
        monkeypatch.setattr(time, "process_time", lambda: self.own)
        monkeypatch.setattr(os, "sysconf", lambda _: 100, raising=False)
        monkeypatch.setattr(waiting, "allowed_processors", lambda: [0, 2])
        self.write()

    def write(self) -> None:
        """Write /proc/stat: half of the busy time is of programs, a quarter of the kernel, a quarter stolen."""
        ticks = int(self.busy * 100)
        mine = f"{ticks // 2} 0 {ticks // 4} 777 888 0 0 {ticks // 4} 55 66"
        lines = ["cpu 9 9 9 9 9 9 9 9 9 9", f"cpu0 {mine}", "cpu1 5000 0 0 0 0 0 0 0 0 0"]
        self.stat.write_text("\n".join([*lines, "cpu2 0 0 0 4 5 0 0 0 0 0", "intr 1 2"]) + "\n")

    def pass_time(self, seconds: float, others: float, own: float) -> None:
        """Let time pass, with a number of processors that others and this process use."""
        self.seconds += seconds
        self.own += own * seconds
        self.busy += (own + others) * seconds
        self.stat.touch()
        self.write()


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    return FakeClock(monkeypatch, tmp_path / "stat")


def test_load_of_other_programs(clock: FakeClock) -> None:
    load = Load(clock.stat)
    clock.pass_time(4, others=0.5, own=1.25)
    assert load.others() == pytest.approx(0.5)
    clock.pass_time(4, others=0, own=2)
    assert load.others() == pytest.approx(0)


@pytest.mark.parametrize("text", ["", "cpu0 a b c d e f g h", "cpu0", "other"])
def test_load_without_figures_is_none(clock: FakeClock, text: str) -> None:
    clock.stat.write_text(text)
    load = Load(clock.stat)
    clock.seconds += 1
    assert load.others() == 0


def test_load_without_a_file_is_none(tmp_path: Path) -> None:
    assert Load(tmp_path / "missing").others() == 0


class Recorder:
    """Stands for a `SpinLimit`."""

    def __init__(self) -> None:
        self.said: list[bool] = []

    def set(self, *, short: bool, threads: int) -> None:
        """Note what was wanted."""
        self.said.append(short)


@pytest.mark.parametrize(
    ("threads", "others", "short"),
    [(2, 0, False), (2, 0.2, False), (2, 0.5, True), (2, 2, True), (1, 1, False), (1, 2, True)],
)
def test_threads_spin_shortly_where_others_want_the_processors(
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
    others: float,
    short: bool,
) -> None:
    monkeypatch.setattr(waiting, "STAT", clock.stat)
    waits = Waiting()
    waits._load = Load(clock.stat)
    waits._limit = recorder = Recorder()  # type: ignore[assignment]
    waits._threads = threads
    clock.pass_time(1, others=others, own=1)
    waits.look()
    assert recorder.said == [short]
    assert waits.crowded == (1.0 if short else 0.0)


def test_used_up_quota_shortens_spinning_for_a_time(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = iter([5, 5, 6, 6, 6, 6])
    monkeypatch.setattr(waiting, "times_stopped", lambda: next(stops))
    monkeypatch.setattr(waiting, "AFTER_STOP", 2)
    waits = Waiting()
    waits._load = Load(clock.stat)
    waits._limit = recorder = Recorder()  # type: ignore[assignment]
    for _ in range(5):
        clock.pass_time(1, others=0, own=1)
        waits.look()
    assert recorder.said == [False, True, True, True, False]


def test_other_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LIBRARY", "libno-such-library.so.9")
    waits = Waiting()
    waits.start(2)
    assert waits.kind == "library"
    assert waits._watcher is None


def uses_gnu_library() -> bool:
    try:
        SpinLimit()
    except (OSError, AttributeError):
        return False
    return True


gnu = pytest.mark.skipif(not uses_gnu_library(), reason="PyTorch uses another OpenMP library")


def products() -> torch.Tensor:
    """Compute what several threads share."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(300, 400, generator=generator)
    return (rows @ rows.t()).tanh().sum(dim=0)


@gnu
def test_spinning_changes_no_number() -> None:
    before, limit = torch.get_num_threads(), SpinLimit()
    torch.set_num_threads(2)
    try:
        long = products()
        for short in (True, True, False, True, False):
            limit.set(short=short, threads=2)
            assert limit.short is short
            assert torch.equal(products(), long)
    finally:
        limit.set(short=False, threads=2)
        torch.set_num_threads(before)


@gnu
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_short_spinning_uses_no_processor_and_leaves_no_thread() -> None:
    limit, tasks = SpinLimit(), Path("/proc/self/task")
    limit.set(short=True, threads=2)
    limit.set(short=False, threads=2)
    before = len(list(tasks.iterdir()))
    for _ in range(5):
        limit.set(short=True, threads=2)
        started = time.process_time()
        time.sleep(0.1)
        assert time.process_time() - started < 0.05
        limit.set(short=False, threads=2)
    deadline = time.monotonic() + 10
    while len(list(tasks.iterdir())) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(list(tasks.iterdir())) <= before
