"""Tag schemes: how labelled spans of a sentence are written as one tag a token.

scheme | also called | an entity of 1 token | of 3 tokens   | right behind another of its type
-------|-------------|----------------------|---------------|---------------------------------
BIO    | IOB2        | B-X                  | B-X I-X I-X   | the same
IOB1   | IOB         | I-X                  | I-X I-X I-X   | B-X I-X I-X
BIOES  | IOBES       | S-X                  | B-X I-X E-X   | the same

Read too: BILOU (L is E, U is S) and BMEWO or BMES (M is I, W is S). A type may hold hyphens.

One reader serves every scheme, the lenient one of conlleval (Tjong Kim Sang and Buchholz 2000): an entity
goes on only from B or I to I or E of its own type, and whatever else is not O opens a new one. So `I-X`
after `O` opens an entity (which IOB1 means, and BIO forbids) and `B-X` before `O` is a whole one (which
BIOES forbids): converting a sequence that its scheme forbids repairs it, with the spans that conlleval
scores. No span depends on which scheme was detected.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from nlpseq.errors import UserError

Scheme = Literal["BIO", "IOB1", "BIOES"]
PREFIXES: dict[Scheme, str] = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES"}
OUTSIDE = "O"
SPELLINGS = {"L": "E", "M": "I", "U": "S", "W": "S"}
# A hyphen at an edge of a type would be read one way by this module, another way by seqeval.
TAG = re.compile(r"O|[BIESLMUW]-[^-](.*[^-])?", re.DOTALL)


class Span(NamedTuple):
    """An entity: its type, and the places of its first token and of the one behind its last."""

    type: str
    begin: int
    end: int


class Constraints(NamedTuple):
    """What a scheme allows over a tag vocabulary of K tags, for a decoder.

    Attributes:
        start: K, may this tag open a sentence?
        transitions: K x K, may the second tag follow the first?
        end: K, may this tag close a sentence?
    """

    start: list[bool]
    transitions: list[list[bool]]
    end: list[bool]


class _Tag(NamedTuple):
    prefix: str
    type: str


def _parts(tag: str) -> _Tag:
    return _Tag(SPELLINGS.get(tag[0], tag[0]), tag[2:])


def _continues(previous: _Tag, current: _Tag) -> bool:
    """Are two neighbouring tokens of one entity?"""
    return previous.prefix in "BI" and current.prefix in "IE" and previous.type == current.type


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of a sentence in any scheme, from left to right; see the module's head.

    Args:
        tags: one a token, of a form that `check` accepts.
    """
    found: list[Span] = []
    begin, previous = 0, _parts(OUTSIDE)
    for place, tag in enumerate([*tags, OUTSIDE]):
        current = _parts(tag)
        if not _continues(previous, current):
            if previous.prefix != OUTSIDE:
                found.append(Span(previous.type, begin, place))
            begin = place
        previous = current
    return found


def tags_of(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """The tags of a sentence of `length` tokens that `spans` would read as these, in any order.

    Raises:
        ValueError: spans overlap, are empty or lie outside the sentence.
    """
    tags: list[str] = []
    before = Span("", 0, 0)
    for span in sorted(spans, key=lambda span: span.begin):
        if not before.end <= span.begin < span.end <= length:
            raise ValueError(f"{span} after {before} in a sentence of {length} tokens")
        count = span.end - span.begin
        touches = span.begin == before.end and span.type == before.type
        tags += [OUTSIDE] * (span.begin - before.end)
        tags += [f"{prefix}-{span.type}" for prefix in _prefixes(count, scheme, touches)]
        before = span
    return tags + [OUTSIDE] * (length - len(tags))


def _prefixes(count: int, scheme: Scheme, touches: bool) -> str:
    """The prefixes of an entity of `count` tokens; does it touch another of its type?"""
    if scheme == "BIOES":
        return "S" if count == 1 else "B" + "I" * (count - 2) + "E"
    return ("I" if scheme == "IOB1" and not touches else "B") + "I" * (count - 1)


def convert(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """The same spans in another scheme; from which one need not be said, `spans` reads them all."""
    return tags_of(spans(tags), len(tags), scheme)


def detect(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that a set of sentences breaks least often.

    Nothing is ambiguous in a clean set: BIO opens each entity with B, IOB1 opens the first of a row with I,
    BIOES closes each with E or S, so one entity tells them apart. Without any entity it is BIO.
    """
    pairs = Counter(pair for tags in sentences for pair in pairwise([OUTSIDE, *tags, OUTSIDE]))
    return min(
        PREFIXES,
        key=lambda scheme: sum(
            count
            for (previous, current), count in pairs.items()
            if not _allowed(_parts(previous), _parts(current), scheme)
        ),
    )


def check(sentences: Iterable[Sequence[str]], origin: str, lines: Sequence[int] = ()) -> None:
    """See that every tag is `O` or `PREFIX-TYPE` with a prefix that some scheme has.

    Args:
        sentences: the tags of each.
        origin: where they come from, for people.
        lines: the line of each sentence's first token, if they come from a file of one token a line.

    Raises:
        UserError: a tag is not; its line is named, or its sentence and token, counted from 1.
    """
    for row, tags in enumerate(sentences):
        for place, tag in enumerate(tags):
            if isinstance(tag, str) and TAG.fullmatch(tag):
                continue
            token = f"sentence {row + 1}, token {place + 1}"
            where = f"line {lines[row] + place}" if lines else token
            raise UserError(
                f"{origin}, {where}: the tag {tag!r} fits no scheme: a tag is O, or a hyphen and a "
                "type behind B, I, E, S, L, U, M or W, like B-PER"
            )


def tag_vocabulary(types: Iterable[str], scheme: Scheme) -> list[str]:
    """Every tag over these types: `O` first, then by type; an untrained model may need any of them."""
    return [
        OUTSIDE,
        *(f"{prefix}-{type}" for type in sorted({*types}) for prefix in PREFIXES[scheme]),
    ]


def constraints(tags: Sequence[str], scheme: Scheme) -> Constraints:
    """Which sequences over a tag vocabulary the scheme allows: just those that `tags_of` writes."""
    outside, every = _parts(OUTSIDE), [_parts(tag) for tag in tags]
    return Constraints(
        start=[_allowed(outside, tag, scheme) for tag in every],
        transitions=[[_allowed(first, second, scheme) for second in every] for first in every],
        end=[_allowed(tag, outside, scheme) for tag in every],
    )


def _allowed(previous: _Tag, current: _Tag, scheme: Scheme) -> bool:
    """May these two be neighbours? `O` stands for both edges of a sentence too."""
    if not {previous.prefix, current.prefix} <= {OUTSIDE, *PREFIXES[scheme]}:
        return False
    if scheme == "BIO":
        return current.prefix != "I" or _continues(previous, current)
    if scheme == "IOB1":
        return current.prefix != "B" or previous.type == current.type
    if previous.prefix in "BI":
        return _continues(previous, current)
    return current.prefix in "OBS"


def continuations(tags: Sequence[str]) -> list[list[bool]]:
    """K x K: would the second tag, right behind the first, be of the same entity?

    The confidence of a span needs it: the probability that its tags are these *and* that what follows does
    not lengthen it. Behind `B-X` or `I-X` an `I-X` (or `E-X`) does; behind `E-X`, `S-X` and `O` nothing.
    """
    every = [_parts(tag) for tag in tags]
    return [[_continues(first, second) for second in every] for first in every]
