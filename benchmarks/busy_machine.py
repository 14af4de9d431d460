"""Training beside busy processes: tokens per second as PyTorch's threads wait, and as the command line lets them wait.

    python benchmarks/busy_machine.py --output docs/results/benchmark-busy-machine.json

Each turn trains a recipe in a process of its own, in turns of both sides, on an idle machine and beside 1 to 4
processes that never rest; there PyTorch's own waiting is measured once, with a quarter of the updates, for the
numbers of `--pytorch-busy`. The marks: at most 5% slower when idle, and beside k processes at least half the speed
that cores / (cores + k) of the machine would have. The machine must be idle otherwise; the load of others is shown.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from reporting import Result, add_common, print_table, run, write_report

from nlpseq.cli.option_types import positive_int
from nlpseq.errors import UserError
from nlpseq.threads.waiting import Load

RECIPES = ("ner/quickstart", "language_modeling/quickstart")
SIDES = {"pytorch": {"GOMP_SPINCOUNT": "300000"}, "nlpseq": {}}
"""Variables of each side; the number is the default of GNU's library, with which nlpseq changes nothing."""
BUSY = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000):
        pass
"""
SLOWEST_IDLE = 0.95
SLOWEST_SHARE = 0.5


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Run processes that never rest; they end with this one, however it ends."""
    processes = [
        subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]) for _ in range(number)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def train(recipe: str, steps: int, side: str, busy: int) -> Result:
    """Train a recipe beside busy processes, and return its speed, times and the load of others."""
    environment = {**os.environ, **SIDES[side]}
    with tempfile.TemporaryDirectory() as folder, busy_processes(busy):
        command = [sys.executable, "-m", "nlpseq", "run", recipe, f"training.max_steps={steps}"]
        command += ["evaluation.baselines=false", "--no-test", "--output", folder + "/run"]
        load, started = Load(), time.perf_counter()
        before = sum(os.times()[2:4])
        done = subprocess.run(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        seconds, own = time.perf_counter() - started, sum(os.times()[2:4]) - before
        if done.returncode:
            raise UserError(f"{' '.join(command)} failed: {done.stdout[-300:]}")
        metrics = json.loads(Path(folder, "run/metrics.json").read_text("utf-8"))
    return {
        "tokens_per_second": metrics["tokens_per_second"],
        "training_seconds": metrics["seconds"],
        "seconds": seconds,
        "processor_seconds": own,
        "others": load.others() - own / seconds,
        "threads": metrics["threads"],
    }


def measure(recipe: str, arguments: argparse.Namespace) -> list[Result]:
    """Measure one recipe with every number of busy processes; both sides take turns."""
    results = []
    for busy in arguments.busy:
        turns: dict[str, list[Result]] = {side: [] for side in SIDES}
        for number in range(arguments.rounds if busy else arguments.idle_rounds):
            for side in list(SIDES) if number % 2 == 0 else list(SIDES)[::-1]:
                if side == "nlpseq" or not busy:
                    turns[side].append(train(recipe, arguments.steps, side, busy))
                elif (
                    not number and busy in arguments.pytorch_busy
                ):  # slow, and no mark is set for it
                    turns[side].append(train(recipe, arguments.steps // 4, side, busy))
        speeds = {
            side: median(turn["tokens_per_second"] for turn in done)
            for side, done in turns.items()
            if done
        }
        results.append({"recipe": recipe, "busy": busy, "turns": turns, **speeds})
    return results


def marks(results: Sequence[Result], cores: int) -> list[Result]:
    """Add to each result the share of the idle speed of PyTorch's own waiting, and the least that is wanted."""
    idle = next((result["pytorch"] for result in results if result["busy"] == 0), None)
    for result in results:
        busy = result["busy"]
        wanted = SLOWEST_SHARE * cores / (cores + busy) if busy else SLOWEST_IDLE
        result |= {"wanted": wanted, "share": result["nlpseq"] / idle if idle else None}
    return list(results)


def show(results: Sequence[Result]) -> None:
    """Print a row for each recipe and number of busy processes."""
    rows = [("recipe", "busy", "pytorch", "nlpseq", "of idle", "wanted", "reached", "others")]
    for result in results:
        share, wanted = result["share"], result["wanted"]
        load = max(turn["others"] for done in result["turns"].values() for turn in done)
        rows.append(
            (
                result["recipe"],
                str(result["busy"]),
                f"{result['pytorch']:,.0f}" if "pytorch" in result else "",
                f"{result['nlpseq']:,.0f}",
                "" if share is None else f"{share:.2f}",
                f"{wanted:.2f}",
                "" if share is None else ("yes" if share >= wanted else "no"),
                f"{load:.1f}",
            )
        )
    print_table(rows)


def parser() -> argparse.ArgumentParser:
    """Build the parser."""
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--recipes", nargs="+", default=RECIPES, metavar="NAME", help="to train")
    made.add_argument(
        "--steps", type=positive_int, default=200, metavar="N", help="updates of a turn"
    )
    made.add_argument(
        "--idle-rounds", type=positive_int, default=7, metavar="N", help="turns when idle"
    )
    made.add_argument(
        "--busy", type=int, nargs="+", default=[0, 1, 2, 3, 4], metavar="K", help="busy processes"
    )
    made.add_argument(
        "--pytorch-busy", type=int, nargs="+", default=[2], metavar="K", help="also with PyTorch's"
    )
    add_common(made, rounds=2)
    return made


def main(words: Sequence[str]) -> None:
    """Measure, print and write the figures."""
    arguments = parser().parse_args(words)
    cores = len(Load().processors)
    results = []
    for recipe in arguments.recipes:
        results += marks(measure(recipe, arguments), cores)
    show(results)
    write_report(arguments, results, cores=cores)


if __name__ == "__main__":
    run(main)
