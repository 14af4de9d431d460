"""Normalisation of texts: Unicode normal form, lower case and digits, with the way back to the text as given."""

import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from tokenizers import Regex, normalizers

_GREEK = "\u0370-\u03ff\u1f00-\u1fff"
FINAL_SIGMA = f"(?<=[{_GREEK}])σ(?![{_GREEK}])"
_FINAL_SIGMA = re.compile(FINAL_SIGMA)
_DIGIT = re.compile("[0-9]")
TURKIC = ("az", "tr")
"""Languages in which I and ı, İ and i are pairs."""
_TURKIC_LETTERS: dict[str, str] = {"I": "ı", "İ": "i"}
_TURKIC_TABLE = {ord(upper): lower for upper, lower in _TURKIC_LETTERS.items()}


class AlignedText(NamedTuple):
    """A text made from a given one.

    Attributes:
        text: the text.
        spans: begin and end, in the given text, of what each character was made from; None: the same.
    """

    text: str
    spans: Sequence[tuple[int, int]] | None = None

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Return begin and end, in the given text, of the characters `begin:end`."""
        if self.spans is None or begin >= end:
            return begin, end
        return self.spans[begin][0], self.spans[end - 1][1]

    def replace(self, text: str, origins: Sequence[tuple[int, int]]) -> "AlignedText":
        """Return a text that was made from this one; `origins` are spans of this one."""
        return AlignedText(text, [self.span(begin, end) for begin, end in origins])


@dataclass(frozen=True)
class Normalizer:
    """Normalises texts in two steps: the normal form, which is spelt in characters, then `fold`, for ids.

    Attributes:
        form: Unicode normal form, `nfc` or `none`.
        lowercase: convert to lower case.
        language: its rules of lower case.
        digits_as_zero: replace every ASCII digit by 0.
    """

    form: str = "nfc"
    lowercase: bool = False
    language: str | None = None
    digits_as_zero: bool = False

    def canonical(self, text: str) -> str:
        """Return a text in the normal form."""
        if self.form == "none" or text.isascii():
            return text
        return unicodedata.normalize("NFC", text)

    def align(self, text: str) -> AlignedText:
        """Return a text in the normal form, with the spans of its characters."""
        canonical = self.canonical(text)
        if canonical == text:
            return AlignedText(text)
        pieces, spans, begin = [], [], 0
        for end in _chunk_ends(text):
            piece = unicodedata.normalize("NFC", text[begin:end])
            unchanged = piece == text[begin:end]
            spans += (
                [(i, i + 1) for i in range(begin, end)]
                if unchanged
                else [(begin, end)] * len(piece)
            )
            pieces.append(piece)
            begin = end
        assert "".join(pieces) == canonical
        return AlignedText(canonical, spans)

    def fold(self, text: str) -> str:
        """Return a text in lower case and with digits as 0, where that is wanted."""
        if self.lowercase:
            text = self._lower(text)
        return _DIGIT.sub("0", text) if self.digits_as_zero else text

    def fold_aligned(self, aligned: AlignedText) -> AlignedText:
        """Fold a text, and keep the spans of its characters."""
        folded = self.fold(aligned.text)
        if len(folded) == len(aligned.text):  # no letter has a shorter lower case
            return AlignedText(folded, aligned.spans)
        origins = [
            (index, index + 1)
            for index, letter in enumerate(aligned.text)
            for _ in self._lower(letter)
        ]
        return aligned.replace(folded, origins)

    def _lower(self, text: str) -> str:
        if text.isascii() and self.language not in TURKIC:
            return text.lower()
        if self.language in TURKIC:
            text = text.translate(_TURKIC_TABLE)
        return _FINAL_SIGMA.sub("ς", text.replace("Σ", "σ").lower())

    def backend(self) -> Any:
        """Return the same for tokenizer.json; None if nothing is to be done."""
        steps: list[Any] = [normalizers.NFC()] if self.form == "nfc" else []
        if self.lowercase:
            if self.language in TURKIC:
                steps += [normalizers.Replace(a, b) for a, b in _TURKIC_LETTERS.items()]
            steps += [normalizers.Lowercase(), normalizers.Replace(Regex(FINAL_SIGMA), "ς")]
        if self.digits_as_zero:
            steps.append(normalizers.Replace(Regex("[0-9]"), "0"))
        return normalizers.Sequence(steps) if steps else None


def _chunk_ends(text: str) -> list[int]:
    """Return the ends of the shortest parts of a text that are normalised alone as they are in it."""
    ends = [
        index
        for index, letter in enumerate(text)
        if index and not unicodedata.combining(letter) and letter not in _continuing()
    ]
    return [*ends, len(text)]


@cache
def _continuing() -> frozenset[str]:
    """Return the characters without a combining class that may be composed with the one before them."""
    letters = {chr(code) for code in [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]}  # Hangul
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            letters.add(chr(int(parts[1], 16)))
    return frozenset(letter for letter in letters if not unicodedata.combining(letter))
