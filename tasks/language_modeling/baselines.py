"""Baselines of a language model: unigrams, and modified Kneser-Ney n-grams, over the same token ids."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from nlpseq.baselines.kneser_ney import Ints, KneserNey
from nlpseq.data.split import Split
from nlpseq.data.streams import TextStream
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.task import Baseline, Record

from .scoring import METRIC

ORDER, CHARACTER_ORDER = 5, 8
MAX_TOKENS = 10_000_000
"""Tokens of train that are counted: about a minute and 2 GB for 5-grams."""


def train_baselines(
    splits: Mapping[str, Split],
    stream: Callable[[Split], TextStream],
    tokenizer: Tokenizer,
    *,
    ending: str,
) -> Iterator[Baseline]:
    """Count the n-grams of the train split.

    They predict the tokens that the network predicts. With an end-of-text token each text begins anew; else a
    split is one text, as it is for the network.

    Args:
        splits: data of the task.
        stream: returns a split as token ids.
        tokenizer: of the network.
        ending: text of the end-of-text token, '' if texts have none.
    """
    train = stream(splits["train"])
    texts, note = _texts(train, separate=bool(ending), limit=MAX_TOKENS), ""
    if len(train) > MAX_TOKENS:
        note = f"counts the first {MAX_TOKENS:,} of {len(train):,} tokens of train"

    def baseline(name: str, label: str, order: int) -> Baseline:
        model = KneserNey(order, len(tokenizer)).fit(texts)

        def records(split: Split) -> Iterator[Record]:
            ids, rows = stream(split), split.column("text")
            values = model.log_probs(_texts(ids, separate=bool(ending)))
            nll = -np.concatenate(values)
            for index, begin, end, _ in ids.documents(separate=False, limit=0)[0].spans:
                text = rows[index]
                statistics = METRIC.statistics(nll[begin:end].tolist(), text + ending)
                yield Record(index, statistics, text)

        return Baseline(name, label, records, note=note)

    yield baseline("unigram", "unigrams", 1)
    order = CHARACTER_ORDER if tokenizer.kind == "character" else ORDER
    yield baseline(f"kneser_ney_{order}", f"modified Kneser-Ney {order}-gram", order)


def _texts(stream: TextStream, *, separate: bool, limit: int = 0) -> list[Ints]:
    """Return the ids of each text, or of all texts in one row; `limit` tokens of them, 0: all."""
    ids = stream.ids.numpy()
    if not separate:
        return [ids[: limit or None]]
    ends = [end for end in stream.ends if not limit or end <= limit] or [min(limit, len(ids))]
    return list(np.split(ids[: ends[-1]], ends[:-1]))
