"""Scores of a classifier: accuracy, macro and weighted F1, the table and the matrix of its classes.

The statistics of an example are (correct, 1), then three counts for each class that training knew: true
positives, predicted, gold. A target that training never saw has no class: it counts as wrong, and as a false
positive of the class that was predicted for it.
"""

from collections.abc import Iterable, Sequence

from nlpseq.metrics.base import Scores


def precision_recall_f1(correct: float, predicted: float, gold: float) -> Scores:
    """Precision, recall and F1 from counts; a ratio of nothing to nothing is 0."""
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }


def table_of_counts(names: Sequence[str], counts: Sequence[float]) -> dict[str, Scores]:
    """Precision, recall, F1 and support (how many are gold) of each name, from three counts each."""
    rows = zip(names, counts[0::3], counts[1::3], counts[2::3], strict=True)
    return {
        name: {**precision_recall_f1(correct, predicted, gold), "support": int(gold)}
        for name, correct, predicted, gold in rows
    }


class ClassificationScores:
    """Scores of single-label classification over the classes that training knew, as scikit-learn's."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Take the names of the classes; predictions and targets are such names."""
        self.labels = list(labels)
        self._places = {label: 2 + 3 * number for number, label in enumerate(self.labels)}

    def statistics(self, prediction: str, target: str) -> tuple[float, ...]:
        """Vector of one example.

        Args:
            prediction: any label; what a model predicts is one of the classes.
            target: any label.
        """
        right = int(prediction == target)
        vector = [right, 1, *[0] * (3 * len(self.labels))]
        if prediction in self._places:
            place = self._places[prediction]
            vector[place : place + 2] = [right, 1]
        if target in self._places:
            vector[self._places[target] + 2] = 1
        return tuple(vector)

    def score(self, total: Sequence[float]) -> Scores:
        """Accuracy, and the mean of the classes' F1: plain (macro) and weighted by their support.

        Raises:
            ValueError: no example was classified.
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
        """Precision, recall, F1 and support of each class."""
        return table_of_counts(self.labels, total[2:])


def confusion_matrix(
    targets: Iterable[str], predictions: Iterable[str], labels: Sequence[str]
) -> list[list[int]]:
    """How often each target (row) was predicted as each label (column), in the order of `labels`.

    Raises:
        ValueError: a target or a prediction is none of the labels; name those of the test set too.
    """
    places = {label: number for number, label in enumerate(labels)}
    matrix = [[0] * len(places) for _ in places]
    for target, prediction in zip(targets, predictions, strict=True):
        if unknown := {target, prediction} - places.keys():
            raise ValueError(f"no row or column for the label {min(unknown)!r}")
        matrix[places[target]][places[prediction]] += 1
    return matrix
