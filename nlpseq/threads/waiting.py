"""Waiting threads: they spin on an idle machine, and sleep soon while other programs want the processors.

Threads of OpenMP meet after each operation, and the first ones spin until the last one comes, for milliseconds in GNU's
library. On a free processor nothing is faster. Beside other programs a spinning thread takes the processor from the
thread that it waits for. GNU's library spins a thousandth of that while its threads outnumber the processors; so a
second, sleeping pool of threads switches from one to the other. No number that is computed depends on it.
"""

import ctypes
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from .processors import allowed_processors, times_stopped

LIBRARY = "libgomp.so.1"
PERIOD = 0.5
"""Seconds between two looks at the load."""
MARGIN = 0.25
"""Load of other programs, in processors, that does not count."""
AFTER_STOP = 120
"""Looks after which threads spin long again, once the quota of a container was used up."""
STAT = Path("/proc/stat")
IDLE = (3, 4)
"""Columns of /proc/stat for a processor that does nothing or waits for a disk."""
GUEST = 8
"""First of the columns that are contained in earlier ones."""


class Load:
    """Measures how many processors other programs use, of those that this process may use.

    Args:
        stat: file with the times of each processor.
    """

    def __init__(self, stat: Path = STAT) -> None:
        self.stat = stat
        self.processors = allowed_processors()
        self._last = self._times()

    def others(self) -> float:
        """Return the mean number of processors that others used since the last call; 0 where nothing tells."""
        now, last = self._times(), self._last
        seconds = now[0] - last[0]
        if seconds <= 0 or now[1] <= 0:
            return 0.0
        self._last = now
        return max(0.0, (now[1] - last[1] - (now[2] - last[2])) / seconds)

    def _times(self) -> tuple[float, float, float]:
        """Return three times in seconds: by the clock, of busy processors, and of this process."""
        names = {f"cpu{number}" for number in self.processors}
        ticks = 0
        with suppress(OSError, ValueError):
            for line in self.stat.read_text(encoding="ascii").splitlines():
                name, *columns = line.split()
                if name in names and len(columns) > max(IDLE):
                    counts = [int(column) for column in columns[:GUEST]]
                    ticks += sum(counts) - sum(counts[index] for index in IDLE)
        rate = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
        return time.monotonic(), ticks / rate, time.process_time()


class SpinLimit:
    """Switches GNU's OpenMP library between long and short spinning.

    Raises:
        OSError: PyTorch uses another library.
        AttributeError: it uses another library.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(LIBRARY, mode=os.RTLD_NOLOAD)  # the one that PyTorch has loaded
        self._parallel = library.GOMP_parallel
        self._parallel.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_uint,
        ]
        self._parallel.restype = None
        self._nothing = ctypes.cast(library.omp_get_thread_num, ctypes.c_void_p)
        self._processors = library.omp_get_num_procs()
        self._end: threading.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def short(self) -> bool:
        """True while threads spin shortly."""
        return self._thread is not None

    def set(self, *, short: bool, threads: int) -> None:
        """Let threads spin shortly, or long.

        Args:
            short: what is wanted.
            threads: number of PyTorch's threads.
        """
        if short == self.short:
            return
        if short:
            begun, self._end = threading.Event(), threading.Event()
            more = max(2, self._processors - threads + 2)  # together more than processors
            self._thread = threading.Thread(
                target=self._hold, args=(more, begun, self._end), daemon=True
            )
            self._thread.start()
            begun.wait()
        elif self._thread and self._end:
            self._end.set()
            self._thread.join()  # its pool ends with it
            self._thread = None

    def _hold(self, number: int, begun: threading.Event, end: threading.Event) -> None:
        """Own a pool of threads that do nothing."""
        self._parallel(self._nothing, None, number, 0)
        begun.set()
        end.wait()


class Waiting:
    """Lets threads wait as the load of the machine allows, from a thread of its own.

    Made at the start of a process, so that the first decision knows the load of its first seconds.
    """

    def __init__(self) -> None:
        self.kind = "library"
        self._load = Load()
        self._limit: SpinLimit | None = None
        self._threads = 1
        self._looks = self._crowded = 0
        self._stopped, self._short_until = times_stopped(), 0
        self._watcher: threading.Thread | None = None

    @property
    def crowded(self) -> float:
        """Share of the time since `start` in which others wanted the processors too, or a quota was used up."""
        return round(self._crowded / max(1, self._looks), 3)

    def start(self, threads: int) -> None:
        """Watch the load if several threads wait for each other in GNU's library.

        Args:
            threads: number of PyTorch's threads.
        """
        self._threads = threads
        if threads == 1 or self._watcher is not None:
            return
        try:
            self._limit = SpinLimit()
        except (OSError, AttributeError):  # another library, another system
            return
        self.kind = "load"
        self.look()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def look(self) -> None:
        """Measure the load, and decide how threads wait."""
        others, stopped = self._load.others(), times_stopped()
        self._looks += 1
        if stopped > self._stopped:  # spinning uses up the quota, too
            self._stopped, self._short_until = stopped, self._looks + AFTER_STOP
        crowded = (
            others + self._threads > len(self._load.processors) + MARGIN
            or self._looks <= self._short_until
        )
        self._crowded += crowded
        if self._limit is not None:
            self._limit.set(short=crowded, threads=self._threads)

    def _watch(self) -> None:
        while True:
            time.sleep(PERIOD)
            self.look()
