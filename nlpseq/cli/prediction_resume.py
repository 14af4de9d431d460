"""Which texts a file of answers answers already, and whether what goes on is what began."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from nlpseq.errors import UserError
from nlpseq.files import maker_of, partial_of


def read_past(
    partial: Path, form: str, texts: Iterator[str], size: int, *, one_line: bool
) -> tuple[list[str], int, int]:
    """Take as many texts as a partial file has answers to, and check what can be checked.

    Only whole chunks count: the texts that an answer was made with can change the last digits of its
    scores, so those to come have to be cut into chunks as they would have been.

    Args:
        partial: answers of an interrupted prediction; what stands behind the last whole one is left out.
        form: json, text or conll.
        texts: all texts, from the first; left behind the last one that is answered.
        size: texts a chunk.
        one_line: an answer in the form of text is one line whatever its text.

    Returns:
        answered texts of the last, incomplete chunk, to be answered again; the number of whole chunks;
        how many bytes of the file these are.

    Raises:
        UserError: there are fewer texts than answers, or answers to other texts.
    """
    again: list[str] = []
    chunks, kept, number = 0, 0, 0
    with partial.open("rb") as file:
        for number, (answer, end) in enumerate(_whole_answers(file, form), 1):
            text = next(texts, None)
            if text is None:
                raise UserError(
                    f"{partial} has more than the {number - 1} answers that these texts would have: "
                    "was it begun with others? --overwrite starts again"
                )
            fault = _fault(answer, text, form, one_line=one_line)
            if fault:
                raise UserError(f"{partial}, answer {number}: {fault}")
            again.append(text)
            if number % size == 0:
                chunks, kept, again = number // size, end, []
    return again, chunks, kept


def check_same_maker(output: Path, made_by: Mapping[str, Any]) -> None:
    """See that answers in the partial file of `output` were made as those to come will be.

    Raises:
        UserError: by another run, or with other options.
    """
    begun = maker_of(output)
    if not begun:  # begun before this was kept
        return
    for key in sorted({*begun, *made_by}):
        before, now = begun.get(key), made_by.get(key)
        if before != now:
            raise UserError(
                f"{partial_of(output)} was begun with {_told(key, before)}, and now it is {_told(key, now)}: "
                "go on with the same, or start again with --overwrite"
            )


def _told(key: str, value: Any) -> str:
    return f"no {key}" if value is None else f"{key} = {value}"


def _whole_answers(file: BinaryIO, form: str) -> Iterator[tuple[bytes, int]]:
    """Each answer that has its end, and where in the file that is."""
    answer, end = b"", 0
    for line in file:
        if not line.endswith(b"\n"):
            return
        answer, end = answer + line, end + len(line)
        if form != "conll" or line == b"\n":
            yield answer, end
            answer = b""


def _fault(answer: bytes, text: str, form: str, *, one_line: bool) -> str:
    """Why this is no answer in this form to this text, as far as that can be seen; empty if it is."""
    answered = _text_of_json(answer)
    if form == "json":
        if answered is None:
            return "not JSON; was it begun with another --format?"
        if answered != text:
            return f"is of {answered!r:.60}, but the text there is {text!r:.60}; --overwrite starts again"
    elif answered is not None and answered == text:
        return "JSON; go on with --format json"
    elif form == "conll":
        rows = answer.decode(errors="replace").split("\n")
        tokens = "".join(row.rpartition(" ")[0] for row in rows)
        if "".join(tokens.split()) != "".join(text.split()):
            return f"not the tokens of {text!r:.60}; --overwrite starts again"
    elif "\n" in text and not one_line:
        return "of a text of several lines; only --format json goes on behind such a text"
    return ""


def _text_of_json(answer: bytes) -> str | None:
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    text = found.get("text") if isinstance(found, dict) else None
    return text if isinstance(text, str) else None
