"""Tag schemes: labelled spans of a sentence as one tag for each token, and back.

scheme | also called | entity of 1 token | entity of 3 tokens | directly after another of its type
-------|-------------|-------------------|--------------------|-----------------------------------
BIO    | IOB2        | B-X               | B-X I-X I-X        | the same
IOB1   | IOB         | I-X               | I-X I-X I-X        | B-X I-X I-X
BIOES  | IOBES       | S-X               | B-X I-X E-X        | the same

BILOU (L is E, U is S), BMEWO and BMES (M is I, W is S) are read, too. A type may contain hyphens. Spans of one
nameless type have bare prefixes as tags, `B I O`; their type is the empty text.

All schemes are read by the lenient rule of conlleval (Tjong Kim Sang and Buchholz 2000): an entity
continues only from B or I to I or E of its own type; any other tag except O begins a new entity. So `I-X`
after `O` begins an entity (correct in IOB1, forbidden in BIO), and `B-X` before `O` is a whole entity
(forbidden in BIOES). Converting a forbidden sequence therefore repairs it, with the spans that conlleval
scores, and no span depends on the scheme that was detected.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from nlpseq.errors import UserError

Scheme = Literal["BIO", "IOB1", "BIOES"]
LearntScheme = Literal["BIO", "BIOES"]
PREFIXES: dict[Scheme, str] = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES"}
OUTSIDE = "O"
SPELLINGS = {"L": "E", "M": "I", "U": "S", "W": "S"}
# No hyphen at the edges of a type: seqeval would split such a tag differently.
TAG = re.compile(r"O|[BIESLMUW]-[^-](.*[^-])?", re.DOTALL)
BARE = frozenset("BIESLMUW")
"""Tags of spans of one type that has no name; it is written as an empty type."""


class Span(NamedTuple):
    """An entity: its type, the index of its first token and the index after its last token."""

    type: str
    begin: int
    end: int


class TagConstraints(NamedTuple):
    """Tag sequences that a scheme allows over a vocabulary of K tags.

    Attributes:
        start: K values, True if the tag may begin a sentence.
        transitions: K x K values, True if the second tag may follow the first.
        end: K values, True if the tag may end a sentence.
    """

    start: list[bool]
    transitions: list[list[bool]]
    end: list[bool]


class _Tag(NamedTuple):
    prefix: str
    type: str


def _split_tag(tag: str) -> _Tag:
    return _Tag(SPELLINGS.get(tag[0], tag[0]), tag[2:])


def _join_tag(prefix: str, type: str) -> str:
    return f"{prefix}-{type}" if type else prefix


def _continues(previous: _Tag, current: _Tag) -> bool:
    """Return whether two neighbouring tags belong to one entity."""
    return previous.prefix in "BI" and current.prefix in "IE" and previous.type == current.type


def tags_to_spans(tags: Sequence[str]) -> list[Span]:
    """Return the entities of a sentence from left to right; the tags may be in any scheme.

    Args:
        tags: one for each token, in a form that `check_tags` accepts.
    """
    spans: list[Span] = []
    begin, previous = 0, _split_tag(OUTSIDE)
    for index, tag in enumerate([*tags, OUTSIDE]):
        current = _split_tag(tag)
        if not _continues(previous, current):
            if previous.prefix != OUTSIDE:
                spans.append(Span(previous.type, begin, index))
            begin = index
        previous = current
    return spans


def spans_to_tags(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """Return the tags of a sentence with `length` tokens; the inverse of `tags_to_spans`.

    Args:
        spans: the entities, in any order.
        length: number of tokens.
        scheme: scheme of the tags.

    Raises:
        ValueError: spans overlap, are empty or are outside the sentence.
    """
    tags: list[str] = []
    before = Span("", 0, 0)
    for span in sorted(spans, key=lambda span: span.begin):
        if not before.end <= span.begin < span.end <= length:
            raise ValueError(f"{span} after {before} in a sentence of {length} tokens")
        count = span.end - span.begin
        touches = span.begin == before.end and span.type == before.type
        tags += [OUTSIDE] * (span.begin - before.end)
        tags += [_join_tag(prefix, span.type) for prefix in _prefixes(count, scheme, touches)]
        before = span
    return tags + [OUTSIDE] * (length - len(tags))


def _prefixes(count: int, scheme: Scheme, touches: bool) -> str:
    """Return the prefixes of an entity; `touches`: another one of its type is directly before it."""
    if scheme == "BIOES":
        return "S" if count == 1 else "B" + "I" * (count - 2) + "E"
    return ("I" if scheme == "IOB1" and not touches else "B") + "I" * (count - 1)


def convert_tags(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Return the tags of the same spans in another scheme; `tags` may be in any scheme."""
    return spans_to_tags(tags_to_spans(tags), len(tags), scheme)


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """Return the scheme that the sentences violate least often.

    One entity is enough in clean data: BIO begins each entity with B, IOB1 the first of a row with I, and
    BIOES ends each with E or S. Without any entity it is BIO.
    """
    pairs = _count_pairs(sentences)
    return min(PREFIXES, key=lambda scheme: _violations(pairs, scheme))


def count_violations(sentences: Iterable[Sequence[str]], scheme: Scheme) -> int:
    """Count the neighbouring tags that a scheme forbids; the edges of a sentence count as `O`."""
    return _violations(_count_pairs(sentences), scheme)


def _count_pairs(sentences: Iterable[Sequence[str]]) -> Counter[tuple[str, str]]:
    return Counter(pair for tags in sentences for pair in pairwise([OUTSIDE, *tags, OUTSIDE]))


def _violations(pairs: Counter[tuple[str, str]], scheme: Scheme) -> int:
    return sum(
        count
        for (previous, current), count in pairs.items()
        if not _allowed(_split_tag(previous), _split_tag(current), scheme)
    )


def check_tags(
    sentences: Iterable[Sequence[str]],
    origin: str,
    lines: Sequence[int] = (),
    *,
    bare: bool = False,
) -> None:
    """Check that every tag is `O` or `PREFIX-TYPE`, with a prefix of one of the schemes.

    Args:
        sentences: the tags of each sentence.
        origin: source of the sentences, for messages.
        lines: line of each sentence's first token, for files with one token on each line.
        bare: every tag is `O` or a prefix alone instead.

    Raises:
        UserError: a tag is not; the message names its line, or its sentence and token, counted from 1.
    """
    allowed = BARE | {OUTSIDE}
    for row, tags in enumerate(sentences):
        for index, tag in enumerate(tags):
            if isinstance(tag, str) and (tag in allowed if bare else TAG.fullmatch(tag)):
                continue
            token = f"sentence {row + 1}, token {index + 1}"
            where = f"line {lines[row] + index}" if lines else token
            raise UserError(
                f"{origin}, {where}: the tag {tag!r} fits no scheme: a tag is O, or one of B, I, E, S, "
                "L, U, M, W with a hyphen and a type, like B-PER; head.scheme = 'none' learns tags that are no spans"
            )


def tag_vocabulary(types: Iterable[str], scheme: Scheme) -> list[str]:
    """Return all tags for these types: `O` first, then by type, whether they occur in train or not."""
    return [
        OUTSIDE,
        *(_join_tag(prefix, type) for type in sorted({*types}) for prefix in PREFIXES[scheme]),
    ]


def tag_constraints(tags: Sequence[str], scheme: Scheme) -> TagConstraints:
    """Return the constraints that allow exactly the sequences that `spans_to_tags` writes."""
    outside, parts = _split_tag(OUTSIDE), [_split_tag(tag) for tag in tags]
    return TagConstraints(
        start=[_allowed(outside, tag, scheme) for tag in parts],
        transitions=[[_allowed(first, second, scheme) for second in parts] for first in parts],
        end=[_allowed(tag, outside, scheme) for tag in parts],
    )


def _allowed(previous: _Tag, current: _Tag, scheme: Scheme) -> bool:
    """Return whether two tags may be neighbours; the edges of a sentence count as `O`."""
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
    """Return K x K values: True if the second tag, directly after the first, continues its entity.

    The confidence of a span needs them: it is the probability of the span's tags *and* of a next tag that
    does not continue the entity. `I-X` and `E-X` continue after `B-X` and `I-X`; no tag does after `E-X`,
    `S-X` and `O`.
    """
    parts = [_split_tag(tag) for tag in tags]
    return [[_continues(first, second) for second in parts] for first in parts]
