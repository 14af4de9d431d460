"""One of several processes that train the tiny task in many ways: `worker.py FOLDER`."""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tiny import TRAIN, VALIDATION, recipe, trainer

from nlpseq.errors import UserError
from nlpseq.training.reporters import SilentReporter

OPTIONS: dict[str, Any] = {"epochs": 2.0, "optimizer": "adam", "clip_norm": 0.3, "l2": 0.01}

JOBS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # 24 texts of different lengths in batches of 5; the last batch has 4.
    "texts": ({"stream": False, "dropout": 0.0}, {"batch_size": 5}),
    # The last batch has one row, so one process has none.
    "alone": ({"stream": False, "dropout": 0.0}, {"batch_size": 23, "learning_rate": 0.1}),
    "accumulated": ({"stream": False, "dropout": 0.0}, {"batch_size": 3, "accumulation": 3}),
    "windows": ({"stream": True, "dropout": 0.0}, {"batch_size": 4, "average": "ema"}),
    "dropout": ({"stream": True, "dropout": 0.3}, {"batch_size": 4, "checkpoint_steps": 2}),
    "poison": ({"stream": True, "poison": 3}, {"batch_size": 4}),
}
COMPARED = ("texts", "alone", "accumulated", "windows")


class Interrupt(SilentReporter):
    """Requests a stop in the first process only."""

    def __init__(self, step: int) -> None:
        self.step = step

    def advance(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        if step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


def train(folder: Path, job: str, stop: int = 0, report: str = "report") -> None:
    """Train or resume, and write the results."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny, training = JOBS[job]
    made = trainer(recipe(tiny, **OPTIONS | training), folder, torch.float64)
    if made.accelerator.is_main_process:
        made.reporter = Interrupt(stop)
    try:
        result = vars(made.fit(TRAIN, VALIDATION, resume=True))
    except UserError as error:
        result = {"error": str(error)}
    rank = made.accelerator.process_index
    weights = {name: p.tolist() for name, p in made.model.named_parameters()}
    scores, records = made.evaluate(VALIDATION)
    report_of_rank = {
        "result": result,
        "weights": weights,
        "scores": scores,
        "records": len(records),
    }
    (folder / f"{report}-{rank}.json").write_text(json.dumps(report_of_rank))


if __name__ == "__main__":
    torch.set_num_threads(1)
    root = Path(sys.argv[1])
    for name in COMPARED:
        train(root / name, name)
    train(root / "poison", "poison")
    train(root / "straight", "dropout")
    train(root / "stopped", "dropout", stop=5)
    train(root / "stopped", "dropout", report="resumed")
    torch.distributed.destroy_process_group()
