"""The cost of a model: parameters, training time, size on disk, speed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from nlpseq import model_directory

from .runs import Candidate, TrainedRun
from .speed import Speed


@dataclass(frozen=True)
class Cost:
    """Costs, as means over a model's runs.

    Attributes:
        parameters: all trained ones.
        embedding: parameters of the embedding.
        output: parameters of an output layer over the vocabulary, if it is not tied to the embedding.
        core: all other parameters: a comparison at equal size matches these.
        minutes: of training, validation included.
        tokens_per_second: in training.
        steps: of training.
        megabytes: of the weights on disk.
        machine: on which it was trained; several are joined.
        speed: of its predictions, if it was measured.
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


def cost_of(candidate: Candidate) -> Cost:
    """Compute the cost of a candidate from the files of its runs."""
    runs = candidate.runs
    counts = runs[0].metrics["parameters"]
    embedding, output = counts.get("embedding", 0), _output(runs[0]) if runs[0].size else 0
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
    )


def _mean(runs: Sequence[TrainedRun], key: str) -> float:
    return fmean(float(run.metrics.get(key, math.nan)) for run in runs)


def _output(run: TrainedRun) -> int:
    """Count the parameters of the output layer; a table tied to the embedding belongs to that."""
    from safetensors import safe_open

    rows = len(run.task.target_tokenizer or run.task.tokenizer)
    with safe_open(run.folder / model_directory.WEIGHTS, framework="np") as weights:
        shapes = {name: weights.get_slice(name).get_shape() for name in weights.keys()}
    return output_parameters(shapes, rows)


def output_parameters(shapes: Mapping[str, Sequence[int]], rows: int) -> int:
    """Count the weights of a head that have a row for each token.

    Args:
        shapes: shapes of all weights, by name.
        rows: number of tokens that can be predicted.
    """
    own = (shape for name, shape in shapes.items() if name.startswith("head."))
    return sum(math.prod(shape) for shape in own if len(shape) and shape[0] == rows)


def _machine(run: TrainedRun) -> str:
    machine = run.metrics.get("machine", {})
    threads = machine.get("threads")
    name = str(machine.get("name", "unknown"))
    return f"{name}, {threads} thread{'s' * (threads != 1)}" if threads else name
