"""Baselines of a classifier: the most frequent class, and TF-IDF with logistic regression."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nlpseq.baselines.text_classifiers import (
    Guess,
    MostFrequentClass,
    PairTfidfFeatures,
    TfidfClassifier,
    TfidfFeatures,
)
from nlpseq.data.split import Split
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.task import Baseline, Record

from ..base.baseline_words import baseline_texts, predict_in_parts


def train_baselines(
    splits: Mapping[str, Split],
    fields: Sequence[str],
    targets: Callable[[Split], Sequence[str]],
    metric: ClassificationScores,
) -> Iterator[Baseline]:
    """Train both on the train split; validation, if there is one, chooses the penalty of the regression.

    Args:
        splits: data of the task.
        fields: the column of texts, or the two columns of pairs.
        targets: returns the class of each example.
        metric: of the task.
    """

    def baseline(
        name: str, label: str, predict: Callable[[Any], list[Guess]], note: str = ""
    ) -> Baseline:
        def records(split: Split) -> Iterator[Record]:
            guesses, gold = predict_in_parts(predict, split, fields), targets(split)
            scores = metric.with_targets(gold)
            for index, (guess, target) in enumerate(zip(guesses, gold, strict=True)):
                yield Record(index, scores.statistics(guess.label, target), target, guess._asdict())

        return Baseline(name, label, records, note=note)

    frequent = MostFrequentClass().fit(targets(splits["train"]))
    yield baseline("most_frequent_class", "most frequent class", frequent.predict)
    texts = baseline_texts(splits, fields)
    labels = targets(texts.train)
    if not texts.have_words or len({*labels}) < 2:
        return
    features = PairTfidfFeatures if len(fields) == 2 else TfidfFeatures
    regression = TfidfClassifier(features)
    regression.fit(texts.words, labels, texts.held_out_with(targets))
    yield baseline("tfidf", "TF-IDF with logistic regression", regression.predict, texts.note)
