"""Processors that this process may use: by its affinity, the quota of its cgroups, and the processes of its run.

PyTorch counts processors by the affinity alone. In a container with a quota of two of 64 processors it would start 64
threads, which the kernel then stops for most of the time.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

LOCAL_PROCESSES = "LOCAL_WORLD_SIZE"
"""Number of processes of a run on this machine, set by torchrun and accelerate."""


class Processors(NamedTuple):
    """Number of processors for a process, and the reason: `processors`, `affinity`, `quota` or `processes`."""

    number: int
    reason: str


def usable_processors(
    root: Path = Path("/"), environment: Mapping[str, str] = os.environ
) -> Processors:
    """Return the processors that this process may use; at least one.

    Args:
        root: folder of `proc` and `sys`.
        environment: has the number of processes of a run that share the machine.
    """
    everything, allowed = os.cpu_count() or 1, len(allowed_processors())
    result = Processors(allowed, "affinity" if allowed < everything else "processors")
    quota = cgroup_quota(root)
    if quota is not None and quota < result.number:
        result = Processors(max(1, int(quota)), "quota")
    with suppress(ValueError):
        processes = int(environment.get(LOCAL_PROCESSES, "1"))
        if processes > 1:
            result = Processors(max(1, result.number // processes), "processes")
    return result


def allowed_processors() -> list[int]:
    """Return the numbers of the processors in the affinity of this process; of all of them where there is none."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cgroup_quota(root: Path = Path("/")) -> float | None:
    """Return the processors that the cgroups of this process allow, the lowest of all levels; None: no limit."""
    quotas = [quota for folder in _folders(root) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def times_stopped(root: Path = Path("/")) -> int:
    """Count how often the kernel has stopped the cgroups of this process because their quota was used up."""
    counts = [line.split() for folder in _folders(root) for line in _lines(folder / "cpu.stat")]
    stops = [count[1] for count in counts if len(count) == 2 and count[0] == "nr_throttled"]
    return sum(int(count) for count in stops if count.isdecimal())


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders of the cgroups of this process, with those above them."""
    mounts = list(_mounts(root))
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for kind, options, top, mounted in mounts:
            unified = kind == "cgroup2" and number == "0"
            if not unified and not (
                kind == "cgroup" and "cpu" in controllers.split(",") and "cpu" in options
            ):
                continue
            below = PurePosixPath(path)
            if below.is_relative_to(top):  # a container may see a part of the tree only
                below = below.relative_to(top)
            inner = PurePosixPath(*[part for part in below.parts if part not in ("/", "..")])
            home = root / mounted.lstrip("/")
            yield home / inner
            yield from (home / above for above in inner.parents)


def _mounts(root: Path) -> Iterator[tuple[str, list[str], str, str]]:
    """Yield type, options, top and mount point of each cgroup file system."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) > 4 and len(kind) > 2 and kind[0] in ("cgroup", "cgroup2"):
            yield kind[0], kind[2].split(","), fields[3], fields[4]


def _quota(folder: Path) -> float | None:
    """Return the processors that one cgroup allows; None: no limit, or a file that says nothing."""
    newer = " ".join(_lines(folder / "cpu.max")).split()
    older = [
        " ".join(_lines(folder / f"cpu.cfs_{name}_us")).strip() for name in ("quota", "period")
    ]
    for quota, period in (newer[:2] if len(newer) == 2 else ("", ""), older):
        with suppress(ValueError):  # "max", or no such file
            if int(quota) > 0 and int(period) > 0:
                return int(quota) / int(period)
    return None


def _lines(path: Path) -> list[str]:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").splitlines()
    return []
