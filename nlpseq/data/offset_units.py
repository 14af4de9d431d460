"""The unit of offsets of spans: characters, bytes of UTF-8 or UTF-16 units, by the words that they fit."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nlpseq.data.offset_spans import (
    MISFIT,
    UNIT_NAMES,
    UNITS,
    OffsetSpan,
    Unit,
    read_spans,
    row_origin,
    to_characters,
)
from nlpseq.data.split import Split
from nlpseq.errors import UserError

REMEDIED = 0.25
"""Share of the misfits of characters that another unit may leave."""
_WORD = re.compile(r"\w+|[^\w\s]")


class Misfits(NamedTuple):
    """Another unit than characters that fits spans much better, and how many spans say so."""

    unit: Unit
    wrong: int
    total: int
    left: int
    row: int

    def __str__(self) -> str:
        return (
            f"read as characters, {self.wrong:,} of the {self.total:,} spans that depend on it leave the text "
            f"or cut a word, and {self.left:,} as {UNIT_NAMES[self.unit]}"
        )


def check_unit(
    split: Split,
    texts: Sequence[str],
    rows: Sequence[Sequence[OffsetSpan]],
    borders: Callable[[str], tuple[set[int], set[int]]],
) -> None:
    """Refuse offsets in characters if offsets in bytes or UTF-16 units fit the words much better.

    Args:
        split: for messages.
        texts: of the rows.
        rows: spans of each text.
        borders: returns the begins and the ends of the words of a text.

    Raises:
        UserError: another unit fits.
    """
    if misfits := find_misfits(texts, rows, borders):
        raise UserError(
            f"{row_origin(split, misfits.row)}: offsets of spans are in {UNIT_NAMES[misfits.unit]}, it seems: "
            f"{misfits}; set data.offsets = '{misfits.unit}', or 'characters' if they are characters"
        )


def likely_unit(split: Split) -> Misfits | None:
    """Return the unit of the offsets of a split if it is another than characters; words are runs of letters.

    Raises:
        UserError: a row has no list of spans.
    """

    def borders(text: str) -> tuple[set[int], set[int]]:
        words = [match.span() for match in _WORD.finditer(text)]
        return {begin for begin, _ in words}, {end for _, end in words}

    return find_misfits(
        [str(text or "") for text in split.column("text")], read_spans(split), borders
    )


def find_misfits(
    texts: Sequence[str],
    rows: Sequence[Sequence[OffsetSpan]],
    borders: Callable[[str], tuple[set[int], set[int]]],
) -> Misfits | None:
    """Return the unit that fits spans much better than characters, if there is such a unit.

    Only spans whose position depends on the unit count. One misfits if it leaves the text, or if it begins or ends
    elsewhere than a word.

    Args:
        texts: of the rows.
        rows: spans of each text.
        borders: returns the begins and the ends of the words of a text.
    """
    total = 0
    misfits = dict.fromkeys(UNITS, 0)
    example = -1
    for row, (text, spans) in enumerate(zip(texts, rows, strict=True)):
        if text.isascii() or not spans:
            continue
        read = {unit: to_characters(text, spans, unit) for unit in UNITS}
        begins, ends = borders(text)
        for versions in zip(*(read[unit] for unit in UNITS), strict=True):
            if len({*versions}) == 1:
                continue
            total += 1
            for unit, span in zip(UNITS, versions, strict=True):
                fits = span is not None and span.start in begins and span.end in ends
                misfits[unit] += not fits
                if unit == "characters" and not fits and example < 0:
                    example = row
    wrong = misfits["characters"]
    best = min(UNITS, key=lambda unit: misfits[unit])
    if wrong > MISFIT * total and misfits[best] <= REMEDIED * wrong:
        return Misfits(best, wrong, total, misfits[best], example)
    return None
