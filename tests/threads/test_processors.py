"""Tests of the processors that a process may use."""

import os
from pathlib import Path

import pytest

from nlpseq.threads.processors import (
    Processors,
    allowed_processors,
    cgroup_quota,
    times_stopped,
    usable_processors,
)

UNIFIED = "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw,nsdelegate\n"
SPLIT = "31 1 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
MEMORY = "32 1 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def describe(root: Path, cgroup: str, mounts: str) -> None:
    """Write the two files that say where the cgroups of a process are."""
    write(root / "proc/self/cgroup", cgroup)
    write(root / "proc/self/mountinfo", f"27 1 254:0 / / rw - ext4 /dev/vda rw\n{mounts}")


@pytest.mark.parametrize(
    ("text", "quota"),
    [("200000 100000\n", 2.0), ("150000 100000\n", 1.5), ("max 100000\n", None), ("", None)],
)
def test_quota_of_version_2(tmp_path: Path, text: str, quota: float | None) -> None:
    describe(tmp_path, "0::/\n", UNIFIED)
    write(tmp_path / "sys/fs/cgroup/cpu.max", text)
    assert cgroup_quota(tmp_path) == quota


def test_lowest_quota_of_all_levels_counts(tmp_path: Path) -> None:
    describe(tmp_path, "0::/jobs/one\n", UNIFIED)
    write(tmp_path / "sys/fs/cgroup/jobs/one/cpu.max", "400000 100000\n")
    write(tmp_path / "sys/fs/cgroup/jobs/cpu.max", "50000 25000\n")
    assert cgroup_quota(tmp_path) == 2.0


@pytest.mark.parametrize(("quota", "processors"), [("300000", 3.0), ("-1", None)])
def test_quota_of_version_1(tmp_path: Path, quota: str, processors: float | None) -> None:
    describe(tmp_path, "5:memory:/m\n4:cpu,cpuacct:/docker/ab\n", MEMORY + SPLIT)
    write(tmp_path / "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_quota_us", f"{quota}\n")
    write(tmp_path / "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_period_us", "100000\n")
    assert cgroup_quota(tmp_path) == processors


def test_container_that_sees_a_part_of_the_tree(tmp_path: Path) -> None:
    mount = "31 1 0:29 /docker/ab /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
    describe(tmp_path, "4:cpu:/docker/ab\n", mount)
    write(tmp_path / "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n")
    write(tmp_path / "sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n")
    assert cgroup_quota(tmp_path) == 2.0


def test_path_above_the_mount_is_read_at_the_mount(tmp_path: Path) -> None:
    describe(tmp_path, "0::/../../other\n", UNIFIED)
    write(tmp_path / "cpu.max", "100000 100000\n")
    write(tmp_path / "sys/fs/cgroup/cpu.max", "700000 100000\n")
    assert cgroup_quota(tmp_path) == 7.0


@pytest.mark.parametrize("text", ["0 100000", "100000 0", "a b", "1 2 3", "\x00"])
def test_odd_files_are_no_limit(tmp_path: Path, text: str) -> None:
    describe(tmp_path, "0::/\n:\nx\n", UNIFIED + "short - cgroup2\n")
    write(tmp_path / "sys/fs/cgroup/cpu.max", text)
    assert cgroup_quota(tmp_path) is None


def test_stops_by_the_quota_are_counted_on_all_levels(tmp_path: Path) -> None:
    describe(tmp_path, "0::/jobs/one\n", UNIFIED)
    write(tmp_path / "sys/fs/cgroup/jobs/one/cpu.stat", "nr_periods 9\nnr_throttled 3\n")
    write(tmp_path / "sys/fs/cgroup/jobs/cpu.stat", "nr_throttled 4\nthrottled_usec 5\n")
    write(tmp_path / "sys/fs/cgroup/cpu.stat", "nr_throttled\nnr_throttled x\n\n")
    assert times_stopped(tmp_path) == 7
    assert times_stopped(tmp_path / "nothing") == 0


def test_no_files_are_no_limit(tmp_path: Path) -> None:
    assert cgroup_quota(tmp_path) is None
    assert usable_processors(tmp_path, {}).number == len(allowed_processors())


def set_processors(monkeypatch: pytest.MonkeyPatch, machine: int, allowed: int) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: machine)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)


@pytest.mark.parametrize(
    ("quota", "processes", "expected"),
    [
        ("max", "", Processors(8, "affinity")),
        ("250000", "", Processors(2, "quota")),
        ("50000", "", Processors(1, "quota")),
        ("1600000", "", Processors(8, "affinity")),
        ("max", "1", Processors(8, "affinity")),
        ("max", "3", Processors(2, "processes")),
        ("600000", "2", Processors(3, "processes")),
        ("max", "99", Processors(1, "processes")),
        ("max", "many", Processors(8, "affinity")),
    ],
)
def test_affinity_quota_and_processes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quota: str,
    processes: str,
    expected: Processors,
) -> None:
    set_processors(monkeypatch, machine=16, allowed=8)
    describe(tmp_path, "0::/\n", UNIFIED)
    write(tmp_path / "sys/fs/cgroup/cpu.max", f"{quota} 100000\n")
    environment = {"LOCAL_WORLD_SIZE": processes} if processes else {}
    assert usable_processors(tmp_path, environment) == expected


def test_whole_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_processors(monkeypatch, machine=4, allowed=4)
    assert usable_processors(tmp_path, {}) == Processors(4, "processors")


def test_systems_without_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_processors(tmp_path, {}) == Processors(6, "processors")
