"""Replacement of a run by a new one: decided in one step, and carried out by whoever comes next if it is interrupted.

1. recipe.toml and data.json of the new run are written to a temporary folder, which is renamed to `.nlpseq-next`: the
   decision.
   Before it the old run is whole; on a full disk it stays so.
2. The files of the old run are deleted, config.json first, so that no part of it can be taken for a model.
3. The files in `.nlpseq-next` are moved to their places. From here on it is a new run, which `--resume` continues.

A process that is killed after the decision leaves `.nlpseq-next`; `complete` repeats steps 2 and 3. They need no space.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpseq.files import disk, sync_folder, write_json, write_text

from .records import BASELINES, DATA, METRICS, RECIPE

NEXT = ".nlpseq-next"
"""Folder with the beginning of the new run, until the old one is deleted."""
WRITTEN = (
    "config.json",
    METRICS,
    "README.md",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "target",
    "history.jsonl",
    "checkpoints",
    "predictions",
    BASELINES,
    "evaluations",
    "plots",
    "inspection",
    "errors",
    DATA,
    RECIPE,
)
"""The files of a run in the order in which overwriting deletes them."""


def decide(folder: Path, recipe: str, data: Mapping[str, Any]) -> None:
    """Decide that a new run replaces the one in a folder; nothing of the old one changes.

    Raises:
        UserError: the disk is full; the old run is whole.
    """
    temporary = folder / f"{NEXT}.tmp-{os.getpid()}"
    with disk(folder / RECIPE):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
    try:
        write_text(temporary / RECIPE, recipe)
        write_json(temporary / DATA, data)
        with disk(folder / RECIPE):
            sync_folder(temporary)
            temporary.rename(folder / NEXT)
            sync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_decided(folder: Path) -> bool:
    """Return whether a replacement was decided and is not complete."""
    return (folder / NEXT).is_dir()


def complete(folder: Path) -> None:
    """Delete the old run and move the new one to its place, if that was decided.

    Raises:
        UserError: a file cannot be deleted.
    """
    if not is_decided(folder):
        return
    with disk(folder):
        for path in _old_files(folder):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        sync_folder(folder)
        for name in (DATA, RECIPE):
            if (folder / NEXT / name).exists():
                (folder / NEXT / name).replace(folder / name)
        sync_folder(folder)
        shutil.rmtree(folder / NEXT)


def _old_files(folder: Path) -> list[Path]:
    """Return the files of the old run that the new one does not replace at its beginning."""
    return [folder / name for name in WRITTEN if name not in (DATA, RECIPE)]
