"""Bytes of a file become text: the encoding that is given, a byte-order mark, or UTF-8."""

import codecs
import re
from typing import NamedTuple

from nlpseq.readers.reader import AUTO

UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 1 << 16
"""Bytes at the beginning of a file that guesses look at."""
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_LONG_RUN = 3
_ODD = 0.05
"""Share of characters beyond ASCII that may not fit."""
_PUNCTUATION = "’‘“”„‚‹›«»–—…•€£¥©®™°ºª§¿¡´·×½¼\xa0\xad"
_ALPHABETS = (
    ("cp1250", "áéíóöőúüű", "őű"),  # Hungarian
    ("cp1254", "çğıöşüâîûİ", "ğış"),  # Turkish
    ("cp1252", "àâäáãåæçéèêëíìîïñóòôöõøœúùûüÿß", ""),
    ("cp1252", "áéíóúýæöøðþ", "áéíóúæ"),  # Icelandic, Faroese
)
"""Encodings with the letters of languages that use them, and letters of which there must be one."""


class Encoding(NamedTuple):
    """An encoding: `codec` as Python names it, and whether it was `guessed` from the content."""

    codec: str
    guessed: bool = False


def is_text_encoding(name: str) -> bool:
    """Return whether Python knows an encoding of text of this name; base64 is none."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def choose_encoding(name: str, start: bytes) -> str:
    """Return the codec for a file.

    Args:
        name: as the recipe says; `auto`: as the byte-order mark says, else UTF-8.
        start: the first bytes of the file.
    """
    marked = next((codec for mark, codec in _MARKS if start.startswith(mark)), None)
    if name == AUTO:
        return marked or UTF_8
    canonical = codecs.lookup(name).name
    return "utf-8-sig" if canonical == UTF_8 else canonical


def guess_encoding(sample: bytes) -> Encoding:
    """Guess the encoding of text: a mark, UTF-8 if it is valid, else the likeliest of all others.

    Args:
        sample: the beginning of the file, or all of it; the last character may be cut.
    """
    codec = choose_encoding(AUTO, sample)
    if codec != UTF_8:
        return Encoding(codec)
    if is_valid_start(sample, UTF_8):
        return Encoding(UTF_8)
    if wide := _without_mark(sample):
        return Encoding(wide, guessed=True)
    return Encoding(_likeliest(sample), guessed=True)


def is_valid_start(sample: bytes, codec: str, *, complete: bool = False) -> bool:
    """Return whether bytes are text in an encoding; the last character may be cut unless they are `complete`."""
    try:
        codecs.getincrementaldecoder(codec)().decode(sample, complete)
    except UnicodeError:
        return False
    return b"\0" not in sample or codec.startswith(("utf-16", "utf-32"))


def _without_mark(sample: bytes) -> str:
    """Return `utf-16-le` or `utf-16-be` if every other byte of Western text is zero; else ''."""
    even, odd = sample[::2], sample[1::2]
    if not sample or b"\0" not in sample:
        return ""
    zeros = even.count(0) / len(even), odd.count(0) / max(len(odd), 1)
    if max(zeros) < 0.4 or min(zeros) > 0.05:
        return ""
    return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"


def _likeliest(sample: bytes) -> str:
    """Return the encoding whose alphabet fits, else the one that charset-normalizer takes for the likeliest.

    charset-normalizer alone takes cp1250 or a code page of DOS for much French, Swedish and Portuguese text.
    """
    if b"\0" in sample:
        return ""
    for codec, alphabet, needed in _ALPHABETS:
        if _fits(sample, codec, alphabet, needed):
            return codec
    from charset_normalizer import from_bytes  # late: only for text that is not UTF-8

    best = from_bytes(sample).best()
    name = codecs.lookup(best.encoding).name if best is not None else "cp1252"
    # Western text: the code page of Windows, of which latin-1 is the printable part.
    return "cp1252" if name in ("iso8859-1", "ascii", "cp1252") else name


def _fits(sample: bytes, codec: str, alphabet: str, needed: str) -> bool:
    """Return whether text beyond ASCII is of an alphabet and its punctuation, and scattered among ASCII letters.

    Text of other scripts has long runs of such characters.
    """
    try:
        text = sample.decode(codec)
    except UnicodeError:
        return False
    beyond = _BEYOND_ASCII.findall(text)
    total = sum(map(len, beyond))
    in_runs = sum(len(run) for run in beyond if len(run) >= _LONG_RUN)
    known = {*alphabet, *alphabet.upper(), *_PUNCTUATION}
    fitting = sum(character in known for run in beyond for character in run)
    has_needed = not needed or any(character in text.lower() for character in needed)
    return has_needed and in_runs <= _ODD * total and fitting >= (1 - _ODD) * total
