"""Joining of raw text to the words of the training data that a rule cuts: `chủ tịch`, `北京`, `c++`, `:-)`.

A word that holds white space, or several characters of a script without spaces, is cut by every rule, and others by
rules that are not those of the training data. Where the training data have such a word, raw text is read with it: the
longest one at each position. A word whose parts are all words of the training data stays cut, as `end.` and `don't`,
except emoticons. White space that is a
word of the training data, such as U+3000, is one in raw text.
"""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence

from nlpseq.data.text_cutter import CutWord, Span, TextCutter, is_spaceless
from nlpseq.data.word_rules import BLANK

MOST_WORDS = 50_000
"""Words that are saved with a model, the most frequent ones."""
LONGEST_WORD = 100
"""Characters; a longer word is left out."""
_SPACE = re.compile(r"\s+")
_EMOTICON = re.compile(r"[:;=8xX]['^o-]?[()\[\]{}/\\|DPpOo*<>3]+|[()]['^o-]?[:;=]|<3+")
_MAY_BE_CUT = re.compile(r"[\W_]")
_NO_BLANK = re.compile(f"[^{BLANK}]+")
_LINE_BREAK = re.compile("[\n\r]")


class WordJoiner:
    """Joins the parts of raw text to known words.

    Args:
        words: the known words of several parts, see `words_of_parts`.
        cutter: cuts raw text into the parts.
        fold: spells a part as the words are spelt, for example in lower case.
    """

    def __init__(
        self, words: Iterable[str], cutter: TextCutter, fold: Callable[[str], str]
    ) -> None:
        self._fold = fold
        self._forms: dict[str, str] = {}  # with single spaces -> as it is
        self._longest: dict[str, int] = {}  # first part -> parts of the longest word
        self._spaces: set[str] = set()
        for word in words:
            parts = cutter.spans(word)
            if not parts:
                self._spaces.add(word)
            if len(parts) > 1:
                first = word[slice(*parts[0])]
                self._forms.setdefault(_SPACE.sub(" ", word), word)
                self._forms[word] = word
                self._longest[first] = max(self._longest.get(first, 1), len(parts))

    def __bool__(self) -> bool:
        return bool(self._forms or self._spaces)

    def join(self, text: str, spans: Sequence[Span]) -> list[CutWord]:
        """Return the words of a text that is cut into `spans`; a line break is in no word."""
        joined, index = [], 0
        while index < len(spans):
            length, form = self._longest_at(text, spans, index)
            parts = [*spans[index : index + length]]
            joined.append(CutWord(parts, _gaps(text, parts, form)))
            index += length
        return self._with_spaces(text, joined) if self._spaces else joined

    def _with_spaces(self, text: str, words: Sequence[CutWord]) -> list[CutWord]:
        """Add the white space between words that is a word itself."""
        ends = [0, *(word.span[1] for word in words)]
        begins = [*(word.span[0] for word in words), len(text)]
        gaps = [
            [
                CutWord([(begin + match.start(), begin + match.end())], [])
                for match in _NO_BLANK.finditer(text[begin:end])
                if match.group() in self._spaces
            ]
            for begin, end in zip(ends, begins, strict=True)
        ]
        return [
            *gaps[0],
            *(w for word, gap in zip(words, gaps[1:], strict=True) for w in (word, *gap)),
        ]

    def _longest_at(self, text: str, spans: Sequence[Span], index: int) -> tuple[int, str]:
        """Return the number of parts of the longest word at a part, and the word."""
        begin, end = spans[index]
        exact = single = self._fold(text[begin:end])
        longest, form = 1, exact
        most = self._longest.get(exact, 1)
        for count, (begin, following) in enumerate(spans[index + 1 : index + most], start=2):
            gap, part = text[end:begin], self._fold(text[begin:following])
            if _LINE_BREAK.search(gap):
                break
            exact += gap + part
            single += (" " if gap else "") + part
            end = following
            known = self._forms.get(exact) or self._forms.get(single)
            if known is not None:
                longest, form = count, known
        return longest, form


def _gaps(text: str, parts: Sequence[Span], form: str) -> list[str]:
    """Return the white space before each part but the first, as the word has it."""
    spaces = iter(_SPACE.findall(form))
    return [
        next(spaces, " ") if before[1] < part[0] else ""
        for before, part in zip(parts, parts[1:], strict=False)
    ]


def words_of_parts(words: Iterable[str], cutter: TextCutter) -> list[str]:
    """Return the distinct words to join raw text to, the most frequent first."""
    counts = Counter(words)
    joined = [word for word in counts if _is_joined(word, counts, cutter)]
    return sorted(joined, key=lambda word: -counts[word])


def _is_joined(word: str, known: Container[str], cutter: TextCutter) -> bool:
    """Return whether raw text is joined to a word of the `known` ones."""
    whole = _SPACE.search(word) is not None or is_spaceless(word)
    if not whole and not _MAY_BE_CUT.search(word):
        return False
    if not 0 < len(word) <= LONGEST_WORD or _LINE_BREAK.search(word) or word.strip(BLANK) != word:
        return False
    parts = [word[slice(*span)] for span in cutter.spans(word)]
    if whole or len(parts) < 2:
        return whole and len(parts) != 1
    return _EMOTICON.fullmatch(word) is not None or not all(part in known for part in parts)
