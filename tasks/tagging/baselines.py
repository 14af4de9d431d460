"""Baselines of a tagger: the most frequent tag of each word, and a CRF on word features."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nlpseq.baselines.taggers import FeatureCRF, MostFrequentTag
from nlpseq.data.split import Split
from nlpseq.data.tag_schemes import convert_tags
from nlpseq.task import Baseline, Record

if TYPE_CHECKING:
    from .task import Tagging

Rows = Sequence[Sequence[str]]
MOST_TAGS = 200
"""Tags up to which the CRF is trained: an iteration costs their square."""


def train_baselines(task: "Tagging", splits: Mapping[str, Split]) -> Iterator[Baseline]:
    """Train both on the train split; spans are learnt in the BIO scheme.

    Args:
        task: prepared.
        splits: data of the task.
    """
    train = splits["train"]
    sentences = task.words(train)
    tags = [task.plain_or_bio(row) for row in task.targets(train)]

    def baseline(name: str, label: str, predict: Callable[[Rows], list[list[str]]]) -> Baseline:
        def records(split: Split) -> Iterator[Record]:
            return task.tag_records(split, predict(task.words(split)))

        return Baseline(name, label, records)

    frequent = MostFrequentTag().fit(sentences, tags)
    yield baseline("most_frequent_tag", "most frequent tag of a word", frequent.predict)
    if len(task.tags) <= MOST_TAGS:
        crf = FeatureCRF().fit(sentences, tags)
        yield baseline("crf_features", "CRF on word features", crf.predict)
