"""Raw text as words and sentences, by rule: for text that comes without them.

Words are cut in the manner of the Penn Treebank and CoNLL-2003: punctuation stands apart; numbers,
dates, hyphenated words, abbreviations with their full stop (`U.S.`, `Mr.`), addresses, `-lrb-` and
`...` stay whole; `don't` is `do n't`, `Ann's` is `Ann 's`. A script without spaces between words stays
in long runs, and an emoji is one word with what modifies it.

A sentence ends after `. ! ?` and the quotes and brackets that close behind it, but not after an
abbreviation, an initial or, before a small letter, three dots. The rule reads `He left. She stayed.`
and `he left . she stayed .` alike. A line's end ends a sentence, too.
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
_RUN = r"[\w\u0300\u200c\u200d]+"  # a mark of any kind is given as U+0300, see `_shape`
_JOINT = rf"(?:[-&](?=\w)|['’](?!{_CLITIC})(?=\w)|(?<=\d)[.,:/](?=\d)|\.(?=[a-z]))"
_WORD = re.compile(
    "|".join(
        [
            r"(?:https?|ftp)://[^\s<>\"]*[\w/]|www\.[^\s<>\"]*[\w/]",
            r"[\w.+-]{1,64}@\w+(?:[.-]\w+)+",
            r"\.{2,}|-{2,}|``|''",
            r"-(?i:[lr][crs]b)-(?!\w)",  # a bracket as the treebank spells it
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

_APART_NOT = re.compile(rf"(?<=\w) (?=(?i:n['’]t){_ENDING})")  # the treebank's alone: `do n't`

_LANGUAGE = "en"  # of Moses's rules; the rules for words are one set for all languages, too
_CLOSING = "\"'”’»)]}"
_OPENING = "\"'“‘«([{`"
_ENDING_MARKS = "!?。！？؟।"
_INITIALS = re.compile(rf"[^\WI\d_]|{_LETTER}(?:\.{_LETTER})+")


class Word(NamedTuple):
    """A word of a raw text: `text` is that text's [begin:end]."""

    text: str
    begin: int
    end: int


def split_words(text: str) -> list[Word]:
    """The words of a raw text in order; only white space lies between them."""
    shape = text if text.isascii() else "".join(map(_shape, text))
    spans = (match.span() for match in _WORD.finditer(shape))
    return [Word(text[begin:end], begin, end) for begin, end in spans]


def raw_words(text: str) -> str:
    """Raw text with a space between words and marks, as tokenized data have it; lines stay apart."""
    lines = (split_words(line) for line in text.splitlines())
    return "\n".join(" ".join(word.text for word in words) for words in lines)


def detokenized(text: str) -> str:
    """What `raw_words` made, as it is written: the other way round, by Moses's rules, which now and then guess.

    A slash keeps its spaces, and of quotation marks it is counted which open and which close.
    """
    lines = (_APART_NOT.sub("", line).split() for line in text.splitlines())
    return "\n".join(_detokenizer().detokenize(line, unescape=False) for line in lines)


def detokenizer_signature() -> str:
    """By what `detokenized` writes, in the manner of sacrebleu's signatures."""
    return f"detokenize:moses-{_LANGUAGE}|sacremoses:{metadata.version('sacremoses')}"


@cache
def _detokenizer() -> Any:
    from sacremoses import MosesDetokenizer  # late: few need it

    return MosesDetokenizer(lang=_LANGUAGE)


def split_into_sentences(text: str) -> list[list[Word]]:
    """The words of each sentence of a raw text; places are those of the whole text."""
    found: list[list[Word]] = []
    for line in re.finditer(r"[^\n\r]+", text):
        words, begin = split_words(line.group()), line.start()
        sentences: list[list[Word]] = []
        for word, number in zip(words, sentence_numbers([one.text for one in words]), strict=True):
            if number == len(sentences):
                sentences.append([])
            sentences[-1].append(Word(word.text, begin + word.begin, begin + word.end))
        found += sentences
    return found


def sentence_numbers(words: Sequence[str]) -> list[int]:
    """The number of the sentence that each word belongs to, from 0.

    Args:
        words: of one text, its punctuation apart (`left`, `.`) or not (`left.`).
    """
    numbers: list[int] = []
    number, ended = 0, False
    for word, following in pairwise([*words, ""]):
        trails = not word.strip(_CLOSING + _ENDING_MARKS + ".")
        if ended and not trails:
            number, ended = number + 1, False
        numbers.append(number)
        ended = ended or _ends(word, following)
    return numbers


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of a raw text begins and ends, white space around it left out."""
    return [span for line in re.finditer(r"[^\n\r]+", text) for span in _sentences(line)]


def _sentences(line: re.Match[str]) -> Iterator[tuple[int, int]]:
    words = list(re.finditer(r"\S+", line.group()))
    spans: dict[int, tuple[int, int]] = {}
    for word, number in zip(words, sentence_numbers([w.group() for w in words]), strict=True):
        begin, _ = spans.get(number, word.span())
        spans[number] = (begin, word.end())
    return ((begin + line.start(), end + line.start()) for begin, end in spans.values())


def _ends(word: str, following: str) -> bool:
    """Whether a sentence may end with this word."""
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
    """The character, or U+0300 for one that only modifies those before it."""
    category = unicodedata.category(character)
    modifies = category in ("Mn", "Mc", "Me") or "\U0001f3fb" <= character <= "\U0001f3ff"
    return "\u0300" if modifies or character == "\u00ad" else character
