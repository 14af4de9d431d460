"""Scores of a classifier: accuracy, macro and weighted F1, scores of each class, and confusion matrix.

The statistics of an example are (correct, 1), then three counts for each class of the training data: true
positives, predicted, gold. A target that does not occur in training has no class: the example counts as
wrong, and as a false positive of the predicted class.
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
    """Scores of single-label classification over the training classes, defined as in scikit-learn."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Store the names of the classes; predictions and targets are names, too."""
        self.labels = list(labels)
        self._first = {label: 2 + 3 * number for number, label in enumerate(self.labels)}

    def statistics(self, prediction: str, target: str) -> tuple[float, ...]:
        """Return the statistics vector of one example.

        Args:
            prediction: any label; models predict one of the classes.
            target: any label.
        """
        correct = int(prediction == target)
        vector = [correct, 1, *[0] * (3 * len(self.labels))]
        if prediction in self._first:
            first = self._first[prediction]
            vector[first : first + 2] = [correct, 1]
        if target in self._first:
            vector[self._first[target] + 2] = 1
        return tuple(vector)

    def score(self, total: Sequence[float]) -> Scores:
        """Return accuracy and the mean F1 of the classes: unweighted (macro) and weighted by support.

        Raises:
            ValueError: there is no example.
        """
        correct, examples = total[:2]
        if examples == 0:
            raise ValueError("accuracy of no examples")
        classes = self.per_class(total).values()
        support = sum(row["support"] for row in classes)
        weighted = sum(row["f1"] * row["support"] for row in classes)
        return {
            "accuracy": correct / examples,
            "macro_f1": sum(row["f1"] for row in classes) / len(self.labels),
            "weighted_f1": weighted / support if support else 0.0,
        }

    def per_class(self, total: Sequence[float]) -> dict[str, Scores]:
        """Return precision, recall, F1 and support of each class."""
        return table_of_counts(self.labels, total[2:])


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
