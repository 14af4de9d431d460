"""Regular expressions that cut raw text into words, for Python's `re` and for the `tokenizers` library.

Both spellings of a rule match alike, so a saved tokenizer.json cuts raw text as nlpseq does. `word_tokenizer.py`
says in words what the rules do.
"""

import re
from functools import cache

ABBREVIATIONS = frozenset(
    "adj adm apr assn asst aug ave brig bros capt cmdr co comdr corp cpl dec dept dist dr est etc feb "
    "fla fri ft gen gov hon inc jan jr jul jun lt ltd maj messrs mr mrs ms mt nov oct ph.d pres prof "
    "pvt rep reps rev rt sen sens sep sept sgt sr st supt thu tue univ vs ariz calif colo conn ga kan "
    "ky mich minn mont neb nev okla penn tenn tex va vt wis wyo".split()
)
MARK = "\u0300"
"""Represents every combining mark in a text that Python's rule reads, see `word_tokenizer`."""
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b"
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff"
    "\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U000323af"
)
"""Han, kana, Thai, Lao, Burmese and Khmer, which have no spaces between words: the inside of a class."""
JOINED = SPACELESS + "\u3000-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff65"
"""The same and their punctuation: between these, words are written without a space."""

_SPACE = "\t-\r\x1c-\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # str.isspace
_MARKS = r"\p{M}" + "\u00ad\U0001f3fb-\U0001f3ff"


@cache
def python_rule(version: int) -> re.Pattern[str]:
    """Return the rule for a text whose marks are represented by MARK."""
    return re.compile(_words(r"\w", r"\s", MARK, r"\d", r"[^\W\d_]", version))


@cache
def tokenizers_rule() -> str:
    """Return the current rule in the syntax of `tokenizers.Regex`."""
    letter = r"[\p{L}\p{Nl}\p{No}]"
    return _words(r"\p{L}\p{N}_", _SPACE, _MARKS, r"\p{Nd}", letter, CURRENT)


CURRENT = 2
WHITESPACE = f"[{_SPACE}]+"
BLANK = " \t\r\n"
"""White space that separates words of text that is cut already; inside a word there may be any other."""
_INNER_SPACE = _SPACE.replace("\t-\r", "\x0b\x0c").replace(" ", "")
BETWEEN_BLANKS = f"[^{_SPACE}]+(?:[{_INNER_SPACE}]+[^{_SPACE}]+)*"
"""A word of text that is cut already, such as `10\u00a0000`."""
CHARACTER = rf"(?!\p{{M}})[{SPACELESS}][{_MARKS}\u200c\u200d]*"
"""A character of a script without spaces, with its marks."""


def _words(word: str, space: str, mark: str, digit: str, letter: str, version: int) -> str:
    """Return the rule; classes are given by their insides, except `letter`.

    Version 1 is that of models of nlpseq 0.1. Version 2 keeps tags such as `<br>` and `</s>` whole.
    """
    w, d = f"[{word}]", f"[{digit}]"
    ending = f"(?!{w})"
    clitic = rf"{_any_case('s|m|d|re|ve|ll')}{ending}"
    run = f"[{word}{mark}\u200c\u200d]+"
    joint = rf"(?:[-&](?={w})|['’](?!{clitic})(?={w})|(?<={d})[.,:/](?={d})|\.(?=[a-z]))"
    negated = f"[^{word}{space}]"
    before = f"(?<![^{space}])"
    tag = [] if version == 1 else [rf"<[/|]?[A-Za-z][{word}-]*[/|]?>"]
    return "|".join(
        [
            rf"(?:https?|ftp)://[^{space}<>\"]*[{word}/]|www\.[^{space}<>\"]*[{word}/]",
            rf"[{word}.+-]{{1,64}}@{w}+(?:[.-]{w}+)+",
            r"\.{2,}|-{2,}|``|''",
            *tag,
            rf"-[lLrR][cCrRsS][bB]-{ending}",  # a bracket in the treebank's spelling
            rf"(?:{letter}\.){{2,}}(?:{letter}{ending})?(?:-{w}+)*",  # U.S., a.m., U.S.-led
            rf"[A-HJ-ZÀ-ÖØ-Þ]\.(?=[{space}]+[A-ZÀ-ÖØ-Þ])",  # an initial
            rf"{_any_case('|'.join(map(re.escape, sorted(ABBREVIATIONS))))}\.{ending}",
            rf"[nN][oO][sS]?\.(?=[{space}]*{d})",
            r"[A-Z]{1,3}\$",  # US$
            rf"{w}+?(?=[nN]['’][tT]{ending})|[nN]['’][tT]{ending}",
            rf"['’]{clitic}|['’]{d}{d}s{ending}",  # 's, '90s
            rf"(?:{before}[+-]?\.?(?={d}))?{run}(?:{joint}{run})*",
            rf"{negated}(?:[{mark}]|\u200d{negated})*",  # a single mark, or an emoji
        ]
    )


def _any_case(pattern: str) -> str:
    """Return a group that matches ASCII letters in either case, the same in every engine."""
    return f"(?:{re.sub('[a-z]', lambda letter: f'[{letter[0]}{letter[0].upper()}]', pattern)})"
