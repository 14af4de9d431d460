"""Scores of a tagger: precision, recall and F1 of whole entities, which seqeval extracts from the tags.

An entity is correct if its type and both ends are correct (Tjong Kim Sang and De Meulder 2003). Tags are
converted to entities in two ways, which differ only where tags violate their scheme:

- strict: only sequences that the scheme allows are entities. This gives `precision`, `recall` and `f1`, and the
  scores of each type.
- conlleval: an entity may begin with any prefix, as in the script of the shared tasks.

The statistics of a sentence are (correct tokens, tokens), three strict counts (correct, predicted, gold), the
same three by conlleval, and three strict counts for each type of the training data. The totals count all types:
gold entities of a type that does not occur in training are missed. Where words are unknown to train, (correct, all)
of these words follow.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from nlpseq.metrics.base import Scores
from nlpseq.metrics.classification import precision_recall_f1, table_of_counts
from nlpseq.metrics.tags import token_counts, unknown_word_scores

Entity = tuple[str, int, int]  # type, index of the first token, index of the last token


def strict_entities(tags: Sequence[str], scheme: Literal["BIO", "BIOES"]) -> set[Entity]:
    """Return the entities whose tags obey the scheme."""
    # Late, here and below: seqeval imports scikit-learn, which takes 2 s.
    from seqeval.scheme import IOB2, IOBES, Tokens

    entities = Tokens(list(tags), IOB2 if scheme == "BIO" else IOBES).entities
    # A bare prefix has the type '', which seqeval calls '_'.
    return {(tags[entity.start][2:], entity.start, entity.end - 1) for entity in entities}


def conlleval_entities(tags: Sequence[str]) -> set[Entity]:
    """Return the entities by the rule of conlleval, in any scheme with the prefixes B, I, E and S."""
    from seqeval.metrics.sequence_labeling import get_entities

    return {(tags[start][2:], start, end) for _, start, end in get_entities(list(tags))}


def _counts(prediction: Iterable[Entity], target: Iterable[Entity]) -> list[int]:
    predicted, gold = set(prediction), set(target)
    return [len(predicted & gold), len(predicted), len(gold)]


class SpanScores:
    """Entity scores from predicted and gold tags.

    Both are in `scheme`; data sets in another scheme are converted beforehand.
    """

    def __init__(self, types: Iterable[str], scheme: Literal["BIO", "BIOES"] = "BIO") -> None:
        """Store the types of the training data, which have scores of their own."""
        self.types = sorted({*types})
        self.scheme = scheme
        self._end = 8 + 3 * len(self.types)

    def statistics(
        self,
        prediction: Sequence[str],
        target: Sequence[str],
        unknown: Sequence[bool] | None = None,
    ) -> tuple[float, ...]:
        """Return the statistics vector of one sentence.

        Args:
            prediction: predicted tag of each token.
            target: gold tag of each token.
            unknown: whether train lacks the word; None: not counted.

        Raises:
            ValueError: the numbers of tags differ.
        """
        tokens = token_counts(prediction, target, unknown)
        gold, gold_lenient = strict_entities(target, self.scheme), conlleval_entities(target)
        predicted, predicted_lenient = gold, gold_lenient
        if tokens[0] < len(target):  # otherwise both are the same
            predicted = strict_entities(prediction, self.scheme)
            predicted_lenient = conlleval_entities(prediction)
        lenient = _counts(predicted_lenient, gold_lenient)
        return self._vector(tokens, predicted, gold, lenient)

    def span_statistics(
        self, predicted: Iterable[Entity], gold: Iterable[Entity], tokens: Sequence[float]
    ) -> tuple[float, ...]:
        """Return the statistics vector of a text from its entities, by offsets of any kind.

        Args:
            predicted: entities of the model.
            gold: entities of the data.
            tokens: sum of the `token_counts` of its sentences.
        """
        found, wanted = set(predicted), set(gold)
        return self._vector(tokens, found, wanted, _counts(found, wanted))

    def _vector(
        self,
        tokens: Sequence[float],
        predicted: set[Entity],
        gold: set[Entity],
        lenient: Sequence[int],
    ) -> tuple[float, ...]:
        by_type = [
            Counter(type for type, _, _ in entities)
            for entities in (predicted & gold, predicted, gold)
        ]
        table = [counter[type] for type in self.types for counter in by_type]
        return (*tokens[:2], *_counts(predicted, gold), *lenient, *table, *tokens[2:])

    def score(self, total: Sequence[float]) -> Scores:
        """Return scores in [0, 1] from a sum of vectors; 0 / 0 is 0."""
        correct, tokens = total[:2]
        lenient = precision_recall_f1(*total[5:8])
        return {
            **precision_recall_f1(*total[2:5]),
            **{f"conlleval_{name}": value for name, value in lenient.items()},
            "token_accuracy": correct / tokens if tokens else 0.0,
            **unknown_word_scores(total[self._end :]),
        }

    def per_type(self, total: Sequence[float]) -> dict[str, Scores]:
        """Return strict precision, recall, F1 and support of each type of the training data."""
        return table_of_counts(self.types, total[8 : self._end])
