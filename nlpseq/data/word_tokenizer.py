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
from functools import cache
from importlib import metadata
from itertools import pairwise
from typing import Any, NamedTuple

ABBREVIATIONS = frozenset(
    "adj adm apr assn asst aug ave brig bros capt cmdr co comdr corp cpl dec dept dist dr est etc feb "
    "fla fri ft gen gov hon inc jan jr jul jun lt ltd maj messrs mr mrs ms mt nov oct ph.d pres prof "
    "pvt rep reps rev rt sen sens sep sept sgt sr st supt thu tue univ vs ariz calif colo conn ga kan "
    "ky mich minn mont neb nev okla penn tenn tex va vt wis wyo".split()
)
_CLITIC = r"(?i:s|m|d|re|ve|ll)(?!\w)"
_ENDING = r"(?!\w)"
_LETTER = r"[^\W\d_]"
_RUN = r"[\w\u0300\u200c\u200d]+"  # U+0300 represents all combining marks, see `_shape`
_JOINT = rf"(?:[-&](?=\w)|['’](?!{_CLITIC})(?=\w)|(?<=\d)[.,:/](?=\d)|\.(?=[a-z]))"
_WORD = re.compile(
    "|".join(
        [
            r"(?:https?|ftp)://[^\s<>\"]*[\w/]|www\.[^\s<>\"]*[\w/]",
            r"[\w.+-]{1,64}@\w+(?:[.-]\w+)+",
            r"\.{2,}|-{2,}|``|''",
            r"-(?i:[lr][crs]b)-(?!\w)",  # a bracket in the treebank's spelling
            rf"(?:{_LETTER}\.){{2,}}(?:{_LETTER}{_ENDING})?(?:-\w+)*",  # U.S., a.m., U.S.-led
            r"[A-HJ-ZÀ-ÖØ-Þ]\.(?=\s+[A-ZÀ-ÖØ-Þ])",  # an initial
            rf"(?i:{'|'.join(map(re.escape, sorted(ABBREVIATIONS)))})\.{_ENDING}",
            r"(?i:nos?)\.(?=\s*\d)",
            r"[A-Z]{1,3}\$",  # US$
            rf"\w+?(?=(?i:n['’]t){_ENDING})|(?i:n['’]t){_ENDING}",
            rf"['’]{_CLITIC}|['’]\d\ds{_ENDING}",  # 's, '90s
            rf"(?:(?<!\S)[+-]?\.?(?=\d))?{_RUN}(?:{_JOINT}{_RUN})*",
            r"[^\w\s](?:\u0300|\u200d[^\w\s])*",  # a single mark, or an emoji
        ]
    )
)

_SPLIT_NOT = re.compile(rf"(?<=\w) (?=(?i:n['’]t){_ENDING})")  # `do n't`, which Moses does not join

_LANGUAGE = "en"  # rules of Moses; the rules for words are the same for all languages
_CLOSING = "\"'”’»)]}"
_OPENING = "\"'“‘«([{`"
_ENDING_MARKS = "!?。！？؟।"
_INITIALS = re.compile(rf"[^\WI\d_]|{_LETTER}(?:\.{_LETTER})+")


class Word(NamedTuple):
    """A word and its position: characters `begin:end` of the raw text."""

    text: str
    begin: int
    end: int


def split_words(text: str) -> list[Word]:
    """Return the words of a raw text; all characters except white space are in one of them."""
    shape = text if text.isascii() else "".join(map(_shape, text))
    spans = (match.span() for match in _WORD.finditer(shape))
    return [Word(text[begin:end], begin, end) for begin, end in spans]


def tokenize_words(text: str) -> str:
    """Return raw text with spaces between words and punctuation, as in tokenized data; lines are kept."""
    lines = (split_words(line) for line in text.splitlines())
    return "\n".join(" ".join(word.text for word in words) for words in lines)


def detokenize(text: str) -> str:
    """Return the usual spelling of tokenized text; undoes `tokenize_words` by Moses's rules.

    The rules are heuristics: a slash keeps its spaces, and quotation marks open and close in turns.
    """
    lines = (_SPLIT_NOT.sub("", line).split() for line in text.splitlines())
    return "\n".join(_detokenizer().detokenize(line, unescape=False) for line in lines)


def detokenizer_signature() -> str:
    """Return method and version of `detokenize`, in the style of sacrebleu's signatures."""
    return f"detokenize:moses-{_LANGUAGE}|sacremoses:{metadata.version('sacremoses')}"


@cache
def _detokenizer() -> Any:
    from sacremoses import MosesDetokenizer  # late: rarely needed

    return MosesDetokenizer(lang=_LANGUAGE)


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


def _shape(character: str) -> str:
    """Return the character, or U+0300 if it only modifies the characters before it."""
    category = unicodedata.category(character)
    modifies = category in ("Mn", "Mc", "Me") or "\U0001f3fb" <= character <= "\U0001f3ff"
    return "\u0300" if modifies or character == "\u00ad" else character
