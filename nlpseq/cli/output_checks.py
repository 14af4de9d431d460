"""Checks of `nlpseq predict` on its output file, before the model is loaded."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nlpseq.cli.prediction_resume import check_same_settings
from nlpseq.errors import UserError
from nlpseq.files import is_partial, names_of, partial_of
from nlpseq.predictor import FORMATS
from nlpseq.readers.compression import SUFFIXES as COMPRESSIONS
from nlpseq.reporting.prediction_records import PARQUET, TABLES
from nlpseq.reporting.prediction_records import SUFFIXES as TABLE_SUFFIXES

_MIN_FREE_BYTES = 2**20
_NOT_WRITTEN = {".xlsx", ".xls", ".ods", ".arrow", ".feather"}


def format_of_output(output: Path | None) -> str | None:
    """Return the format that the ending of a file stands for; None for other endings."""
    suffix = "" if output is None else output.suffix.lower()
    known = {**TABLE_SUFFIXES, ".jsonl": "json", ".ndjson": "json"}
    known |= {ending: name for name, (_, ending) in FORMATS.items() if name in ("conll", "html")}
    return known.get(suffix)


def check_output(
    output: Path | None,
    *,
    source: Path | None = None,
    format: str | None = None,
    explain: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Check that predictions can be written to a file as the options say; nothing is written.

    Args:
        output: the file; None for standard output.
        source: the file of the texts.
        format: a key of `FORMATS`, one of `TABLES`, or None for the default.
        explain: show what a classifier attended to.
        resume: continue after the predictions in a partial file.
        overwrite: discard a partial file.
        settings: what a partial file must have been written with, to be resumed.

    Raises:
        UserError: the file cannot be written, or is the file of the texts; a partial file is there without
            `resume` or `overwrite`, or does not fit; the options contradict each other.
    """
    if output is None:
        if resume or overwrite:
            option = "--resume" if resume else "--overwrite"
            raise UserError(f"{option} is for predictions in a file; name it with --output")
        if format == PARQUET:
            raise UserError("--format parquet writes a file; name it with --output")
        return
    _check_file(output, source, format)
    if resume and format == "html":
        raise UserError("--resume cannot be used with --format html: a page is written as a whole")
    if resume and format == PARQUET:
        raise UserError(
            "--resume cannot be used with Parquet, whose files cannot be continued; write .jsonl or .csv"
        )
    if resume and format == "text" and explain:
        raise UserError(
            "--resume cannot be used with --explain: its predictions have several lines"
        )
    if is_partial(output):
        _check_partial(output, resume=resume, overwrite=overwrite, settings=settings or {})
    if not is_complete(output, resume=resume):
        check_output_folder(output.parent, f"--output {output}")


def _check_file(output: Path, source: Path | None, format: str | None) -> None:
    """Check that the output is, or can become, a regular file other than that of the texts."""
    if source is not None and any(_is_same_file(source, name) for name in names_of(output)):
        raise UserError(
            f"--output {output}: would overwrite the --file of the texts; name another file"
        )
    if output.suffix in COMPRESSIONS:
        raise UserError(
            f"--output {output}: predictions are not compressed; name {output.with_suffix('').name}, then "
            "compress it"
        )
    if output.suffix.lower() in _NOT_WRITTEN:
        csv = output.with_suffix(".csv").name
        raise UserError(f"--output {output}: not written; {csv} or {output.stem}.parquet can be")
    if output.is_dir():
        suffix = f".{format}" if format in TABLES else FORMATS[format or "json"].suffix
        example = output / f"predictions{suffix}"
        raise UserError(f"--output {output}: is a folder; name a file, such as {example}")
    if output.exists() and not output.is_file():
        raise UserError(
            f"--output {output}: not a regular file; without --output, predictions are printed"
        )


def is_complete(output: Path | None, *, resume: bool) -> bool:
    """Return whether a file that is to be resumed is complete, so that nothing is left to predict."""
    return output is not None and resume and output.exists() and not is_partial(output)


def check_output_folder(folder: Path, name: str) -> None:
    """Check that files can be written in a folder, or the folder be created.

    Raises:
        UserError: it cannot be, or the disk is full; the message begins with `name`.
    """
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise UserError(f"{name}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{name}: cannot be written, no permission to write in {existing}")
    with suppress(OSError):  # a file system that does not tell
        usage = shutil.disk_usage(existing)
        if usage.free < _MIN_FREE_BYTES < usage.total:
            raise UserError(f"{name}: no space left on the disk; free some")


def _check_partial(
    output: Path, *, resume: bool, overwrite: bool, settings: Mapping[str, Any]
) -> None:
    if resume:
        check_same_settings(output, settings)
    elif not overwrite:
        raise UserError(
            f"{partial_of(output)} holds an interrupted prediction; continue it with --resume, "
            "or start over with --overwrite"
        )


def _is_same_file(path: Path, other: Path) -> bool:
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()
