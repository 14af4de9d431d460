"""Baselines of a tagger: the most frequent tag of each word, and a CRF on word features."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from nlpseq.baselines.taggers import FeatureCRF, MostFrequentTag
from nlpseq.data.split import Split
from nlpseq.data.tag_schemes import convert_tags
from nlpseq.metrics.spans import SpanScores
from nlpseq.task import Baseline, Record

Rows = Sequence[Sequence[str]]


def train_baselines(
    splits: Mapping[str, Split],
    words: Callable[[Split], Rows],
    targets: Callable[[Split], Rows],
    metric: SpanScores,
    scheme: Literal["BIO", "BIOES"],
) -> Iterator[Baseline]:
    """Train both on the train split, in the BIO scheme.

    Args:
        splits: data of the task.
        words: returns the words of each sentence.
        targets: returns the tags of each sentence in `scheme`.
        metric: of the task.
        scheme: of the task.
    """
    train = splits["train"]
    sentences, tags = words(train), [convert_tags(row, "BIO") for row in targets(train)]

    def baseline(name: str, label: str, predict: Callable[[Rows], list[list[str]]]) -> Baseline:
        def records(split: Split) -> Iterator[Record]:
            rows = zip(predict(words(split)), targets(split), strict=True)
            for index, (predicted, target) in enumerate(rows):
                converted = convert_tags(predicted, scheme)
                statistics = metric.statistics(converted, target)
                yield Record(index, statistics, target, converted)

        return Baseline(name, label, records)

    frequent = MostFrequentTag().fit(sentences, tags)
    yield baseline("most_frequent_tag", "most frequent tag of a word", frequent.predict)
    crf = FeatureCRF().fit(sentences, tags)
    yield baseline("crf_features", "CRF on word features", crf.predict)
