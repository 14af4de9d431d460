"""Splits of the toy corpus, with one view for each task.

The view "text" is for language models: every split is an independent sample of the whole source, so the
smallest possible perplexity follows from the mean of the rows' `log_probability`.

The other views test generalisation. Names with neighbouring frequencies form pairs, and one of each pair, drawn
at random, is excluded from "train", so half of the names in every other split are unseen; "train" is drawn from the
source conditioned on its names. A sentence that occurs in an earlier split ("train" is the first) is drawn again,
and counted.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from nlpseq.data.synthetic.toy_corpus.entailment import draw_pair
from nlpseq.data.synthetic.toy_corpus.grammar import Grammar
from nlpseq.data.synthetic.toy_corpus.lexicon import GIVEN_NAMES, NAMES
from nlpseq.data.synthetic.toy_corpus.source import Example, draw
from nlpseq.data.synthetic.toy_corpus.world import GRAMMAR
from nlpseq.errors import UserError

Row = dict[str, Any]

DEFAULT_SIZES: Mapping[str, int] = {"train": 20_000, "validation": 1_000, "test": 1_000}
"""Number of sentences in each split by default."""

_ROWS: Mapping[str, Callable[[Example], Row]] = {
    "text": lambda example: {"text": example.text, "log_probability": example.log_probability},
    "sentiment": lambda example: {"text": example.text, "label": example.sentiment},
    "entities": lambda example: {"tokens": list(example.tokens), "tags": list(example.tags)},
    "parts_of_speech": lambda example: {
        "tokens": list(example.tokens),
        "tags": list(example.parts_of_speech),
    },
    "translation": lambda example: {
        "source": example.text,
        "target": " ".join(example.translation),
    },
    "rating": lambda example: {"text": example.text, "number": example.rating},
    "topics": lambda example: {"text": example.text, "labels": list(example.topics)},
    "headline": lambda example: {"source": example.text, "target": " ".join(example.headline)},
}
ENTAILMENT = "entailment"
VIEWS = (*_ROWS, ENTAILMENT)
"""Names of the views, one for each task."""
DETERMINED = tuple(view for view in VIEWS if view != "text")
"""Views with a target that is a function of the text, or of both texts, so a perfect score is possible.

Tags, label, rating, topics, translation and headline follow from the derivation, and each text has only one derivation.
"""


class Splits(dict[str, list[Row]]):
    """Rows of each split.

    Attributes:
        rejected: number of sentences that were drawn again because an earlier split has them.
        unseen_names: names that are excluded from "train"; none in the view "text".
    """

    def __init__(self, rejected: int = 0, unseen_names: frozenset[str] = frozenset()) -> None:
        """Create an empty dictionary."""
        super().__init__()
        self.rejected = rejected
        self.unseen_names = unseen_names


def draw_splits(view: str, sizes: Mapping[str, int] = DEFAULT_SIZES, seed: int = 0) -> Splits:
    """Draw the splits of one view; the same arguments give the same rows on every machine.

    Args:
        view: one of `VIEWS`.
        sizes: number of rows of each split, by its name; "train" comes first, the others in the order given.
        seed: seed of the random numbers.

    Returns:
        For each split a list of rows: {"text", "log_probability"}, {"text", "label"}, {"text", "number"},
        {"text", "labels"}, {"tokens", "tags"}, {"source", "target"}, or {"text", "text2", "label"}.

    Raises:
        UserError: the view is unknown or a size is negative.
    """
    if view not in VIEWS:
        raise UserError(f"the built-in corpus has no view {view!r}; it has {', '.join(VIEWS)}")
    for name, size in sizes.items():
        if size < 0:
            raise UserError(f"split {name!r} of the built-in corpus cannot have {size} rows")
    ordered = sorted(sizes, key=lambda name: name != "train")
    if view == "text":
        return _draw_independent(ordered, sizes, seed)
    return _draw_disjoint(_row_of(view), ordered, sizes, seed)


DrawRow = Callable[[Grammar, Random], tuple[tuple[str, ...], Row]]
"""Draws a row, and the tokens of its first sentence."""


def _row_of(view: str) -> DrawRow:
    def draw_row(grammar: Grammar, random: Random) -> tuple[tuple[str, ...], Row]:
        example = draw(grammar, random)
        return example.tokens, _ROWS[view](example)

    return _draw_entailment if view == ENTAILMENT else draw_row


def _draw_entailment(grammar: Grammar, random: Random) -> tuple[tuple[str, ...], Row]:
    first, second, label = draw_pair(grammar, random)
    return tuple(first), {"text": " ".join(first), "text2": " ".join(second), "label": label}


def _draw_independent(ordered: list[str], sizes: Mapping[str, int], seed: int) -> Splits:
    result = Splits()
    for name in ordered:
        random = _random(seed, name)
        result[name] = [_ROWS["text"](draw(GRAMMAR, random)) for _ in range(sizes[name])]
    return result


def _draw_disjoint(
    draw_row: DrawRow, ordered: list[str], sizes: Mapping[str, int], seed: int
) -> Splits:
    unseen = _choose_unseen_names(_random(seed, "names"))
    known = {"Name": set(NAMES) - unseen, "Given": set(GIVEN_NAMES) - unseen}
    result = Splits(unseen_names=unseen)
    earlier: set[tuple[str, ...]] = set()
    for name in ordered:
        random = _random(seed, name)
        grammar = GRAMMAR.restrict(known) if name == "train" else GRAMMAR
        rows: list[Row] = []
        drawn: set[tuple[str, ...]] = set()
        while len(rows) < sizes[name]:
            tokens, row = draw_row(grammar, random)
            if tokens in earlier:
                result.rejected += 1
            else:
                rows.append(row)
                drawn.add(tokens)
        earlier |= drawn
        result[name] = rows
    return result


def _choose_unseen_names(random: Random) -> frozenset[str]:
    """Choose one name of each pair with neighbouring frequencies."""
    pairs = [
        pair for names in (NAMES, GIVEN_NAMES) for pair in zip(names[::2], names[1::2], strict=True)
    ]
    return frozenset(first if random.random() < 0.5 else second for first, second in pairs)


def _random(seed: int, purpose: str) -> Random:
    # A string seed gives the same numbers on every machine; this string fixes the published corpus.
    return Random(f"miniature {seed} {purpose}")
