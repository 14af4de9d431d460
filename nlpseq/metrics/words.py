"""Words by which summaries are scored: those of rouge-score for a-z, Unicode words for every other script.

A Unicode word is a sequence of letters, digits and underscores with their combining marks. In scripts without
spaces between words (Chinese, Japanese, Thai, ...) each character with its marks is a word.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from nlpseq.data.word_rules import SPACELESS
from nlpseq.metrics.scripts import SPACELESS_CHARACTER, Words

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ALONE = f"[{SPACELESS}]"
_MARK = "\u0300"  # represents every combining mark, see `_shapes`
_JOINERS = "\u200c\u200d"  # inside Persian and Indic words
_WORD = re.compile(
    rf"(?=\w){_ALONE}[{_MARK}{_JOINERS}]*"
    rf"|(?!{_ALONE})\w(?:(?!{_ALONE})[\w{_MARK}]|[{_JOINERS}](?=\w))*"
)
_MODIFIER = "[\u0300-\u036f\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
_SYMBOL = re.compile(
    rf"[\U0001f1e6-\U0001f1ff]{{2}}|\S{_MODIFIER}*(?:\u200d\S{_MODIFIER}*)*"  # flags; families
)
_UNIT = re.compile(rf"{_ALONE}(?!{_ALONE})[^\w]*|(?:(?!{_ALONE}).)+|{_ALONE}", re.DOTALL)


def words_of(text: str) -> list[str]:
    """Return the lower-cased Unicode words of a text."""
    text = text.lower()
    if text.isascii():
        return re.findall(r"\w+", text)
    text = unicodedata.normalize("NFC", text)
    return [text[slice(*match.span())] for match in _WORD.finditer(_shapes(text))]


def _shapes(text: str) -> str:
    """Return a text of the same length in which `_MARK` represents every combining mark."""
    return "".join(map(_shape, text))


@lru_cache(maxsize=2**16)
def _shape(character: str) -> str:
    return _MARK if unicodedata.category(character).startswith("M") else character


def symbols_of(text: str) -> list[str]:
    """Return the characters of a text without its white space; an emoji of several code points is one."""
    return _SYMBOL.findall(unicodedata.normalize("NFC", text.lower()))


class WordTokenizer:
    """Words of a text, in the interface of rouge-score's tokenizers.

    Args:
        words: `rouge-score`: sequences of a-z and 0-9, stemmed by Porter, as its default with a stemmer has them;
            `unicode`: Unicode words, not stemmed; `symbols`: characters, such as emoji and punctuation.
    """

    def __init__(self, words: Words) -> None:
        self.words = words

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text."""
        if self.words == "unicode":
            return words_of(text)
        if self.words == "symbols":
            return symbols_of(text)
        return [*filter(None, map(_stem, _ASCII_WORD.findall(text.lower())))]


def has_plain_words(texts: Iterable[str]) -> bool:
    """Return whether a text has a word of rouge-score: a letter a-z or a digit."""
    return any(_ASCII_WORD.search(text.lower()) for text in texts)


@lru_cache(maxsize=2**16)
def _stem(word: str) -> str:
    """Return a word as rouge-score stems it."""
    return "".join(_rouge_tokenizer().tokenize(word))


@cache
def _rouge_tokenizer() -> Any:
    from rouge_score.tokenizers import DefaultTokenizer  # late: nltk takes 2 s

    return DefaultTokenizer(use_stemmer=True)


def lead(text: str, k: int) -> str:
    """Return the first k words of a text: split at white space, or characters of a script without spaces."""
    if k <= 0:
        return ""
    if not SPACELESS_CHARACTER.search(text):
        return " ".join(text.split(maxsplit=k)[:k])
    pieces: list[str] = []
    count = 0
    for token in text.split():
        units = [token[slice(*match.span())] for match in _UNIT.finditer(_shapes(token))]
        pieces.append("".join(units[: k - count]))
        count += len(units)
        if count >= k:
            break
    return " ".join(pieces)
