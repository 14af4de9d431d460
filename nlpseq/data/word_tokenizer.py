"""Word tokenizer and sentence splitter: cut raw text into words and sentences by rule.

(Tokens and their ids come from `tokenizer.py`; the rules here run before it, where a recipe asks for it.)
Words follow the Penn Treebank and CoNLL-2003: punctuation is separate; numbers, dates, hyphenated words,
abbreviations with their full stop (`U.S.`, `Mr.`), addresses, `-lrb-` and `...` are single words; `don't`
becomes `do n't`, `Ann's` becomes `Ann 's`. Scripts without spaces between words are not cut, and an emoji
is one word with its modifiers.

A sentence ends after `. ! ?` with closing quotes and brackets, except after an abbreviation, after an
initial, and after three dots before a small letter. `He left. She stayed.` and `he left . she stayed .`
are split alike. The end of a line ends a sentence, too.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from nlpseq.data.word_rules import ABBREVIATIONS, MARK, SPACELESS, python_rule

_LETTER = r"[^\W\d_]"

_CLOSING = "\"'”’»)]}"
_OPENING = "\"'“‘«([{`"
_ENDING_MARKS = "!?。！？؟।"
_INITIALS = re.compile(rf"[^\WI\d_]|{_LETTER}(?:\.{_LETTER})+")


_CHARACTERS = re.compile(f"[{SPACELESS}][{MARK}\u200c\u200d]*|(?:(?![{SPACELESS}]).)+", re.DOTALL)


class Word(NamedTuple):
    """A word and its position: characters `begin:end` of the raw text."""

    text: str
    begin: int
    end: int


def split_words(text: str, *, version: int = 1) -> list[Word]:
    """Return the words of a raw text; all characters except white space are in one of them.

    Args:
        text: raw text.
        version: of the rule; 1 keeps a text without spaces whole, 2 cuts it into characters.
    """
    spans = (match.span() for match in python_rule(version).finditer(_shapes(text)))
    if version > 1 and not text.isascii():
        spans = (part for begin, end in spans for part in split_spaceless(text, begin, end))
    return [Word(text[begin:end], begin, end) for begin, end in spans]


def split_spaceless(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut the characters of scripts without spaces out of a word: yield begin and end of each part."""
    for match in _CHARACTERS.finditer(_shapes(text[begin:end])):
        yield begin + match.start(), begin + match.end()


def tokenize_words(text: str) -> str:
    """Return raw text with spaces between words and punctuation, as in tokenized data; lines are kept."""
    lines = (split_words(line) for line in text.splitlines())
    return "\n".join(" ".join(word.text for word in words) for words in lines)


def split_into_sentences(text: str) -> list[list[Word]]:
    """Return the words of each sentence; their positions refer to the whole text."""
    result: list[list[Word]] = []
    for line in re.finditer(r"[^\n\r]+", text):
        words, begin = split_words(line.group()), line.start()
        sentences: list[list[Word]] = []
        for word, number in zip(
            words, sentence_numbers([word.text for word in words]), strict=True
        ):
            if number == len(sentences):
                sentences.append([])
            sentences[-1].append(Word(word.text, begin + word.begin, begin + word.end))
        result += sentences
    return result


def sentence_numbers(words: Sequence[str]) -> list[int]:
    """Return the number of the sentence that each word belongs to, from 0.

    Args:
        words: words of one text, with punctuation separate (`left`, `.`) or attached (`left.`).
    """
    numbers: list[int] = []
    number, ended = 0, False
    for word, following in pairwise([*words, ""]):
        closes = not word.strip(_CLOSING + _ENDING_MARKS + ".")
        if ended and not closes:
            number, ended = number + 1, False
        numbers.append(number)
        ended = ended or _ends(word, following)
    return numbers


def group_by_lines(text: str, words: Sequence[Word]) -> list[list[Word]]:
    """Group the words of a text by its lines."""
    lines: list[list[Word]] = []
    before = 0
    for word in words:
        if not lines or any(mark in text[before : word.begin] for mark in "\n\r"):
            lines.append([])
        lines[-1].append(word)
        before = word.end
    return lines


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return begin and end of each sentence of a raw text, without the white space around it."""
    return [span for line in re.finditer(r"[^\n\r]+", text) for span in _sentence_spans(line)]


def _sentence_spans(line: re.Match[str]) -> Iterator[tuple[int, int]]:
    words = list(re.finditer(r"\S+", line.group()))
    spans: dict[int, tuple[int, int]] = {}
    for word, number in zip(words, sentence_numbers([w.group() for w in words]), strict=True):
        begin, _ = spans.get(number, word.span())
        spans[number] = (begin, word.end())
    return ((begin + line.start(), end + line.start()) for begin, end in spans.values())


def _ends(word: str, following: str) -> bool:
    """Return whether a sentence ends with a word."""
    core = word.rstrip(_CLOSING)
    if core.endswith((*_ENDING_MARKS,)):
        return True
    if core.endswith(("..", "…")):
        return following[:1].isupper()
    if not core.endswith("."):
        return False
    stem = core[:-1].lstrip(_OPENING)
    if stem.lower() in ("no", "nos") and following[:1].isdigit():
        return False
    return stem.lower() not in ABBREVIATIONS and not _INITIALS.fullmatch(stem)


def _shapes(text: str) -> str:
    """Return a text of the same length in which `MARK` represents every mark, for the rule."""
    return text if text.isascii() else "".join(map(_shape, text))


def _shape(character: str) -> str:
    """Return the character, or U+0300 if it only modifies the characters before it."""
    category = unicodedata.category(character)
    modifies = category in ("Mn", "Mc", "Me") or "\U0001f3fb" <= character <= "\U0001f3ff"
    return "\u0300" if modifies or character == "\u00ad" else character
