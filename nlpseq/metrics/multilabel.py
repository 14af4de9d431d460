"""Scores of several labels for each text: micro and macro F1, subset accuracy, ranking of the labels.

The statistics of an example are (all labels right, label ranking average precision, 1), then three counts for each
label of the training data: true positives, predicted, gold. A label that only the scored data have follows with one
count, gold: no model predicts it, so it is wrong everywhere and its F1 is 0. The scores are those of scikit-learn;
macro F1 is the mean over the labels that are predicted or gold (`zero_division=nan`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from nlpseq.metrics.base import Scores
from nlpseq.metrics.classification import precision_recall_f1, table_of_counts

_FIRST = 3


class LabelSet(NamedTuple):
    """Predicted labels, and the score of every label of the model."""

    labels: Collection[str]
    scores: Mapping[str, float]


class MultilabelScores:
    """Scores of sets of labels.

    Args:
        labels: of the training data.
        unseen: labels that only the scored data have.
    """

    def __init__(self, labels: Sequence[str], unseen: Sequence[str] = ()) -> None:
        self.labels, self.unseen = list(labels), list(unseen)
        self._index = {label: _FIRST + 3 * number for number, label in enumerate(self.labels)}
        self._end = _FIRST + 3 * len(self.labels)
        self._extra = {label: self._end + number for number, label in enumerate(self.unseen)}

    def with_targets(self, targets: Iterable[Collection[str]]) -> "MultilabelScores":
        """Return the same scores for a split with these targets, some of which may be new labels."""
        used = {label for labels in targets for label in labels}
        return MultilabelScores(self.labels, sorted(used - {*self.labels}))

    def statistics(self, prediction: LabelSet, target: Collection[str]) -> tuple[float, ...]:
        """Return the statistics vector of one example.

        Args:
            prediction: labels and scores of the model.
            target: any labels.
        """
        predicted, gold = {*prediction.labels}, {*target}
        vector = [0.0] * (self._end + len(self.unseen))
        ranking = self._ranking_precision(prediction.scores, gold)
        vector[:_FIRST] = [float(predicted == gold), ranking, 1.0]
        for label in predicted | gold:
            if label in self._index:
                first, hit = self._index[label], (label in predicted, label in gold)
                vector[first : first + 3] = [float(all(hit)), float(hit[0]), float(hit[1])]
            elif label in self._extra:
                vector[self._extra[label]] = 1.0
        return tuple(vector)

    def _ranking_precision(self, scores: Mapping[str, float], gold: Collection[str]) -> float:
        """Return the mean, over gold labels, of the share of gold labels among those ranked as high or higher.

        New labels are ranked last. Without gold labels, and where every label is gold, the ranking is perfect.
        """
        known = sorted((-scores[label], label in gold) for label in self.labels)
        total = len(self.labels) + len(self.unseen)
        wanted = len(gold)
        if not wanted or wanted >= total:
            return 1.0
        precision, begin, hits = 0.0, 0, 0
        while begin < len(known):  # labels of one score have the rank of the last of them
            end = begin
            while end < len(known) and known[end][0] == known[begin][0]:
                end += 1
            found = sum(is_gold for _, is_gold in known[begin:end])
            hits += found
            precision += found * hits / end
            begin = end
        precision += (wanted - hits) * wanted / total
        return precision / wanted

    def score(self, total: Sequence[float]) -> Scores:
        """Return the scores from the sum of vectors.

        Raises:
            ValueError: there is no example.
        """
        exact, ranking, examples = total[:_FIRST]
        if examples == 0:
            raise ValueError("labels of no examples")
        counts, extra = total[_FIRST : self._end], total[self._end :]
        rows = list(zip(counts[0::3], counts[1::3], counts[2::3], strict=True))
        f1 = [
            2 * hits / (predicted + gold) for hits, predicted, gold in rows if predicted + gold > 0
        ]
        present = len(f1) + sum(gold > 0 for gold in extra)
        gold = sum(counts[2::3]) + sum(extra)
        micro = precision_recall_f1(sum(counts[0::3]), sum(counts[1::3]), gold)
        return {
            "micro_f1": micro["f1"],
            "macro_f1": sum(f1) / max(present, 1),
            "subset_accuracy": exact / examples,
            "label_ranking_average_precision": ranking / examples,
            "micro_precision": micro["precision"],
            "micro_recall": micro["recall"],
        }

    def per_label(self, total: Sequence[float]) -> dict[str, Scores]:
        """Return precision, recall, F1 and support of each label, new labels last."""
        known = table_of_counts(self.labels, total[_FIRST : self._end])
        nothing = precision_recall_f1(0, 0, 0)
        new = zip(self.unseen, total[self._end :], strict=True)
        return known | {label: {**nothing, "support": int(gold)} for label, gold in new}
