"""Formal languages in which a token is determined by one that stands far before it.

view            a text                  its answers                   their distances
--------------|-----------------------|-----------------------------|--------------------------------
copy_memory     c a d b . . . > c a d b   the symbols behind `>`        to the symbol that is copied
delayed_recall  c a d b h f f ? c a d b   the symbols behind `?`        to the symbol that is recalled
dyck2           ( [ ( ) ] [ ] )         every closing bracket         to the bracket that it closes

An answer is a token that follows from what stands before it (of a closing bracket: its kind, once one has to
be closed); everything else is drawn at random, and nobody can foretell it. Copying is the memory problem of
Hochreiter and Schmidhuber (1997) as Arjovsky et al. (2016, section 4.1) have it; recall among distractors is
the latching of Bengio et al. (1994, section III); brackets of two kinds, nested no deeper than a bound, are
the languages of Hewitt et al. (2020).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from random import Random
from typing import Any, NamedTuple

from nlpseq.errors import UserError

DEFAULT_SIZES: Mapping[str, int] = {"train": 20_000, "validation": 600, "test": 3_000}
DEFAULT_DISTANCES = (5, 9, 17, 33, 65)
SYMBOLS = "abcdefgh"
BRACKETS = {"(": ")", "[": "]"}
KEPT = 4  # symbols to keep in mind
DEPTH = 10  # of brackets, the outermost counted


class Drawn(NamedTuple):
    """A text as its tokens, and where its answers stand."""

    tokens: list[str]
    answers: list[int]
    distances: list[int]


def _copy(distance: int, random: Random) -> Drawn:
    return _remembered(["."] * (distance - KEPT - 1), ">", distance, random)


def _recall(distance: int, random: Random) -> Drawn:
    noise = random.choices(SYMBOLS, k=distance - KEPT - 1)
    return _remembered(noise, "?", distance, random)


def _remembered(between: Sequence[str], mark: str, distance: int, random: Random) -> Drawn:
    symbols = random.choices(SYMBOLS, k=KEPT)
    tokens = [*symbols, *between, mark, *symbols]
    return Drawn(tokens, [*range(distance, distance + KEPT)], [distance] * KEPT)


def _dyck(distance: int, random: Random) -> Drawn:
    """A bracket that is closed `distance` tokens later; in between, any brackets."""
    tokens, answers, distances, opened = [random.choice([*BRACKETS])], [], [], [0]
    while opened:
        place = len(tokens)
        left = distance - place  # tokens to come before the outermost bracket has to be closed
        may_open = len(opened) < DEPTH and len(opened) < left
        may_close = len(opened) > 1 or not left
        if may_open and (not may_close or random.random() < 0.5):
            opened.append(place)
            tokens.append(random.choice([*BRACKETS]))
        else:
            begin = opened.pop()
            tokens.append(BRACKETS[tokens[begin]])
            answers.append(place)
            distances.append(place - begin)
    return Drawn(tokens, answers, distances)


_DRAW: Mapping[str, Callable[[int, Random], Drawn]] = {
    "copy_memory": _copy,
    "delayed_recall": _recall,
    "dyck2": _dyck,
}
_SHORTEST = {"copy_memory": KEPT + 1, "delayed_recall": KEPT + 1, "dyck2": 1}
VIEWS = tuple(_DRAW)


def answer_places(tokens: Sequence[str]) -> list[int] | None:
    """Where the answers of a text stand: behind `>` or `?`, or at closing brackets; None if it has none."""
    for mark in ">?":
        if mark in tokens[:-1]:
            return [*range(tokens.index(mark) + 1, len(tokens))]
    closing = BRACKETS.values()
    return [place for place, token in enumerate(tokens) if token in closing] or None


def splits(
    view: str, sizes: Mapping[str, int], distances: Sequence[int] = (), seed: int = 0
) -> dict[str, list[dict[str, Any]]]:
    """Draw the splits of one language; the same arguments give the same rows on every machine.

    Args:
        view: one of `VIEWS`.
        sizes: rows of each split by its name.
        distances: each has an equal share of every split; of brackets the outermost pair has it. Empty:
            `DEFAULT_DISTANCES`.
        seed: of the random numbers.

    Returns:
        for each split rows of "text", "answers" (places of tokens, from 0) and their "distances" in tokens.

    Raises:
        UserError: a distance that the language cannot have.
    """
    chosen = distances or DEFAULT_DISTANCES
    least = _SHORTEST[view]
    for distance in chosen:
        if distance < least:
            raise UserError(f"data.distances: {distance} is too short for {view}: from {least} on")
        if view == "dyck2" and distance % 2 == 0:
            raise UserError(
                f"data.distances: {distance} is even, but between brackets that belong together there "
                f"stand whole pairs: make it {distance - 1} or {distance + 1}"
            )
    return {name: _rows(view, chosen, size, seed, name) for name, size in sizes.items()}


def _rows(
    view: str, distances: Sequence[int], size: int, seed: int, name: str
) -> list[dict[str, Any]]:
    random = Random(f"long dependencies {view} {seed} {name}")
    drawn = (_DRAW[view](distance, random) for distance in islice(cycle(distances), size))
    return [
        {"text": " ".join(one.tokens), "answers": one.answers, "distances": one.distances}
        for one in drawn
    ]
