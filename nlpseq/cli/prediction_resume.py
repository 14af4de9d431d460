"""Resuming of an interrupted prediction: which texts a partial file covers, and whether it fits what follows."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from nlpseq.cli.model_digests import DIGESTS
from nlpseq.cli.text_input import Item, TableRow, strings_of
from nlpseq.errors import UserError
from nlpseq.files import maker_of, partial_of
from nlpseq.reporting.prediction_records import RecordLayout, as_json


class RemainingTexts(NamedTuple):
    """The texts that are still to be predicted.

    Attributes:
        texts: from the first text of the first incomplete chunk.
        num_chunks: complete chunks in the partial file.
        num_bytes: their size in the file.
        names: columns of the predictions in a file of CSV or TSV.
    """

    texts: Iterator[Item]
    num_chunks: int = 0
    num_bytes: int = 0
    names: tuple[str, ...] = ()


def skip_predicted(
    partial: Path, format: str, texts: Iterator[Item], chunk_size: int, *, one_line: bool
) -> RemainingTexts:
    """Skip the texts that a partial file has predictions for, and check that they belong together.

    Only complete chunks count. The texts that are predicted together can change the last digits of a score,
    so the rest must be split into chunks as it would have been without an interruption.

    Args:
        partial: file of an interrupted prediction; what follows its last complete prediction is ignored.
        format: json, text, conll or spans.
        texts: all texts, from the first.
        chunk_size: texts in a chunk.
        one_line: a prediction in format text is one line whatever its text.

    Raises:
        UserError: there are fewer texts than predictions, or the predictions are for other texts.
    """
    with partial.open("rb") as file:
        predictions = _complete_predictions(file, format)
        return _skip(
            partial,
            predictions,
            texts,
            chunk_size,
            lambda prediction, item: _mismatch(prediction, item, format, one_line=one_line),
        )


def skip_records(
    partial: Path, layout: RecordLayout, rows: Iterator[Item], chunk_size: int
) -> RemainingTexts:
    """Skip the rows that a partial file of CSV or TSV has records for, as `skip_predicted` does.

    Raises:
        UserError: there are fewer rows than records, or the records are for other rows.
    """

    def fault(cells: list[str], item: Item) -> str:
        expected = layout.cells(item.columns) if isinstance(item, TableRow) else [*strings_of(item)]
        if cells[: len(expected)] == expected:
            return ""
        return (
            f"is for {_shown(cells[: len(expected)])}, but the row is {_shown(expected)}; {_SAME}"
        )

    with partial.open("rb") as file:
        records = _complete_records(file, layout)
        header, _ = next(records, ([], 0))
        if header[: len(layout.kept)] != [*layout.kept]:
            raise UserError(f"{partial}: its first line has other columns; {_SAME}")
        rest = _skip(partial, records, rows, chunk_size, fault)
    names = tuple(header[len(layout.kept) :]) if rest.num_chunks else ()
    return rest._replace(names=names)


_SAME = "use the same texts, or start over with --overwrite"
_PredictionT = TypeVar("_PredictionT")


def _skip(
    partial: Path,
    predictions: Iterator[tuple[_PredictionT, int]],
    texts: Iterator[Item],
    chunk_size: int,
    fault_of: Callable[[_PredictionT, Item], str],
) -> RemainingTexts:
    """Skip the items of complete chunks; `fault_of` says why a prediction cannot be for an item."""
    incomplete: list[Item] = []
    num_chunks = num_bytes = 0
    for number, (prediction, end) in enumerate(predictions, 1):
        item = next(texts, None)
        if item is None:
            raise UserError(
                f"{partial} has more than {number - 1} predictions, but there are only "
                f"{number - 1} texts; {_SAME}"
            )
        fault = fault_of(prediction, item)
        if fault:
            raise UserError(f"{partial}, prediction {number}: {fault}")
        incomplete.append(item)
        if number % chunk_size == 0:
            num_chunks, num_bytes, incomplete = number // chunk_size, end, []
    return RemainingTexts(chain(incomplete, texts), num_chunks, num_bytes)


def check_same_settings(output: Path, settings: Mapping[str, Any]) -> None:
    """Check that the partial file of `output` was written by the same run with the same options.

    Raises:
        UserError: a setting differs.
    """
    earlier = maker_of(output)
    if not earlier:  # the note beside the partial file is missing
        return
    for key in sorted({*earlier, *settings}):
        before, now = earlier.get(key), settings.get(key)
        if key in DIGESTS and None in (before, now):  # of an earlier version, or not downloaded yet
            continue
        if before != now:
            raise UserError(
                f"{partial_of(output)} was written with {_setting(key, before)}, now there is "
                f"{_setting(key, now)}; use the same, or start over with --overwrite"
            )


def _setting(key: str, value: Any) -> str:
    return f"no {key}" if value is None else f"{key} = {value}"


def _complete_predictions(file: BinaryIO, format: str) -> Iterator[tuple[bytes, int]]:
    """Yield each complete prediction, and where in the file it ends."""
    prediction, end = b"", 0
    for line in file:
        if not line.endswith(b"\n"):
            return
        prediction, end = prediction + line, end + len(line)
        if format != "conll" or line == b"\n":
            yield prediction, end
            prediction = b""


def _complete_records(file: BinaryIO, layout: RecordLayout) -> Iterator[tuple[list[str], int]]:
    """Yield the cells of each complete record of CSV or TSV, and where in the file it ends."""
    end = 0

    def lines() -> Iterator[str]:
        nonlocal end
        for line in file:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield line.decode(errors="replace")

    try:
        for cells in layout.records(lines()):
            yield cells, end
    except csv.Error:  # the last record is cut between quotation marks
        return


def _mismatch(prediction: bytes, item: Item, format: str, *, one_line: bool) -> str:
    """Return why this cannot be the prediction for an item in a format; empty if it can be."""
    if format == "json" and isinstance(item, TableRow):
        return _mismatch_of_row(prediction, item)
    text = strings_of(item)
    predicted = _texts_in_json(prediction)
    if format in ("json", "spans"):
        if predicted is None:
            return "not JSON; use the --format that it was started with"
        if predicted != text:
            return f"is for {_shown(predicted)}, but the text is {_shown(text)}; {_SAME}"
    elif predicted is not None and predicted == text:
        return "JSON; resume with --format json"
    elif format == "conll" and len(text) == 1:
        rows = prediction.decode(errors="replace").split("\n")
        tokens = "".join(row.rpartition(" ")[0] for row in rows)
        if "".join(tokens.split()) != "".join(text[0].split()):
            return f"not the tokens of {_shown(text)}; start over with --overwrite"
    elif any("\n" in part for part in text) and not one_line:
        return "its text has several lines; only --format json can be resumed after such a text"
    return ""


def _mismatch_of_row(prediction: bytes, row: TableRow) -> str:
    """Return why a line of JSON cannot be a row with its prediction; empty if it can be."""
    try:
        record = json.loads(prediction)
    except ValueError:
        return "not JSON; use the --format that it was started with"
    expected = json.loads(as_json(row.columns))
    kept = {name: record.get(name) for name in expected} if isinstance(record, dict) else record
    if kept == expected:
        return ""
    return f"is for {kept!r:.60}, but the row is {expected!r:.60}; {_SAME}"


def _shown(texts: Sequence[str]) -> str:
    """Return a text, or both texts of a pair, for messages."""
    return repr(texts[0] if len(texts) == 1 else tuple(texts))[:60]


def _texts_in_json(prediction: bytes) -> tuple[str, ...] | None:
    """Return the text of a prediction, or both texts of a pair."""
    try:
        value = json.loads(prediction)
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return None
    second = value.get("text2")
    return (value["text"], second) if isinstance(second, str) else (value["text"],)
