"""Words of texts for baselines, whatever the tokenization of the network."""

from collections.abc import Sequence
from typing import Any

from nlpseq.data.split import Split
from nlpseq.data.word_tokenizer import split_words


def baseline_words(split: Split, fields: Sequence[str]) -> list[Any]:
    """Return the words of each text, or of both texts of each pair.

    Args:
        split: of the data.
        fields: the column of texts, or the two columns of pairs.
    """
    columns = [[_cut(text) for text in split.column(field)] for field in fields]
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _cut(text: Any) -> list[str]:
    if isinstance(text, list):
        return [str(token) for token in text]
    return [word.text for word in split_words(text, version=2)]
