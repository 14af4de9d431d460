"""The results of a comparison as data, which figures, tables and pages show."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import nlpseq
from nlpseq.analysis.statistics import Summary

from .costs import Cost
from .pairwise import ModelPair
from .runs import Candidate
from .score_units import Unit
from .slices import Slice


@dataclass(frozen=True)
class ModelSummary:
    """One model of a report.

    Attributes:
        name: unique in the report.
        folders: its run directories.
        command: that trains it.
        encoder: kind of encoder.
        seeds: of its runs.
        scores: every score over seeds.
        values: every score of each seed.
        cost: of the model.
        data: fingerprint of each split it read.
        versions: of the software that trained it.
    """

    name: str
    folders: list[str]
    command: str
    encoder: str
    seeds: list[int]
    scores: dict[str, Summary]
    values: dict[str, list[float]]
    cost: Cost
    data: dict[str, str]
    versions: dict[str, str]


@dataclass(frozen=True)
class ComparisonResults:
    """A comparison of finished runs, as data.

    Attributes:
        command: that made it.
        task: name of the task.
        split: that was scored.
        examples: number of examples in the split.
        score: that decides.
        unit: of that score.
        level: of the intervals.
        samples: number of resampled test sets.
        fingerprint: of the split.
        models: in the order given.
        baselines: scores of no model here, such as the best possible one.
        pairs: differences between each two models.
        verdicts: a sentence for each pair.
        slices: scores on parts of the test set.
        notes: limits of the comparison.
        versions: of the software that compared them.
        candidates: the runs it was computed from.
    """

    command: str
    task: str
    split: str
    examples: int
    score: str
    unit: Unit
    level: float
    samples: int
    fingerprint: str
    models: list[ModelSummary]
    baselines: dict[str, float]
    pairs: list[ModelPair]
    verdicts: list[str]
    slices: dict[str, list[Slice]]
    notes: list[str]
    versions: dict[str, str]
    candidates: list[Candidate]

    def document(self) -> dict[str, Any]:
        """Return all but the runs as JSON; numbers that JSON cannot express are null."""
        parts = {name: value for name, value in vars(self).items() if name != "candidates"}
        parts["references"] = parts.pop("baselines")  # the name in report.json since 0.1
        parts["unit"] = self.unit._asdict()
        parts["models"] = [asdict(model) for model in self.models]
        parts["pairs"] = [asdict(pair) for pair in self.pairs]
        parts["slices"] = {
            title: [asdict(part) for part in cut] for title, cut in self.slices.items()
        }
        return {"nlpseq": nlpseq.__version__, **_finite(parts)}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
