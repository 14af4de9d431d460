"""Scores of a classifier: accuracy, macro and weighted F1, scores of each class, and confusion matrix.

The statistics of an example are (correct, 1), then three counts for each class of the training data: true
positives, predicted, gold. A class that only the scored data have follows with one count, gold: no model
predicts it, so its examples are wrong and its F1 is 0. The means are those of scikit-learn, over the classes
that are predicted or gold.
"""

from collections.abc import Iterable, Sequence

from nlpseq.metrics.base import Scores


def precision_recall_f1(correct: float, predicted: float, gold: float) -> Scores:
    """Return precision, recall and F1 from counts; 0 / 0 is 0."""
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }


def table_of_counts(names: Sequence[str], counts: Sequence[float]) -> dict[str, Scores]:
    """Return precision, recall, F1 and support (number of gold) of each name, from three counts each."""
    rows = zip(names, counts[0::3], counts[1::3], counts[2::3], strict=True)
    return {
        name: {**precision_recall_f1(correct, predicted, gold), "support": int(gold)}
        for name, correct, predicted, gold in rows
    }


class ClassificationScores:
    """Scores of single-label classification, defined as in scikit-learn.

    Args:
        labels: classes of the training data; predictions and targets are names, too.
        unseen: classes that only the scored data have.
    """

    def __init__(self, labels: Sequence[str], unseen: Sequence[str] = ()) -> None:
        self.labels, self.unseen = list(labels), list(unseen)
        self._first = {label: 2 + 3 * number for number, label in enumerate(self.labels)}
        self._end = 2 + 3 * len(self.labels)
        self._extra = {label: self._end + number for number, label in enumerate(self.unseen)}

    def with_targets(self, targets: Iterable[str]) -> "ClassificationScores":
        """Return the same scores for a split with these targets, some of which may be new classes."""
        return ClassificationScores(self.labels, sorted({*targets} - {*self.labels}))

    def statistics(self, prediction: str, target: str) -> tuple[float, ...]:
        """Return the statistics vector of one example.

        Args:
            prediction: any label; models predict one of the classes.
            target: any label.
        """
        correct = int(prediction == target)
        vector = [correct, 1, *[0] * (3 * len(self.labels) + len(self.unseen))]
        if prediction in self._first:
            first = self._first[prediction]
            vector[first : first + 2] = [correct, 1]
        if target in self._first:
            vector[self._first[target] + 2] = 1
        elif target in self._extra:
            vector[self._extra[target]] = 1
        return tuple(vector)

    def score(self, total: Sequence[float]) -> Scores:
        """Return accuracy and the mean F1 of the classes: unweighted (macro) and weighted by support.

        Raises:
            ValueError: there is no example.
        """
        correct, examples = total[:2]
        if examples == 0:
            raise ValueError("accuracy of no examples")
        counts, extra = total[2 : self._end], total[self._end :]
        rows = list(zip(counts[0::3], counts[1::3], counts[2::3], strict=True))
        f1 = [
            2 * hits / (predicted + gold) if predicted + gold else 0.0
            for hits, predicted, gold in rows
        ]
        present = sum(predicted + gold > 0 for _, predicted, gold in rows)
        present += sum(gold > 0 for gold in extra)
        # Examples of new classes that have no column of their own count as one class.
        present += examples - sum(gold for *_, gold in rows) - sum(extra) > 0.5
        return {
            "accuracy": correct / examples,
            "macro_f1": sum(f1) / max(present, 1),
            "weighted_f1": sum(f * gold for f, (*_, gold) in zip(f1, rows, strict=True)) / examples,
        }

    def per_class(self, total: Sequence[float]) -> dict[str, Scores]:
        """Return precision, recall, F1 and support of each class, new classes last."""
        known = table_of_counts(self.labels, total[2 : self._end])
        nothing = precision_recall_f1(0, 0, 0)
        new = zip(self.unseen, total[self._end :], strict=True)
        return known | {label: {**nothing, "support": int(gold)} for label, gold in new}


def confusion_matrix(
    targets: Iterable[str], predictions: Iterable[str], labels: Sequence[str]
) -> list[list[int]]:
    """Count how often each target (row) was predicted as each label (column), in the order of `labels`.

    Raises:
        ValueError: a target or a prediction is not in `labels`, which must include those of the test set.
    """
    index = {label: number for number, label in enumerate(labels)}
    matrix = [[0] * len(index) for _ in index]
    for target, prediction in zip(targets, predictions, strict=True):
        if unknown := {target, prediction} - index.keys():
            raise ValueError(f"no row or column for the label {min(unknown)!r}")
        matrix[index[target]][index[prediction]] += 1
    return matrix
