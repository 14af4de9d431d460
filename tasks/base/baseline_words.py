"""Words of texts for baselines, whatever the tokenization of the network.

Baselines take seconds and bounded memory: of a large train split they learn from a sample, and they predict some
texts at a time.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from nlpseq.data.row_selection import select_rows
from nlpseq.data.split import Split
from nlpseq.data.word_tokenizer import split_words

MOST_TEXTS = 50_000
"""Texts of train that baselines learn from."""
MOST_HELD_OUT = 10_000
"""Texts of validation that choose a penalty or thresholds."""
TEXTS_AT_ONCE = 10_000
SEED = 0
GuessT = TypeVar("GuessT")


def baseline_sample(split: Split) -> tuple[Split, str]:
    """Return the rows of a split that baselines learn from, and a note if those are a sample."""
    most = MOST_TEXTS if split.name == "train" else MOST_HELD_OUT
    if len(split) <= most:
        return split, ""
    numbers = random.Random(SEED).sample(range(len(split)), most)
    note = f"learnt from {most:,} of the {len(split):,} examples of {split.name}, drawn at random"
    return replace(split, rows=select_rows(split.rows, numbers)), note


@dataclass(frozen=True)
class BaselineTexts:
    """The examples that baselines learn from, with the words of their texts.

    Attributes:
        train: a sample of the train split.
        words: of each text of `train`, or of both texts of each pair.
        validation: a sample of the validation split; None: there is none.
        held_out: words of the texts of `validation`.
        note: size of the sample, if it is one.
    """

    train: Split
    words: list[Any]
    validation: Split | None
    held_out: list[Any]
    note: str

    @property
    def have_words(self) -> bool:
        """Tell whether any text of train has a word."""
        return any(any(sides) for sides in self.words)

    def held_out_with(self, targets: Callable[[Split], Any]) -> tuple[list[Any], Any] | None:
        """Return words and targets of the validation split; None if there is none."""
        return None if self.validation is None else (self.held_out, targets(self.validation))


def baseline_texts(splits: Mapping[str, Split], fields: Sequence[str]) -> BaselineTexts:
    """Draw the examples that baselines learn from, and cut their texts into words.

    Args:
        splits: data of the task.
        fields: the column of texts, or the two columns of pairs.
    """
    train, note = baseline_sample(splits["train"])
    words = baseline_words(train, fields)
    if "validation" not in splits:
        return BaselineTexts(train, words, None, [], note)
    validation, _ = baseline_sample(splits["validation"])
    return BaselineTexts(train, words, validation, baseline_words(validation, fields), note)


def baseline_words(split: Split, fields: Sequence[str]) -> list[Any]:
    """Return the words of each text, or of both texts of each pair.

    Args:
        split: of the data.
        fields: the column of texts, or the two columns of pairs.
    """
    return _cut_columns([split.column(field) for field in fields])


def predict_in_parts(
    predict: Callable[[list[Any]], Sequence[GuessT]], split: Split, fields: Sequence[str]
) -> Iterator[GuessT]:
    """Yield the prediction for each row of a split.

    Args:
        predict: of a baseline, from the words of texts.
        split: of the data.
        fields: the column of texts, or the two columns of pairs.
    """
    columns = [split.column(field) for field in fields]
    for begin in range(0, len(split), TEXTS_AT_ONCE):
        part = [column[begin : begin + TEXTS_AT_ONCE] for column in columns]
        yield from predict(_cut_columns(part))


def _cut_columns(columns: Sequence[Sequence[Any]]) -> list[Any]:
    words = [[_cut(text) for text in column] for column in columns]
    return words[0] if len(words) == 1 else list(zip(*words, strict=True))


def _cut(text: Any) -> list[str]:
    if isinstance(text, list):
        return [str(token) for token in text]
    return [word.text for word in split_words(text, version=2)]
