"""Baselines of regression: the mean of train, and TF-IDF with ridge regression."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nlpseq.baselines.text_classifiers import PairTfidfFeatures, TfidfFeatures
from nlpseq.baselines.text_regression import MeanNumber, TfidfRidge
from nlpseq.data.split import Split
from nlpseq.metrics.regression import RegressionScores
from nlpseq.task import Baseline, Record

from ..base.baseline_words import baseline_texts, predict_in_parts


def train_baselines(
    splits: Mapping[str, Split],
    fields: Sequence[str],
    targets: Callable[[Split], Sequence[float]],
    metric: RegressionScores,
) -> Iterator[Baseline]:
    """Train both on the train split; validation, if there is one, chooses the penalty of the regression.

    Args:
        splits: data of the task.
        fields: the column of texts, or the two columns of pairs.
        targets: returns the number of each example.
        metric: of the task.
    """

    def baseline(
        name: str, label: str, predict: Callable[[Any], list[float]], note: str = ""
    ) -> Baseline:
        def records(split: Split) -> Iterator[Record]:
            rows = zip(predict_in_parts(predict, split, fields), targets(split), strict=True)
            for index, (number, target) in enumerate(rows):
                statistics = metric.statistics(number, target)
                yield Record(index, statistics, target, {"number": number})

        return Baseline(name, label, records, note=note)

    yield baseline("mean", "mean of train", MeanNumber().fit(targets(splits["train"])).predict)
    texts = baseline_texts(splits, fields)
    if not texts.have_words:
        return
    features = PairTfidfFeatures if len(fields) == 2 else TfidfFeatures
    ridge = TfidfRidge(features)
    ridge.fit(texts.words, targets(texts.train), texts.held_out_with(targets))
    yield baseline("tfidf", "TF-IDF with ridge regression", ridge.predict, texts.note)
