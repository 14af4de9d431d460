"""The baselines of one run as models to compare it with: `nlpseq compare RUN`.

Each baseline has its records in `baselines/<name>/<split>.jsonl` of the run, and its scores in metrics.json;
for a split that `nlpseq evaluate` scored, both are in `evaluations/`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nlpseq.errors import UserError

from .runs import Candidate, TrainedRun, read_statistics


def baseline_candidates(network: Candidate, split: str) -> list[Candidate]:
    """Read the baselines of a run, or those of the runs of several seeds.

    Args:
        network: one run for each seed.
        split: that is compared.

    Raises:
        UserError: a run has no baselines, none on the split, or records that are missing or damaged.
    """
    names = [entry["name"] for entry in _entries(network.runs[0], split)]
    candidates = []
    for name in names:
        runs = []
        for run in network.runs:
            entry = next((e for e in _entries(run, split) if e["name"] == name), None)
            if entry is None:
                raise UserError(
                    f"{run.folder}: has no baseline {name}, as {network.runs[0].folder}"
                )
            runs.append(_baseline_run(run, entry, split))
        candidates.append(Candidate(name, runs))
    return candidates


def _entries(run: TrainedRun, split: str) -> list[Mapping[str, Any]]:
    entries = [entry for entry in run.baselines if split in entry.get("scores", {})]
    if not entries:
        raise UserError(
            f"{run.folder}: a comparison needs at least two runs, or one with baselines, and this run has "
            f"none on split {split!r}; name a second run, or train with evaluation.baselines=true"
        )
    return entries


def _baseline_run(run: TrainedRun, entry: Mapping[str, Any], split: str) -> TrainedRun:
    """Return a baseline as a run without parameters."""
    folder = run.baseline_folder / str(entry["name"])
    index, statistics = read_statistics(folder / f"{split}.jsonl")
    costs = {
        "parameters": {"total": 0},
        "seconds": float(entry["seconds"]),
        "tokens_per_second": 0.0,
        "steps": 0,
    }
    return replace(
        run,
        folder=folder,
        metrics={**run.metrics, **costs},
        scores=entry["scores"][split],
        history=(),
        index=index,
        statistics=statistics,
        size=0,
    )
