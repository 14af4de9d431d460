"""Resuming of an interrupted prediction: which texts a partial file covers, and whether it fits what follows."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from nlpseq.cli.text_input import TextOrPair
from nlpseq.errors import UserError
from nlpseq.files import maker_of, partial_of


class RemainingTexts(NamedTuple):
    """The texts that are still to be predicted.

    Attributes:
        texts: from the first text of the first incomplete chunk.
        num_chunks: complete chunks in the partial file.
        num_bytes: their size in the file.
    """

    texts: Iterator[TextOrPair]
    num_chunks: int = 0
    num_bytes: int = 0


def skip_predicted(
    partial: Path, format: str, texts: Iterator[TextOrPair], chunk_size: int, *, one_line: bool
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
    incomplete: list[TextOrPair] = []
    num_chunks = num_bytes = 0
    with partial.open("rb") as file:
        for number, (prediction, end) in enumerate(_complete_predictions(file, format), 1):
            text = next(texts, None)
            if text is None:
                raise UserError(
                    f"{partial} has more than {number - 1} predictions, but there are only "
                    f"{number - 1} texts; use the same texts, or start over with --overwrite"
                )
            fault = _mismatch(prediction, text, format, one_line=one_line)
            if fault:
                raise UserError(f"{partial}, prediction {number}: {fault}")
            incomplete.append(text)
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


def _mismatch(prediction: bytes, text: TextOrPair, format: str, *, one_line: bool) -> str:
    """Return why this cannot be the prediction for a text in a format; empty if it can be."""
    predicted = _text_in_json(prediction)
    if format in ("json", "spans"):
        if predicted is None:
            return "not JSON; use the --format that it was started with"
        if predicted != text:
            return (
                f"is for {predicted!r:.60}, but the text is {text!r:.60}; use the same texts, "
                "or start over with --overwrite"
            )
    elif predicted is not None and predicted == text:
        return "JSON; resume with --format json"
    elif format == "conll" and isinstance(text, str):
        rows = prediction.decode(errors="replace").split("\n")
        tokens = "".join(row.rpartition(" ")[0] for row in rows)
        if "".join(tokens.split()) != "".join(text.split()):
            return f"not the tokens of {text!r:.60}; start over with --overwrite"
    elif any("\n" in part for part in text) and not one_line:
        return "its text has several lines; only --format json can be resumed after such a text"
    return ""


def _text_in_json(prediction: bytes) -> TextOrPair | None:
    """Return the text of a prediction, or both texts of a pair."""
    try:
        value = json.loads(prediction)
    except ValueError:
        return None
    text, second = (
        (value.get("text"), value.get("text2")) if isinstance(value, dict) else (None, None)
    )
    if isinstance(text, str) and isinstance(second, str):
        return text, second
    return text if isinstance(text, str) else None
