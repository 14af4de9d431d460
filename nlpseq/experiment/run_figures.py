"""The part of metrics.json about training, data and machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq import threads
from nlpseq.data.in_memory import MEMORY, DataInMemory
from nlpseq.data.sources import BUILTIN
from nlpseq.data.split import Split
from nlpseq.models.model import parameter_counts
from nlpseq.recipe import Recipe
from nlpseq.training.progress import FitResult
from nlpseq.training.trainer import Trainer
from nlpseq.versions import machine, versions


def run_figures(
    trainer: Trainer,
    splits: Mapping[str, Split],
    scored: Sequence[str],
    fitted: FitResult,
    *,
    data: Mapping[str, str],
) -> dict[str, Any]:
    """Return the figures of a run beside its scores.

    Args:
        trainer: of the run, after training.
        splits: of the data.
        scored: names of the splits that were scored.
        fitted: result of training.
        data: kind of the source of the data, and type of data in memory.
    """
    task, used = trainer.task, ["train", *scored]
    return {
        "seconds": fitted.seconds,
        "tokens": int(fitted.tokens),
        "tokens_per_second": fitted.tokens / max(fitted.seconds, 1e-9),
        "steps": fitted.step,
        "epochs": fitted.epoch,
        "best_step": fitted.best_step,
        "selected_by": fitted.selected_by,
        "stopped": fitted.stopped,
        "parameters": parameter_counts(trainer.model),
        "notes": task.notes,
        "unknown_tokens": task.unknown_tokens,
        "auto_tokenizer": task.tokenizer.differs or "same ids",
        "data": {name: splits[name].fingerprint for name in splits if name in used},
        "data_source": {
            **data,
            "files": {name: list(splits[name].files) for name in used if splits[name].files},
        },
        "threads": threads.record(),
        "machine": machine(trainer.accelerator.device),
        "processes": trainer.accelerator.num_processes,
        "versions": versions(),
    }


def data_source(recipe: Recipe, data_dir: Path | None, data: DataInMemory | None) -> dict[str, str]:
    """Return the kind of the source of the data, and the type of data in memory."""
    if data:
        return {"kind": MEMORY, "type": data.kind}
    if data_dir:
        return {"kind": "local"}
    return {"kind": "builtin" if recipe.data.source == BUILTIN else "hub"}
