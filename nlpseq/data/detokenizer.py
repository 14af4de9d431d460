"""Detokenizer: writes tokens as text, with spaces where the language has them.

Between two tokens there is a space, or none. General rules decide (`_default_joins`), and exceptions to them that
were learnt from raw texts: `C + +` is `C++`, `# build` is `#build`, `and / or` is what the texts have. An exception
is for two neighbouring tokens, or for two with the tokens around them; and the same for kinds of tokens, so that a
new word behind `#` is written as the known ones. A more special exception overrules a more general one.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Self

from nlpseq.data.word_rules import SPACELESS
from nlpseq.errors import UserError
from nlpseq.stored_values import StoredValues

LARGEST = 20_000
"""Most exceptions of a level, the most frequent ones."""
_VERSION = 1
_SPACELESS = re.compile(f"[{SPACELESS}]")
_CLITIC = re.compile(r"(?i)['’](?:s|m|d|re|ve|ll)|n['’]t")
_LEFT = frozenset(".,;:!?%…")  # belongs to the word on its left; other scripts by category
_RIGHT = frozenset("#@¡¿")  # belongs to the word on its right
_APART = frozenset("&*§¶†‡•‣※·")  # punctuation between spaces
_BOTH = frozenset("/\\")
_WIDE = re.compile(r"[\u3000-\u303f\uff00-\uff65\uffe0-\uffef]")  # punctuation that takes no space
_FLAG = re.compile(r"[\U0001f1e6-\U0001f1ff]")

Example = tuple[Sequence[str], str]
Key = Callable[[Sequence[str], Sequence[str], int], str]


class Detokenizer:
    """Writes tokens as text.

    Args:
        exceptions: for each of `LEVELS`, whether the tokens of a key are written together.
    """

    def __init__(self, exceptions: Sequence[Mapping[str, bool]] = ()) -> None:
        self._exceptions = [dict(level) for level in exceptions] or [{} for _ in LEVELS]

    @classmethod
    def learn(cls, examples: Iterable[Example]) -> Self:
        """Learn exceptions from texts.

        Args:
            examples: tokens of each text, and the text, normalised as the tokens are; a text with other
                characters than its tokens is left out.
        """
        counts = Counter(
            (tuple(tokens), joins)
            for tokens, text in examples
            if len(tokens) > 1 and (joins := find_joins(tokens, text)) is not None
        )
        lines = [_Line(tokens, joins, count) for (tokens, joins), count in counts.items()]
        return cls([_learn_level(key, lines) for key in LEVELS])

    def __call__(self, text: str) -> str:
        """Return tokens that spaces separate as text; lines are kept."""
        return "\n".join(self._write(line.split()) for line in text.split("\n"))

    def _write(self, tokens: Sequence[str]) -> str:
        joins = self.joins(tokens)
        parts = [
            part
            for token, join in zip(tokens[1:], joins, strict=True)
            for part in (("" if join else " "), token)
        ]
        return "".join([*tokens[:1], *parts])

    def joins(self, tokens: Sequence[str]) -> list[bool]:
        """Return for each token but the first whether it is written together with the one before."""
        if not tokens:
            return []
        kinds = [*map(_kind, tokens)]
        joins = _default_joins(tokens)
        for key, exceptions in zip(LEVELS, self._exceptions, strict=True):
            if exceptions:
                joins = [
                    exceptions.get(key(tokens, kinds, gap), join) for gap, join in enumerate(joins)
                ]
        return joins

    def state(self) -> dict[str, Any]:
        """Return the exceptions as JSON: those written together, and those written apart."""
        levels = [
            {
                "together": [key for key, join in level.items() if join],
                "apart": [key for key, join in level.items() if not join],
            }
            for level in self._exceptions
        ]
        return {"version": _VERSION, "levels": levels}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore a `state`.

        Raises:
            UserError: it is damaged.
        """
        stored = StoredValues(state, "config.json: learnt.detokenizer")
        levels = stored.parts("levels", len(LEVELS))
        if len(levels) != len(LEVELS):
            raise UserError(
                f"{stored.where}.levels is damaged: it has {len(levels)} of {len(LEVELS)} levels"
            )
        return cls(
            [
                dict.fromkeys(level.texts("together"), True)
                | dict.fromkeys(level.texts("apart"), False)
                for level in levels
            ]
        )

    @property
    def signature(self) -> str:
        """The method, in the style of sacrebleu's signatures."""
        learnt = sum(map(len, self._exceptions))
        return f"detokenize:nlpseq-{_VERSION}|exceptions:{learnt}"


def find_joins(tokens: Sequence[str], text: str, unknown: str = "<unk>") -> tuple[bool, ...] | None:
    """Return for each token but the first whether a text has it right behind the one before.

    Args:
        tokens: the tokens of the text, in its spelling or in lower case, perhaps with 0 for each digit.
        text: the text.
        unknown: the token that stands for any word.

    Returns:
        None if the text has other characters than the tokens.
    """
    lower = text.lower()
    forms = [text, *([lower] if len(lower) == len(text) else [])]
    forms += [re.sub(r"\d", "0", form) for form in forms]
    for form in dict.fromkeys(forms):
        if (joins := _joins_in(tokens, form, unknown)) is not None:
            return joins
    return None


def _joins_in(tokens: Sequence[str], text: str, unknown: str) -> tuple[bool, ...] | None:
    joins, position = [], 0
    for index, token in enumerate(tokens):
        begin = position
        while begin < len(text) and text[begin].isspace():
            begin += 1
        end = begin + len(token)
        if token == unknown and not text.startswith(token, begin):
            following = tokens[index + 1] if index + 1 < len(tokens) else ""
            end = _unknown_end(text, begin, following)
        elif not text.startswith(token, begin):
            return None
        if end == begin:
            return None
        joins.append(begin == position)
        position = end
    return None if text[position:].strip() else tuple(joins[1:])


def _unknown_end(text: str, begin: int, following: str) -> int:
    """Return the end of an unknown word: white space, or the beginning of the following token."""
    end = begin
    while end < len(text) and not text[end].isspace():
        if end > begin and following and text.startswith(following, end):
            break
        end += 1
    return end


# Keys of exceptions: of the gap between token `gap` and the next one.


def _pair(items: Sequence[str], gap: int) -> str:
    return f"{items[gap]} {items[gap + 1]}"


def _context(items: Sequence[str], gap: int) -> str:
    before = items[gap - 1] if gap else ""
    after = items[gap + 2] if gap + 2 < len(items) else ""
    return f"{before} {items[gap]} {items[gap + 1]} {after}"


LEVELS: tuple[Key, ...] = (
    lambda tokens, kinds, gap: _pair(kinds, gap),
    lambda tokens, kinds, gap: _context(kinds, gap),
    lambda tokens, kinds, gap: _pair(tokens, gap),
    lambda tokens, kinds, gap: _context(tokens, gap),
)
"""Keys from the most general to the most special."""


class _Line:
    """A text to learn from, and what the levels so far predict."""

    def __init__(self, tokens: Sequence[str], joins: Sequence[bool], count: int) -> None:
        self.tokens = tokens
        self.kinds = [*map(_kind, tokens)]
        self.joins = joins
        self.count = count
        self.predicted = _default_joins(tokens)


def _learn_level(key: Key, lines: Sequence[_Line]) -> dict[str, bool]:
    """Return the exceptions of a level that make fewer errors than the levels before."""
    together: Counter[str] = Counter()  # number of gaps that are written together, by key
    apart: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    gaps: dict[str, list[tuple[_Line, int]]] = defaultdict(list)
    for line in lines:
        for gap, join in enumerate(line.joins):
            name = key(line.tokens, line.kinds, gap)
            (together if join else apart)[name] += line.count
            errors[name] += line.count * (join != line.predicted[gap])
            gaps[name].append((line, gap))
    gains = {name: errors[name] - min(together[name], apart[name]) for name in +errors}
    useful = sorted((name for name, gain in gains.items() if gain > 0), key=gains.__getitem__)
    exceptions = {name: together[name] > apart[name] for name in useful[::-1][:LARGEST]}
    for name, join in exceptions.items():
        for line, gap in gaps[name]:
            line.predicted[gap] = join
    return exceptions


def _kind(token: str) -> str:
    """Return a sign itself, and a class for words, numbers, emoji and scripts without spaces."""
    first = token[:1]
    if token.isdecimal():
        return "0"
    if _SPACELESS.match(first):
        return "字"
    if first.isalnum():
        return "w"
    if _FLAG.match(first):
        return "🏳"
    return token if unicodedata.category(first)[0] in "PSM" and len(token) < 4 else "w"


def _default_joins(tokens: Sequence[str]) -> list[bool]:
    """Return by general rules whether each token is written together with the one before."""
    joins: list[bool] = []
    quoted = False  # inside straight quotes
    flags = 0  # regional indicators in a row: two make a flag
    for before, token in zip(tokens, tokens[1:], strict=False):
        if before == '"':
            quoted = not quoted
        flags = flags + 1 if _FLAG.match(before) else 0
        if before == '"' or token == '"':
            join = quoted if before == '"' else quoted and token == '"'
            joins.append(join or (token in _LEFT))
        elif _FLAG.match(token) and flags:
            joins.append(flags % 2 == 1 and len(before) == 1)
        else:
            joins.append(_belongs_left(token, before) or _belongs_right(before, token))
    return joins


def _belongs_left(token: str, before: str) -> bool:
    """Return whether a token is written together with any token on its left."""
    first = token[0]
    category = unicodedata.category(first)
    if category in ("Pe", "Pf", "Mn", "Mc", "Me") or first in _LEFT or first in _BOTH:
        return True
    if _CLITIC.fullmatch(token) or _WIDE.match(first):
        return True
    if category == "Po" and not first.isascii() and first not in _APART and first not in _RIGHT:
        return True
    return bool(_SPACELESS.match(first) and (_SPACELESS.match(before[-1]) or before[-1].isalnum()))


def _belongs_right(token: str, following: str) -> bool:
    """Return whether a token is written together with the token on its right."""
    last = token[-1]
    if unicodedata.category(last) in ("Ps", "Pi") or token in _RIGHT or token in _BOTH:
        return True
    if unicodedata.category(last) == "Sc":
        return following[0].isdecimal()
    if _WIDE.match(last):
        return True
    return bool(_SPACELESS.match(last) and following[0].isalnum())


# Models of nlpseq 0.1 have learnt no exceptions: Moses writes their outputs, as it did when they were scored.

_SPLIT_NOT = re.compile(r"(?<=\w) (?=(?i:n['’]t)(?!\w))")  # `do n't`, which Moses does not join


def detokenize_by_moses(text: str) -> str:
    """Return the usual spelling of tokenized text by Moses's rules for English; lines are kept."""
    lines = (_SPLIT_NOT.sub("", line).split() for line in text.splitlines())
    return "\n".join(_moses().detokenize(line, unescape=False) for line in lines)


def moses_signature() -> str:
    """Return method and version of `detokenize_by_moses`, in the style of sacrebleu's signatures."""
    return f"detokenize:moses-en|sacremoses:{metadata.version('sacremoses')}"


@cache
def _moses() -> Any:
    from sacremoses import MosesDetokenizer  # late: rarely needed

    return MosesDetokenizer(lang="en")
