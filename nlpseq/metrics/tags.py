"""Scores of plain tags, such as parts of speech: accuracy of tokens, of unknown words, F1 by tag.

The statistics of a sentence are (correct tokens, tokens) and, where words of the split are unknown to train, (correct,
all) of these words. Macro and weighted F1 are those of scikit-learn over all tokens, from `tag_counts`: data may have
thousands of tags, so a sentence has no columns for each.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from nlpseq.metrics.base import Scores
from nlpseq.metrics.classification import precision_recall_f1

UNKNOWN_WORDS = "unknown_word_accuracy"


def token_counts(
    prediction: Sequence[str], target: Sequence[str], unknown: Sequence[bool] | None = None
) -> tuple[float, ...]:
    """Count correct tokens and tokens; with `unknown` also those of unknown words.

    Raises:
        ValueError: the numbers of tags differ.
    """
    if len(prediction) != len(target):
        raise ValueError(f"{len(prediction)} tags predicted for {len(target)} tokens")
    hits = list(map(str.__eq__, prediction, target))
    counts = (sum(hits), len(hits))
    if unknown is None:
        return counts
    new = [hit for hit, is_new in zip(hits, unknown, strict=True) if is_new]
    return (*counts, sum(new), len(new))


def unknown_word_scores(counts: Sequence[float]) -> Scores:
    """Return the accuracy on unknown words from (correct, all); none where they were not counted."""
    if not counts:
        return {}
    correct, words = counts
    return {UNKNOWN_WORDS: correct / words if words else 0.0}


class TagScores:
    """Token accuracies from predicted and gold tags."""

    def statistics(
        self,
        prediction: Sequence[str],
        target: Sequence[str],
        unknown: Sequence[bool] | None = None,
    ) -> tuple[float, ...]:
        """Return the statistics vector of one sentence, see `token_counts`."""
        return token_counts(prediction, target, unknown)

    def score(self, total: Sequence[float]) -> Scores:
        """Return accuracies in [0, 1] from a sum of vectors; 0 / 0 is 0."""
        correct, tokens = total[:2]
        return {
            "token_accuracy": correct / tokens if tokens else 0.0,
            **unknown_word_scores(total[2:]),
        }


Pairs = Counter[tuple[str, str]]
"""Number of tokens by gold and predicted tag."""


def tag_counts(targets: Iterable[Sequence[str]], predictions: Iterable[Sequence[str]]) -> Pairs:
    """Count the pairs of gold and predicted tags of all tokens."""
    pairs: Pairs = Counter()
    for target, prediction in zip(targets, predictions, strict=True):
        pairs.update(zip(target, prediction, strict=True))
    return pairs


def scores_by_tag(pairs: Mapping[tuple[str, str], int]) -> dict[str, Scores]:
    """Return precision, recall, F1 and support of each tag that is gold or predicted, most frequent first."""
    correct, predicted, gold = Counter[str](), Counter[str](), Counter[str]()
    for (target, prediction), count in pairs.items():
        gold[target] += count
        predicted[prediction] += count
        correct[target] += count * (target == prediction)
    tags = sorted(gold | predicted, key=lambda tag: (-gold[tag], tag))
    return {
        tag: {
            **precision_recall_f1(correct[tag], predicted[tag], gold[tag]),
            "support": gold[tag],
        }
        for tag in tags
    }


def mean_scores(by_tag: Mapping[str, Scores]) -> Scores:
    """Return the mean F1 of the tags: unweighted (macro), and weighted by their support."""
    if not by_tag:
        return {}
    support = sum(row["support"] for row in by_tag.values())
    weighted = sum(row["f1"] * row["support"] for row in by_tag.values())
    return {
        "macro_f1": sum(row["f1"] for row in by_tag.values()) / len(by_tag),
        "weighted_f1": weighted / support if support else 0.0,
    }
