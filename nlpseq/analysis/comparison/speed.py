"""Speed and memory of a model's predictions, measured in a process of its own.

Peak memory belongs to a process, so models that share one cannot be distinguished.
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

from nlpseq import custom_code
from nlpseq.errors import UserError

ALONE, BATCH_SIZE, BATCHES = 20, 32, 4  # texts predicted one by one; in a batch; batches


class Speed(NamedTuple):
    """Speed and memory of predictions.

    Attributes:
        milliseconds: median latency of a single text.
        per_second: texts per second in batches of 32.
        megabytes: peak memory of the process, Python and torch included.
    """

    milliseconds: float
    per_second: float
    megabytes: float


def measure_speed(
    folder: Path, texts: Sequence[str | tuple[str, ...]], device: str | None = None
) -> Speed:
    """Measure a trained model.

    Args:
        folder: its run directory.
        texts: texts or pairs to predict for; the first that are not empty are used.
        device: where to run.

    Raises:
        UserError: there is no text, or prediction fails.
    """
    given = [text for text in texts if "".join(text).strip()][: BATCH_SIZE * BATCHES]
    if not given:
        raise UserError(f"{folder}: no text to measure the speed of predictions with")
    # -P: modules of the working folder, which may be a downloaded model, are not imported.
    command = [sys.executable, "-P", "-m", __name__, str(folder), device or ""]
    command += custom_code.registered_files()  # only what the user gave to this process
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{folder}: the speed of its predictions cannot be measured: {reason}")
    return Speed(**json.loads(done.stdout.rstrip("\n").split("\n")[-1]))


def speed_of(predictor: Any, texts: Sequence[Any]) -> Speed:
    """Measure a predictor in this process.

    Args:
        predictor: as `nlpseq.load` returns it.
        texts: texts or pairs, not empty; the first ones are also predicted one by one.
    """
    predictor.predict(texts[:BATCH_SIZE])  # caches fill at the first use
    seconds = []
    for text in texts[:ALONE]:
        started = time.perf_counter()
        predictor.predict([text])
        seconds.append(time.perf_counter() - started)
    started = time.perf_counter()
    for begin in range(0, len(texts), BATCH_SIZE):
        predictor.predict(texts[begin : begin + BATCH_SIZE])
    rate = len(texts) / (time.perf_counter() - started)
    return Speed(1000 * median(seconds), rate, _peak_memory())


def _peak_memory() -> float:
    """Return the peak memory of this process in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where `ru_maxrss` starts from the memory of the parent
        lines = status.read_text("utf-8").splitlines()
        (peak,) = [line for line in lines if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024 / 1e6
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    from nlpseq import model_directory

    custom_code.register(sys.argv[3:])
    measured = speed_of(
        model_directory.load(sys.argv[1], sys.argv[2] or None), json.load(sys.stdin)
    )
    print(json.dumps(measured._asdict()))
