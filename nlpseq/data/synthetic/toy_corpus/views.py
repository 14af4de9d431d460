"""The built-in corpus: splits of the miniature world for each of the five tasks.

The "text" view is for language models: every split is an independent sample of the whole source, so the floor
of a perplexity on it is the mean of the rows' own `log_probability`.

The other views ask for generalisation. Names are paired by neighbouring frequency, and a coin for each pair
keeps one of the two out of "train", so that half of the names of every other split are unseen; "train" is drawn
from the source conditioned on its names. A sentence that occurs in an earlier split (first of all in "train")
is drawn again, and counted.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from nlpseq.data.synthetic.toy_corpus.lexicon import GIVEN_NAMES, NAMES
from nlpseq.data.synthetic.toy_corpus.source import Example, draw
from nlpseq.data.synthetic.toy_corpus.world import GRAMMAR
from nlpseq.errors import UserError

Row = dict[str, Any]

DEFAULT_SIZES: Mapping[str, int] = {"train": 20_000, "validation": 1_000, "test": 1_000}
"""Sentences in each split unless other sizes are asked for."""

_ROWS: Mapping[str, Callable[[Example], Row]] = {
    "text": lambda it: {"text": it.text, "log_probability": it.log_probability},
    "sentiment": lambda it: {"text": it.text, "label": it.sentiment},
    "entities": lambda it: {"tokens": list(it.tokens), "tags": list(it.tags)},
    "translation": lambda it: {"source": it.text, "target": " ".join(it.translation)},
    "headline": lambda it: {"source": it.text, "target": " ".join(it.headline)},
}
VIEWS = tuple(_ROWS)
"""Names of the views, one for each task."""
DETERMINED = tuple(view for view in VIEWS if view != "text")
"""Views whose answer is a function of the text, so that a perfect score can be had.

Tags, label, translation and headline are read off the derivation, and no text has two of them.
"""


class Splits(dict[str, list[Row]]):
    """Rows of each split.

    Attributes:
        rejected: How many sentences were drawn again because an earlier split has them.
        unseen_names: Names that do not occur in "train" by design; none in the "text" view.
    """

    def __init__(self, rejected: int = 0, unseen_names: frozenset[str] = frozenset()) -> None:
        """Start without splits."""
        super().__init__()
        self.rejected = rejected
        self.unseen_names = unseen_names


def splits(view: str, sizes: Mapping[str, int] = DEFAULT_SIZES, seed: int = 0) -> Splits:
    """Draw the splits of one view; the same arguments give the same rows on every machine.

    Args:
        view: "text", "sentiment", "entities", "translation" or "headline".
        sizes: Rows of each split by its name; "train" comes first, the others in the order given.
        seed: Of the random numbers.

    Returns:
        For each split a list of rows: {"text", "log_probability"}, {"text", "label"}, {"tokens", "tags"},
        or {"source", "target"}.

    Raises:
        UserError: The view is unknown or a size is negative.
    """
    if view not in _ROWS:
        raise UserError(f"the built-in corpus has no view {view!r}; it has {', '.join(VIEWS)}")
    for name, size in sizes.items():
        if size < 0:
            raise UserError(f"split {name!r} of the built-in corpus cannot have {size} rows")
    ordered = sorted(sizes, key=lambda name: name != "train")
    if view == "text":
        return _independent(ordered, sizes, seed)
    return _disjoint(_ROWS[view], ordered, sizes, seed)


def _independent(ordered: list[str], sizes: Mapping[str, int], seed: int) -> Splits:
    result = Splits()
    for name in ordered:
        random = _random(seed, name)
        result[name] = [_ROWS["text"](draw(GRAMMAR, random)) for _ in range(sizes[name])]
    return result


def _disjoint(
    row: Callable[[Example], Row], ordered: list[str], sizes: Mapping[str, int], seed: int
) -> Splits:
    unseen = _unseen_names(_random(seed, "names"))
    known = {"Name": set(NAMES) - unseen, "Given": set(GIVEN_NAMES) - unseen}
    result = Splits(unseen_names=unseen)
    earlier: set[tuple[str, ...]] = set()
    for name in ordered:
        random = _random(seed, name)
        grammar = GRAMMAR.restrict(known) if name == "train" else GRAMMAR
        examples: list[Example] = []
        while len(examples) < sizes[name]:
            example = draw(grammar, random)
            if example.tokens in earlier:
                result.rejected += 1
            else:
                examples.append(example)
        earlier.update(example.tokens for example in examples)
        result[name] = [row(example) for example in examples]
    return result


def _unseen_names(random: Random) -> frozenset[str]:
    """Choose one of each two names that are neighbours in frequency."""
    pairs = [
        pair for names in (NAMES, GIVEN_NAMES) for pair in zip(names[::2], names[1::2], strict=True)
    ]
    return frozenset(first if random.random() < 0.5 else second for first, second in pairs)


def _random(seed: int, purpose: str) -> Random:
    return Random(f"miniature {seed} {purpose}")  # a string seed is hashed alike everywhere
