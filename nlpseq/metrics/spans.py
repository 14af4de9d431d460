"""Scores of a tagger: precision, recall and F1 of whole entities, found in the tags by seqeval.

An entity counts when its type and both of its ends are right (Tjong Kim Sang and De Meulder 2003). Two
readings of the same tags, which differ only where a tagger breaks its scheme:

- strict: only what the scheme allows is an entity. These are `precision`, `recall` and `f1`, and the table
  per type.
- conlleval: an entity may open anyhow, as the script of the shared tasks reads it.

The statistics of a sentence are (tokens right, tokens), three counts (right, predicted, gold) of the strict
reading, three of conlleval's, and three strict ones for each type that training knew. The totals count every
type: gold spans of a type that training never saw are missed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from nlpseq.metrics.base import Scores
from nlpseq.metrics.classification import precision_recall_f1, table_of_counts

Entity = tuple[str, int, int]  # its type, the places of its first and its last token


def strict_entities(tags: Sequence[str], scheme: Literal["BIO", "BIOES"]) -> set[Entity]:
    """The entities that are spelt just as the scheme wants it."""
    # Late, here and below: seqeval brings scikit-learn, which takes 2 s that mere tagging can save.
    from seqeval.scheme import IOB2, IOBES, Tokens

    found = Tokens(list(tags), IOB2 if scheme == "BIO" else IOBES).entities
    return {(entity.tag, entity.start, entity.end - 1) for entity in found}


def conlleval_entities(tags: Sequence[str]) -> set[Entity]:
    """The entities that conlleval sees, in any scheme of the prefixes B, I, E and S."""
    from seqeval.metrics.sequence_labeling import get_entities

    return set(get_entities(list(tags)))


def _counts(prediction: Iterable[Entity], target: Iterable[Entity]) -> list[int]:
    predicted, gold = set(prediction), set(target)
    return [len(predicted & gold), len(predicted), len(gold)]


class SpanScores:
    """Span scores of sequences of tags, from the tags that were predicted and the right ones.

    Both are written in `scheme`: a data set in another one is converted when it is read.
    """

    def __init__(self, types: Iterable[str], scheme: Literal["BIO", "BIOES"] = "BIO") -> None:
        """Take the types that training knew, each of which gets its own row."""
        self.types = sorted({*types})
        self.scheme = scheme

    def statistics(self, prediction: Sequence[str], target: Sequence[str]) -> tuple[float, ...]:
        """Vector of one sentence.

        Args:
            prediction: a tag for each token.
            target: the right tag for each token.

        Raises:
            ValueError: there are more of one than of the other.
        """
        right = sum(map(str.__eq__, prediction, target))
        if len(prediction) != len(target):
            raise ValueError(f"{len(prediction)} tags predicted for {len(target)} tokens")
        gold, gold_lenient = strict_entities(target, self.scheme), conlleval_entities(target)
        predicted, predicted_lenient = gold, gold_lenient
        if right < len(target):  # else they are the same, and need not be searched twice
            predicted = strict_entities(prediction, self.scheme)
            predicted_lenient = conlleval_entities(prediction)
        strict = _counts(predicted, gold)
        lenient = _counts(predicted_lenient, gold_lenient)
        by_type = [
            Counter(type for type, _, _ in entities)
            for entities in (predicted & gold, predicted, gold)
        ]
        table = [counter[type] for type in self.types for counter in by_type]
        return (right, len(target), *strict, *lenient, *table)

    def score(self, total: Sequence[float]) -> Scores:
        """Scores in [0, 1] from a sum of vectors; where there is nothing to find or found, 0."""
        right, tokens = total[:2]
        lenient = precision_recall_f1(*total[5:8])
        return {
            **precision_recall_f1(*total[2:5]),
            **{f"conlleval_{name}": value for name, value in lenient.items()},
            "token_accuracy": right / tokens if tokens else 0.0,
        }

    def per_type(self, total: Sequence[float]) -> dict[str, Scores]:
        """Strict precision, recall, F1 and support of each type that training knew."""
        return table_of_counts(self.types, total[8:])
