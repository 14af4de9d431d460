"""The notation of tags in data: spans in one of the schemes, however they are spelled, or plain tags.

Spans are `O` and `PREFIX-TYPE`, or bare prefixes for spans of one nameless type (`B I O`, `B I E S O`, `B M E S`).
Also read: `b-PER`, `B_PER`, `B:PER`, and `o`, `_`, `-` or `0` in place of `O`. Tags without prefixes are plain: parts
of speech, morphology, and types without `B-` and `I-`, whose neighbours cannot be told apart as spans.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from nlpseq.data.tag_schemes import OUTSIDE, TAG, Scheme, count_violations, detect_scheme

OUTSIDE_SPELLINGS = frozenset({OUTSIDE, "o", "_", "-", "0"})
BARE_SETS = tuple(map(frozenset, ("BIO", "BIESO", "BMESO", "BMEWO", "BILUO", "BIEWO")))
"""Prefixes that occur together as bare tags."""
_LOOSE = re.compile(r"([BIESLMUWbieslmuw])[-_:]([^-].*)", re.DOTALL)
_LIKE_PREFIX = re.compile(r"[A-Za-z]-[^-].*", re.DOTALL)


def canonical_tags(tags: Iterable[str]) -> dict[str, str]:
    """Return the usual spelling of each tag of spans that is spelled otherwise."""
    respelled = {}
    for tag in tags:
        if tag in OUTSIDE_SPELLINGS:
            canonical = OUTSIDE
        elif TAG.fullmatch(tag) is None and (match := _LOOSE.fullmatch(tag)):
            canonical = f"{match[1].upper()}-{match[2]}"
        else:
            continue
        if canonical != tag:
            respelled[tag] = canonical
    return respelled


def are_bare(tags: Collection[str]) -> bool:
    """Return whether tags are bare prefixes, of spans that have no type."""
    inside = {*tags} - OUTSIDE_SPELLINGS
    return bool(inside & {*"BIS"}) and any(inside <= known for known in BARE_SETS)


def are_spans(tags: Collection[str]) -> bool:
    """Return whether distinct tags are meant as spans, mistakes included.

    With `O`, any tag with a known prefix says so; without, more than half of the tags must have one. If every tag
    has the form of a prefix and a type, an unknown prefix is a mistake too.
    """
    inside = {*tags} - OUTSIDE_SPELLINGS
    if not inside or are_bare(inside):
        return True
    has_outside = len(inside) < len({*tags})
    prefixed = {tag for tag in inside if TAG.fullmatch(tag) and len(tag) > 1}
    if has_outside and not prefixed and any(_LOOSE.fullmatch(tag) for tag in inside):
        return all(_LOOSE.fullmatch(tag) for tag in inside)
    if prefixed and has_outside:
        return True
    return 2 * len(prefixed) > len(inside) or all(map(_LIKE_PREFIX.fullmatch, inside))


def scheme_name(tags: Collection[str], scheme: Scheme) -> str:
    """Return the usual name of a scheme, which depends on the letters of its prefixes."""
    letters = {tag[0] for tag in tags}
    if scheme != "BIOES":
        return {"BIO": "BIO (IOB2)", "IOB1": "IOB1"}[scheme]
    if letters & {*"LU"}:
        return "BILOU"
    if letters & {*"MW"}:
        return "BMEWO" if "W" in letters else "BMES"
    return "BIOES"


def scheme_note(sentences: Sequence[Sequence[str]], learnt: Scheme) -> str:
    """Return a note on the scheme of data, in the usual spelling, and what it is learnt as."""
    counts = Counter(tag for tags in sentences for tag in tags)
    scheme = detect_scheme(sentences)
    types = sorted({tag[2:] for tag in counts if tag != OUTSIDE})
    bare = types == [""]
    kinds = "one type without a name" if bare else _listed(types)
    note = f"tags are spans of {kinds}, in the scheme {scheme_name(counts, scheme)}, learnt as {learnt}"
    if wrong := count_violations(sentences, scheme):
        note += (
            f"; {wrong:,} tags violate the scheme and begin or end a span as conlleval reads them"
        )
    return note


def plain_note(tags: Collection[str]) -> str:
    """Return a note that says that tags are plain, and how to change it."""
    note = (
        f"{len(tags):,} plain tags ({_listed(sorted(tags))}), not spans: the main score is the accuracy of "
        "tokens; head.scheme = 'BIO' or 'BIOES' wants tags such as B-PER"
    )
    if OUTSIDE in tags and len(tags) < 50:
        note += "; there is an 'O' but no prefix B- or I-, so spans that touch cannot be told apart"
    return note


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(name if len(name) < 40 else f"{name[:37]}..." for name in names[:most])
    return shown + (f", and {len(names) - most:,} more" if len(names) > most else "")
