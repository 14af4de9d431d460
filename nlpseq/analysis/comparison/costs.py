"""What a model took to train, and takes to keep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from nlpseq import model_directory

from .runs import Candidate, TrainedRun
from .speed import Speed


@dataclass(frozen=True)
class Cost:
    """Means over a model's runs.

    Attributes:
        parameters: trained ones, in all.
        embedding: those of the embedding.
        output: those of an output layer over the vocabulary, where it is not tied to the embedding.
        core: all others: what a comparison at equal size should match.
        minutes: of training, with its validations.
        tokens_per_second: read in training.
        steps: updates.
        megabytes: of the weights on disk.
        machine: it was trained on, one name if all are the same.
        speed: of its answers, where it was measured.
    """

    parameters: int
    embedding: int
    output: int
    core: int
    minutes: float
    tokens_per_second: float
    steps: float
    megabytes: float
    machine: str
    speed: Speed | None = None


def cost_of(contender: Candidate, speed: Speed | None = None) -> Cost:
    """Read it from what the runs wrote down."""
    runs = contender.runs
    counts = runs[0].metrics["parameters"]
    embedding, output = counts.get("embedding", 0), _output(runs[0])
    return Cost(
        parameters=counts["total"],
        embedding=embedding,
        output=output,
        core=counts["total"] - embedding - output,
        minutes=_mean(runs, "seconds") / 60,
        tokens_per_second=_mean(runs, "tokens_per_second"),
        steps=_mean(runs, "steps"),
        megabytes=fmean(run.size for run in runs) / 1e6,
        machine=" and ".join(dict.fromkeys(_machine(run) for run in runs)),
        speed=speed,
    )


def _mean(runs: Sequence[TrainedRun], key: str) -> float:
    return fmean(float(run.metrics.get(key, math.nan)) for run in runs)


def _output(run: TrainedRun) -> int:
    """The output layer over the vocabulary; a table tied to the embedding counts there."""
    from safetensors import safe_open

    rows = len(run.task.target_tokenizer or run.task.tokenizer)
    with safe_open(run.folder / model_directory.WEIGHTS, framework="np") as weights:
        shapes = {name: weights.get_slice(name).get_shape() for name in weights.keys()}
    return output_parameters(shapes, rows)


def output_parameters(shapes: Mapping[str, Sequence[int]], rows: int) -> int:
    """How many weights of a head have a row for each of `rows` tokens.

    Args:
        shapes: of all weights, by name.
        rows: tokens that can be predicted.
    """
    own = (shape for name, shape in shapes.items() if name.startswith("head."))
    return sum(math.prod(shape) for shape in own if len(shape) and shape[0] == rows)


def _machine(run: TrainedRun) -> str:
    found = run.metrics.get("machine", {})
    threads = found.get("threads")
    name = str(found.get("name", "unknown"))
    return f"{name}, {threads} thread{'s' * (threads != 1)}" if threads else name
