"""Formal languages with long dependencies: a token is determined by another one far before it.

view            a text                    its answers                their distances
--------------|-------------------------|--------------------------|---------------------------
copy_memory     c a d b . . . > c a d b   the symbols after `>`      to the copied symbol
delayed_recall  c a d b h f f ? c a d b   the symbols after `?`      to the recalled symbol
dyck2           ( [ ( ) ] [ ] )           every closing bracket      to its opening bracket

An answer is a token that is determined by the tokens before it (of a closing bracket: its kind, given that a
bracket closes). All other tokens are random and cannot be predicted. Copying is the memory problem of
Hochreiter and Schmidhuber (1997) in the form of Arjovsky et al. (2016, section 4.1); recall among distractors
is the latching problem of Bengio et al. (1994, section III); brackets of two kinds with bounded depth are the
languages of Hewitt et al. (2020).
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
KEPT = 4  # symbols to remember
DEPTH = 10  # largest depth of brackets, the outermost pair included


class FormalText(NamedTuple):
    """A text: its tokens, the indices of its answers, and the distance of each answer."""

    tokens: list[str]
    answers: list[int]
    distances: list[int]


def _draw_copy(distance: int, random: Random) -> FormalText:
    return _repeated(["."] * (distance - KEPT - 1), ">", distance, random)


def _draw_recall(distance: int, random: Random) -> FormalText:
    noise = random.choices(SYMBOLS, k=distance - KEPT - 1)
    return _repeated(noise, "?", distance, random)


def _repeated(between: Sequence[str], mark: str, distance: int, random: Random) -> FormalText:
    """Draw symbols, which are repeated after `between` and a mark."""
    symbols = random.choices(SYMBOLS, k=KEPT)
    tokens = [*symbols, *between, mark, *symbols]
    return FormalText(tokens, [*range(distance, distance + KEPT)], [distance] * KEPT)


def _draw_dyck(distance: int, random: Random) -> FormalText:
    """Draw a bracket that is closed `distance` tokens later, with any brackets in between."""
    tokens, answers, distances, opened = [random.choice([*BRACKETS])], [], [], [0]
    while opened:
        index = len(tokens)
        remaining = distance - index  # tokens before the outermost bracket has to be closed
        may_open = len(opened) < DEPTH and len(opened) < remaining
        may_close = len(opened) > 1 or not remaining
        if may_open and (not may_close or random.random() < 0.5):
            opened.append(index)
            tokens.append(random.choice([*BRACKETS]))
        else:
            begin = opened.pop()
            tokens.append(BRACKETS[tokens[begin]])
            answers.append(index)
            distances.append(index - begin)
    return FormalText(tokens, answers, distances)


_DRAW: Mapping[str, Callable[[int, Random], FormalText]] = {
    "copy_memory": _draw_copy,
    "delayed_recall": _draw_recall,
    "dyck2": _draw_dyck,
}
_SHORTEST = {"copy_memory": KEPT + 1, "delayed_recall": KEPT + 1, "dyck2": 1}
VIEWS = tuple(_DRAW)


def answer_indices(tokens: Sequence[str]) -> list[int] | None:
    """Return the indices of a text's answers: after `>` or `?`, or at closing brackets; None if it has none."""
    for mark in ">?":
        if mark in tokens[:-1]:
            return [*range(tokens.index(mark) + 1, len(tokens))]
    closing = BRACKETS.values()
    return [index for index, token in enumerate(tokens) if token in closing] or None


def draw_splits(
    view: str, sizes: Mapping[str, int], distances: Sequence[int] = (), seed: int = 0
) -> dict[str, list[dict[str, Any]]]:
    """Draw the splits of one language; the same arguments give the same rows on every machine.

    Args:
        view: one of `VIEWS`.
        sizes: number of rows of each split, by its name.
        distances: each has an equal share of every split; for brackets it is the distance of the outermost
            pair. Empty: `DEFAULT_DISTANCES`.
        seed: seed of the random numbers.

    Returns:
        For each split rows of "text", "answers" (indices of tokens) and their "distances" in tokens.

    Raises:
        UserError: a distance is impossible in the language.
    """
    chosen = distances or DEFAULT_DISTANCES
    least = _SHORTEST[view]
    for distance in chosen:
        if distance < least:
            raise UserError(
                f"data.distances: {distance} is too short for {view}, the shortest is {least}"
            )
        if view == "dyck2" and distance % 2 == 0:
            raise UserError(
                f"data.distances: {distance} is even, but a pair of brackets encloses whole pairs; "
                f"choose {distance - 1} or {distance + 1}"
            )
    return {name: _rows(view, chosen, size, seed, name) for name, size in sizes.items()}


def _rows(
    view: str, distances: Sequence[int], size: int, seed: int, name: str
) -> list[dict[str, Any]]:
    random = Random(
        f"long dependencies {view} {seed} {name}"
    )  # this string fixes the published data
    drawn = (_DRAW[view](distance, random) for distance in islice(cycle(distances), size))
    return [
        {"text": " ".join(text.tokens), "answers": text.answers, "distances": text.distances}
        for text in drawn
    ]
