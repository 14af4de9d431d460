"""The table behind `nlpseq recipes`: the metric of each recipe, and the scores of the runs in docs/results.

    python benchmarks/measured_recipes.py     writes recipes/measured.json

A file of docs/results counts for a recipe if its run used the recipe as it is today: its overrides are pretrained
vectors, or equal to the recipe. The summary of several seeds wins over a single seed.
"""

import json
import re
from pathlib import Path
from typing import Any

from nlpseq import recipe
from nlpseq.analysis.comparison.score_units import unit_of
from nlpseq.files import write_text
from nlpseq.recipe import Recipe
from nlpseq.task_lookup import read_recipe, resolve

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
TARGET = ROOT / "recipes" / "measured.json"
VECTORS = "embedding.pretrained="  # a file of the user, which a recipe cannot name
LABELS = {
    "nll_per_token": "nats per character",  # where tokens are characters
    "bleu_lowercased_tokenized": "BLEU (lower, tokenized)",  # in a line of 80 columns
}


def measured() -> str:
    """Return the content of recipes/measured.json."""
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in _files()}
    entries = {name: _entry(name, results) for name in recipe.names()}
    return json.dumps(entries, indent=2) + "\n"


def _files() -> list[Path]:
    return sorted(path for path in RESULTS.glob("*.json") if not path.stem.startswith("benchmark"))


def _entry(name: str, results: dict[str, Any]) -> dict[str, Any]:
    """Return the metric of a recipe, and its score if there is a run."""
    resolved = read_recipe(name)
    split, score = _split(resolved), _score(resolved)
    stems = [stem for stem, metrics in results.items() if _is_of(metrics, name)]
    whole = {re.sub(r"-seed-\d+$", "", stem) for stem in stems}
    assert len(whole) <= 1, f"{name}: {', '.join(sorted(whole))} measure the same"
    for stem in whole:
        if score not in results[stem][split]:  # tags without spans have no F1
            score = results[stem]["selected_by"]
    unit = unit_of(score, resolve(resolved.task)(resolved))
    entry: dict[str, Any] = {"metric": f"{split} {LABELS.get(score, unit.label)}"}
    for stem in whole:
        metrics = results[stem]
        value = metrics[split][score]
        mean = value["mean"] if isinstance(value, dict) else value
        seeds = len(metrics.get("seeds", [metrics.get("seed")]))
        entry |= {
            "value": _rounded(mean * unit.factor),
            "minutes": round(metrics["seconds"] / 60 / seeds, 1),
            "seeds": seeds,
        }
    return entry


def _is_of(metrics: dict[str, Any], name: str) -> bool:
    """Return whether a run used this recipe as it is today."""
    overrides = [one for one in metrics.get("overrides", []) if not one.startswith(VECTORS)]
    return metrics.get("recipe") == name and read_recipe(name, overrides) == read_recipe(name)


def _split(resolved: Recipe) -> str:
    """Return the first test split, else validation."""
    data = resolved.data
    there = {*data.files, *data.hold_out} if data.files else {"validation", "test"}
    wanted = [split for split in resolved.evaluation.splits if split in there]
    return next((split for split in wanted if split.startswith("test")), wanted[0])


def _score(resolved: Recipe) -> str:
    """Return the score that is published for these data, else the task's main score."""
    if resolved.tokenization.kind == "character":
        return "nll_per_token"
    if getattr(resolved.evaluation, "tokenized_language", None):
        return "bleu_lowercased_tokenized"
    return resolve(resolved.task).main_metric


def _rounded(value: float) -> float:
    """Round to significant digits."""
    return round(value, 1 if value >= 10 else 3)


if __name__ == "__main__":
    write_text(TARGET, measured())
    print(f"Written to {TARGET}")
