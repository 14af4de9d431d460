"""The adaptive softmax against the full one: seconds of training to an equal validation perplexity.

Steps of the adaptive softmax are cheaper but teach rare words less, so tokens per second would favor it. Here both are
trained with a recipe on its data; the benchmark compares the times at which each first reaches a perplexity that both
reach.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from nlpseq.data.sources import load_splits
from nlpseq.task_lookup import read_recipe, resolve
from nlpseq.training.history import History, Line
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer


def measure_adaptive(
    name: str, data_dir: Path | None, cutoffs: Sequence[int], overrides: Sequence[str]
) -> dict[str, Any]:
    """Train a recipe with the full softmax (tied as the recipe says) and with the adaptive one.

    Args:
        name: of the recipe.
        data_dir: local files; None: the Hub or the built-in corpus, as the recipe says.
        cutoffs: ids at which the adaptive softmax begins a cluster of rarer tokens.
        overrides: changes to the recipe, on both sides.
    """
    adaptive = ["head.kind=adaptive", f"head.cutoffs={list(cutoffs)}"]
    curves = {
        "full": learning_curve(name, data_dir, overrides),
        "adaptive": learning_curve(name, data_dir, [*overrides, *adaptive]),
    }
    best = {head: min(point["perplexity"] for point in curve) for head, curve in curves.items()}
    common = max(best.values())
    seconds = {head: seconds_to(curve, common) for head, curve in curves.items()}
    return {
        "recipe": name,
        "overrides": list(overrides),
        "cutoffs": list(cutoffs),
        "perplexity": common,
        "full_seconds": seconds["full"],
        "adaptive_seconds": seconds["adaptive"],
        "ratio": seconds["full"] / seconds["adaptive"],
        "full_best_perplexity": best["full"],
        "adaptive_best_perplexity": best["adaptive"],
        "curves": curves,
    }


def learning_curve(
    name: str, data_dir: Path | None, overrides: Sequence[str]
) -> list[dict[str, float]]:
    """Return seconds of training and perplexity at each validation."""
    recipe = read_recipe(name, overrides)
    task = resolve(recipe.task)(recipe)
    splits = load_splits(recipe.data, data_dir=data_dir, fields=task.fields)
    set_seed(recipe.seed)
    task.prepare(splits, [data_dir] if data_dir else [])
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            task,
            task.build(),
            accelerator=Accelerator(cpu=True),
            folder=Path(folder),
            reporter=SilentReporter(),
        )
        trainer.fit(splits["train"], splits["validation"])
        return curve(History(Path(folder) / "history.jsonl").read())


def curve(lines: Sequence[Line]) -> list[dict[str, float]]:
    """Return the validations of a history, each with the seconds of training before it."""
    points, seconds, tokens = [], 0.0, 0.0
    for line in lines:
        if "validation" in line:
            perplexity = line["validation"]["perplexity"]
            points.append({"step": line["step"], "seconds": seconds, "perplexity": perplexity})
        else:
            seconds += (line["tokens"] - tokens) / line["tokens_per_second"]
            tokens = line["tokens"]
    return points


def seconds_to(points: Sequence[dict[str, float]], perplexity: float) -> float:
    """Return the time at which a curve first reaches a perplexity, by linear interpolation."""
    before = points[0]
    for point in points:
        if point["perplexity"] <= perplexity:
            fall = before["perplexity"] - point["perplexity"]
            part = (before["perplexity"] - perplexity) / fall if fall else 1.0
            return before["seconds"] + part * (point["seconds"] - before["seconds"])
        before = point
    raise ValueError(f"the curve never comes down to {perplexity}")
