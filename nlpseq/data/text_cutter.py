"""Cutting of raw text into words: by rule, with a language, or at white space."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from tokenizers import Regex, pre_tokenizers

from nlpseq.data.word_rules import BETWEEN_BLANKS, CHARACTER, SPACELESS, WHITESPACE, tokenizers_rule
from nlpseq.data.word_tokenizer import split_spaceless, split_words

Span = tuple[int, int]


class CutWord(NamedTuple):
    """A word of a text.

    Attributes:
        parts: begin and end of its parts.
        gaps: white space between them, perhaps other than in the text.
    """

    parts: list[Span]
    gaps: list[str]

    @property
    def span(self) -> Span:
        """Begin and end of the word."""
        return self.parts[0][0], self.parts[-1][1]

    def spell(self, text: str) -> str:
        """Return the word; `text` is that it was cut from."""
        pieces = [text[begin:end] for begin, end in self.parts]
        return "".join(chain(pieces[:1], *zip(self.gaps, pieces[1:], strict=True)))


_NO_SPACE = re.compile(r"\S+")
_BETWEEN_BLANKS = re.compile(BETWEEN_BLANKS)
_SPACELESS = re.compile(f"[{SPACELESS}]")


@dataclass(frozen=True)
class TextCutter:
    """Cuts raw text into words.

    Attributes:
        rule: `words` by rule, or at `whitespace`: blanks, tabs and line ends.
        language: rules of Moses for it, where Moses has them; those of nlpseq for English and all others.
        spaceless: cut text of scripts without spaces into characters.
        version: of the rule; 1 is that of models of nlpseq 0.1; up to 2, every white space separates words.
    """

    rule: str = "words"
    language: str | None = None
    spaceless: bool = True
    version: int = 3

    def words_between_blanks(self, text: str) -> list[Span]:
        """Return begin and end of each word of a text that is cut already."""
        pattern = _BETWEEN_BLANKS if self.version > 2 else _NO_SPACE
        return [match.span() for match in pattern.finditer(text)]

    def spans(self, text: str) -> list[Span]:
        """Return begin and end of each word; every character except white space is in a word."""
        if self.rule == "words":
            spans = self._moses(text) if _has_moses(self.language) else []
            return spans or self._by_rule(text)
        return self._split_spaceless(text, self.words_between_blanks(text))

    def _by_rule(self, text: str) -> list[Span]:
        if self.version > 1:
            return [word[1:] for word in split_words(text, version=self.version)]
        spans, start = [], 0
        for line in text.splitlines(keepends=True):  # version 0.1 cut each line on its own
            spans += [(start + word.begin, start + word.end) for word in split_words(line)]
            start += len(line)
        return spans

    def _split_spaceless(self, text: str, spans: list[Span]) -> list[Span]:
        if not self.spaceless or not _SPACELESS.search(text):
            return spans
        return [part for begin, end in spans for part in split_spaceless(text, begin, end)]

    def _moses(self, text: str) -> list[Span]:
        """Return the words by Moses; none if they are not parts of the text in their order."""
        spans, end = [], 0
        for word in _moses(self.language).tokenize(text, escape=False):
            begin = text.find(word, end)
            if begin < 0 or text[end:begin].strip():
                return []
            end = begin + len(word)
            spans.append((begin, end))
        return [] if text[end:].strip() else self._split_spaceless(text, spans)

    def backend(self) -> Any:
        """Return the same for tokenizer.json."""
        if self.rule == "whitespace" and self.version < 3:
            steps: list[Any] = [pre_tokenizers.Split(Regex(WHITESPACE), "removed")]
        else:
            word = tokenizers_rule() if self.rule == "words" else BETWEEN_BLANKS
            steps = [pre_tokenizers.Split(Regex(word), "removed", invert=True)]
        if self.spaceless:
            steps.append(pre_tokenizers.Split(Regex(CHARACTER), "isolated"))
        return pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]

    @property
    def unexpressed(self) -> str:
        """Why tokenizer.json cannot cut as this does; empty if it can."""
        if self.rule == "words" and _has_moses(self.language):
            return f"words are cut by the rules of Moses for {self.language}"
        return ""

    def describe(self) -> str:
        """Return the rule in a few words."""
        rules = f" (Moses, {self.language})" if _has_moses(self.language) else ""
        rule = "at white space" if self.rule == "whitespace" else f"into words by rule{rules}"
        return f"{rule}, scripts without spaces into characters" if self.spaceless else rule


def whole(spans: Iterable[Span]) -> list[CutWord]:
    """Return words of one part."""
    return [CutWord([span], []) for span in spans]


def join_words(text: str, words: Iterable[CutWord]) -> tuple[str, list[Span]]:
    """Return a text with spaces between its words, and the span of each character; lines are kept."""
    joined: list[str] = []
    origins: list[Span] = []
    before = 0
    for word in words:
        space = "\n" * _line_breaks(text[before : word.span[0]]) or (" " if joined else "")
        for gap, (begin, end) in zip([space, *word.gaps], word.parts, strict=True):
            joined += [gap, text[begin:end]]
            origins += [(before, begin)] * len(gap) + [(i, i + 1) for i in range(begin, end)]
            before = end
    rest = text[before:] if joined else ""
    last = _line_breaks(rest) - (rest[-1:].splitlines() == [""])  # without that at the end
    return "".join(joined) + "\n" * last, origins + [(before, len(text))] * last


def _line_breaks(text: str) -> int:
    return len(f"{text}.".splitlines()) - 1


def is_spaceless(text: str) -> bool:
    """Return whether a text has a character of a script without spaces between words."""
    return _SPACELESS.search(text) is not None


@cache
def _has_moses(language: str | None) -> bool:
    """Return whether Moses has rules for a language; English has nlpseq's own, Chinese none."""
    if language in (None, "en", "zh", "yue"):
        return False
    from sacremoses.corpus import NonbreakingPrefixes  # late: rarely needed

    return language in NonbreakingPrefixes().available_langs.values()


@cache
def _moses(language: str | None) -> Any:
    from sacremoses import MosesTokenizer

    return MosesTokenizer(lang=language)
