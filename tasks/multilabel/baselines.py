"""Baselines of several labels: the most frequent set, and TF-IDF with a logistic regression for each label."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from nlpseq.baselines.text_classifiers import PairTfidfFeatures, TfidfFeatures
from nlpseq.baselines.text_labels import LabelGuess, MostFrequentLabels, TfidfLabels
from nlpseq.data.split import Split
from nlpseq.metrics.multilabel import LabelSet, MultilabelScores
from nlpseq.metrics.thresholds import choose_thresholds, label_matrix
from nlpseq.task import Baseline, Record

from ..base.baseline_words import baseline_texts, predict_in_parts


def train_baselines(
    splits: Mapping[str, Split],
    fields: Sequence[str],
    targets: Callable[[Split], Sequence[Sequence[str]]],
    metric: MultilabelScores,
    rule: str | float,
) -> Iterator[Baseline]:
    """Train both on the train split; validation, if there is one, chooses penalty and thresholds.

    Args:
        splits: data of the task.
        fields: the column of texts, or the two columns of pairs.
        targets: returns the labels of each example.
        metric: of the task.
        rule: of thresholds, as of the network.
    """
    labels = metric.labels

    def baseline(
        name: str, label: str, predict: Callable[[Any], list[LabelGuess]], note: str = ""
    ) -> Baseline:
        def records(split: Split) -> Iterator[Record]:
            guesses, gold = predict_in_parts(predict, split, fields), targets(split)
            scores = metric.with_targets(gold)
            for index, (guess, target) in enumerate(zip(guesses, gold, strict=True)):
                yield Record(
                    index, scores.statistics(LabelSet(*guess), target), target, guess._asdict()
                )

        return Baseline(name, label, records, note=note)

    frequent = MostFrequentLabels().fit(targets(splits["train"]), labels)
    yield baseline("most_frequent_labels", "most frequent label set", frequent.predict)
    texts = baseline_texts(splits, fields)
    if not texts.have_words:
        return

    def matrix(split: Split) -> Any:
        return label_matrix(targets(split), labels)

    features = PairTfidfFeatures if len(fields) == 2 else TfidfFeatures
    regressions = TfidfLabels(labels, partial(choose_thresholds, rule=rule), features)
    regressions.fit(texts.words, matrix(texts.train), texts.held_out_with(matrix))
    yield baseline("tfidf", "TF-IDF with logistic regressions", regressions.predict, texts.note)
