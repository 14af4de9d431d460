"""Baselines of a run as people read them: a table beside the network, and the verdicts."""

from collections.abc import Mapping
from typing import Any

from nlpseq.reporting.formats import format_duration, format_score, score_label


def baseline_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Return head, network and baselines: main score by split, training time; [] without baselines.

    Args:
        metrics: content of metrics.json, of summary.json for several seeds, or of an evaluation.
    """
    entries = metrics.get("baselines", [])
    if not entries:
        return []
    score, splits = entries[0]["score"], list(entries[0]["scores"])
    models = [(entry["label"], entry["scores"], entry["seconds"]) for entry in entries]
    seconds = metrics.get("training_seconds", metrics.get("seconds"))
    models.insert(0, ("network", metrics, seconds))
    head = [score_label(score), *splits, "training time"]
    body = [
        [
            label,
            *(format_score(score, scores.get(split, {}).get(score)) for split in splits),
            format_duration(seconds),
        ]
        for label, scores, seconds in models
    ]
    return [head, *body]


def verdicts(metrics: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each baseline that the network does not beat; if it beats all, one sentence."""
    entries = [entry for entry in metrics.get("baselines", []) if "verdict" in entry]
    unbeaten = [entry["verdict"] for entry in entries if not entry["network_is_better"]]
    return unbeaten or [entry["verdict"] for entry in entries[-1:]]
