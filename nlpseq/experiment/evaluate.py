"""Scores of a split, of a run that ends or of a model trained before."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlpseq import model_directory, recipe
from nlpseq.data.sources import load_splits
from nlpseq.devices import build_accelerator
from nlpseq.errors import UserError
from nlpseq.files import write_json, write_lines
from nlpseq.task import Record
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer
from nlpseq.versions import versions

CHANGEABLE = ("data.", "decoding.", "evaluation.")


def write_predictions(path: Path, records: Sequence[Record]) -> None:
    """One JSON line an example, in the order of the data set."""
    lines = (json.dumps(vars(record), ensure_ascii=False) + "\n" for record in records)
    write_lines(path, lines)


def evaluate(
    name: Path | str,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    device: str | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Score a trained model on a split, and write `evaluations/<split>.json`.

    It is written into the model's directory; of a model from the Hub, into the working folder.

    Args:
        name: a run or model directory, or a Hub id.
        split: which split of the recipe's data to read.
        data_dir: local files to read it from.
        device: where to run.
        overrides: assignments to the recipe's `data`, `decoding` and `evaluation` sections.

    Raises:
        UserError: no such model, or no such split.
    """
    folder = model_directory.locate(name)
    trained, model = model_directory.read(folder)
    changed = [one for one in overrides if not one.startswith(CHANGEABLE)]
    if changed:
        raise UserError(
            f"override {changed[0]!r}: only {', '.join(CHANGEABLE)} can change how a trained model is tested"
        )
    document = recipe.override(trained.recipe.model_dump(exclude_none=True), overrides)
    resolved = recipe.validate(type(trained).Config, document, f"recipe {folder}")
    task = type(trained)(resolved)
    task.target_tokenizer = trained.target_tokenizer
    task.restore(trained.tokenizer, trained.state())
    splits = load_splits(
        resolved.data,
        data_dir=data_dir,
        fields=task.fields,
        further_fields=task.further_fields,
    )
    if split not in splits:
        raise UserError(f"split {split!r}: the data have {', '.join(splits)}")
    accelerator = build_accelerator(device, resolved.training.precision)
    trainer = Trainer(
        task, model, accelerator=accelerator, folder=folder, reporter=SilentReporter()
    )
    scores, records = trainer.evaluate(splits[split])
    result = {
        "split": split,
        "overrides": list(overrides),
        split: {**scores, **task.baselines(splits[split])},
        "notes": task.inspect(splits[split]),
        "details": {split: task.details(records)},
        "data": splits[split].fingerprint,
        "versions": versions(),
    }
    written = (
        folder if folder == Path(name) else Path(str(name).replace("/", "-"))
    ) / "evaluations"
    write_predictions(written / f"{split}.predictions.jsonl", records)
    write_json(written / f"{split}.json", result)
    return result
