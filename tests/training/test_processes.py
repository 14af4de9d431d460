"""Two gloo processes give the results of one process with the same global batches."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from worker import COMPARED, train

WORKER = Path(__file__).parent / "worker.py"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run all jobs in one launch of two processes, because torch starts slowly; one folder for each job."""
    folder = tmp_path_factory.mktemp("two")
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(folder)],
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    try:
        assert [worker.wait(timeout=300) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
    return folder


def reports(folder: Path, name: str = "report") -> list[dict[str, Any]]:
    return [json.loads((folder / f"{name}-{rank}.json").read_text()) for rank in range(2)]


def flat(value: Any) -> list[float]:
    return [n for part in value for n in flat(part)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("job", COMPARED)
def test_two_processes_are_one_with_the_same_batches(two: Path, tmp_path: Path, job: str) -> None:
    first, second = reports(two / job)
    train(tmp_path, job)
    single = json.loads((tmp_path / "report-0.json").read_text())
    assert first["weights"] == second["weights"]
    assert first["result"] == second["result"] | {"seconds": first["result"]["seconds"]}
    assert first["weights"].keys() == single["weights"].keys()
    for name, values in first["weights"].items():
        expected = pytest.approx(flat(single["weights"][name]), rel=1e-12, abs=1e-12)
        assert flat(values) == expected, name
    assert first["records"] == single["records"] == 7
    for key in ("step", "tokens", "best_step"):
        assert first["result"][key] == single["result"][key]
    assert first["scores"]["loss"] == pytest.approx(single["scores"]["loss"], rel=1e-12)
    one, other = (
        [json.loads(line) for line in (folder / "history.jsonl").open()]
        for folder in (tmp_path, two / job)
    )
    assert len(one) == len(other) >= 4
    for own, line in zip(one, other, strict=True):
        for key in own.keys() & {"loss", "tokens", "gradient_norm", "step"}:
            assert line[key] == pytest.approx(own[key], rel=1e-9), key


def test_they_stop_together_and_resume_exactly(two: Path) -> None:
    for report in reports(two / "stopped"):
        assert report["result"]["stopped"] == "interrupted"
        assert report["result"]["step"] == 6
    straight, resumed = reports(two / "straight"), reports(two / "stopped", "resumed")
    for one, other in zip(straight, resumed, strict=True):
        assert one["weights"] == other["weights"]
        assert one["scores"] == other["scores"]
        assert one["result"]["stopped"] == other["result"]["stopped"] == "finished"


def test_they_diverge_together(two: Path) -> None:
    for report in reports(two / "poison"):
        assert "diverged at step 4" in report["result"]["error"]


def test_another_number_of_processes_is_refused(two: Path) -> None:
    train(two / "windows", "windows", report="alone")
    error = json.loads((two / "windows" / "alone-0.json").read_text())["result"]["error"]
    assert "written by 2 process(es), and this run has 1" in error
