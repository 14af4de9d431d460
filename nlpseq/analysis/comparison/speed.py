"""Speed and memory of a model's answers, measured in a process of their own.

A process of its own, because the most memory that a process ever had is not that of one model among several.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from nlpseq.errors import UserError

ALONE, AT_ONCE, BATCHES = 20, 32, 4  # texts answered one by one; texts of a batch; batches


class Speed(NamedTuple):
    """How fast a model answers.

    Attributes:
        milliseconds: for one text, alone; the median.
        per_second: texts, 32 at once.
        megabytes: of memory that the process took at most, Python and torch included.
    """

    milliseconds: float
    per_second: float
    megabytes: float


def measure_speed(folder: Path, texts: Sequence[str], device: str | None = None) -> Speed:
    """Measure a trained model.

    Args:
        folder: its run directory.
        texts: to answer; the first that are not empty.
        device: where to run.

    Raises:
        UserError: there is no text, or the model does not answer.
    """
    given = [text for text in texts if text.strip()][: AT_ONCE * BATCHES]
    if not given:
        raise UserError(f"{folder}: no text to measure the speed of answers with")
    command = [sys.executable, "-m", __name__, str(folder), device or ""]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{folder}: the speed of its answers cannot be measured: {reason}")
    return Speed(**json.loads(done.stdout.splitlines()[-1]))


def speed_of(predictor: Any, texts: Sequence[str]) -> Speed:
    """Measure a predictor in this process.

    Args:
        predictor: whose `predict` answers texts.
        texts: not empty; the first ones are also answered alone.
    """
    predictor.predict(texts[:AT_ONCE])  # what is made at first use does not count
    seconds = []
    for text in texts[:ALONE]:
        started = time.perf_counter()
        predictor.predict([text])
        seconds.append(time.perf_counter() - started)
    started = time.perf_counter()
    for begin in range(0, len(texts), AT_ONCE):
        predictor.predict(texts[begin : begin + AT_ONCE])
    rate = len(texts) / (time.perf_counter() - started)
    return Speed(1000 * median(seconds), rate, _peak_memory())


def _peak_memory() -> float:
    """The most memory in megabytes that this process ever had."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where `ru_maxrss` starts from what the parent had
        lines = status.read_text("utf-8").splitlines()
        (peak,) = [line for line in lines if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024 / 1e6
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    from nlpseq import model_directory

    found = speed_of(model_directory.load(sys.argv[1], sys.argv[2] or None), json.load(sys.stdin))
    print(json.dumps(found._asdict()))
