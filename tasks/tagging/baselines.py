"""Baselines of a tagger: the most frequent tag of each word, and a CRF on word features."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from nlpseq.baselines.taggers import FeatureCRF, MostFrequentTag
from nlpseq.data.split import Split
from nlpseq.task import Baseline, Record

Rows = Sequence[Sequence[str]]
MOST_TAGS = 200
"""Tags up to which the CRF is trained: an iteration costs their square."""


def train_baselines(
    splits: Mapping[str, Split],
    words: Callable[[Split], Rows],
    tags: Callable[[Split], Rows],
    score: Callable[[Split, Rows], Iterator[Record]],
) -> Iterator[Baseline]:
    """Train both on the train split.

    Args:
        splits: data of the task.
        words: returns the words of each sentence.
        tags: returns the tags of each sentence, those of spans in the BIO scheme.
        score: scores predicted tags of all sentences of a split.
    """
    train = splits["train"]
    sentences, targets = words(train), tags(train)

    def baseline(name: str, label: str, predict: Callable[[Rows], list[list[str]]]) -> Baseline:
        return Baseline(name, label, lambda split: score(split, predict(words(split))))

    frequent = MostFrequentTag().fit(sentences, targets)
    yield baseline("most_frequent_tag", "most frequent tag of a word", frequent.predict)
    if len({tag for row in targets for tag in row}) <= MOST_TAGS:
        crf = FeatureCRF().fit(sentences, targets)
        yield baseline("crf_features", "CRF on word features", crf.predict)
