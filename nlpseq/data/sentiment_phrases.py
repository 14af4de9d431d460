"""Labelled phrases as further training examples, without any that equals a test sentence."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nlpseq.data.labels import label_text
from nlpseq.errors import UserError

if TYPE_CHECKING:
    from nlpseq.data.split import Split

PHRASES = "phrases"


def add_phrases(splits: "Mapping[str, Split]") -> "dict[str, Split]":
    """Add phrases to train: the split `phrases` if there is one, or else the nodes of train's trees.

    A phrase is left out if it equals an example of another split (letter case, spaces and punctuation
    ignored), or if train has it already with that label. The note of train counts them.

    Raises:
        UserError: there are no phrases.
    """
    from datasets import Dataset

    train = splits["train"]
    rest = {name: split for name, split in splits.items() if name not in ("train", PHRASES)}
    held_out = {_simplify(text) for split in rest.values() for text in split.texts("text")}
    texts, labels = list(train.texts("text")), train.labels("label")
    known = set(zip(texts, labels, strict=True))
    leaked = repeated = 0
    for text, label in _iter_phrases(splits):
        if _simplify(text) in held_out:
            leaked += 1
        elif (text, label) in known:
            repeated += 1
        else:
            known.add((text, label))
            texts.append(text)
            labels.append(label)
    added = len(texts) - len(train)
    note = (
        f"{added:,} phrases added to the sentences ({leaked:,} equal to a sentence of another split "
        f"and {repeated:,} repeated ones left out)"
    )
    rows = Dataset.from_dict({"text": texts, "label": labels})
    return {"train": replace(train, rows=rows).with_note(note), **rest}


def _iter_phrases(splits: "Mapping[str, Split]") -> Iterator[tuple[str, str]]:
    """Yield text and label of each phrase."""
    if PHRASES in splits:
        split = splits[PHRASES]
        yield from zip(split.texts("text"), split.labels("label"), strict=True)
        return
    train = splits["train"]
    if PHRASES not in train.rows.column_names:
        raise UserError(
            f"data.phrases = true: {train.origin} has none; read trees, or name a file of them "
            'in data.files = { phrases = "..." }, or set data.phrases=false'
        )
    columns: Iterable[tuple[list[str], list[str]]] = zip(
        train.column(PHRASES), train.column("phrase_labels"), strict=True
    )
    for texts, labels in columns:
        yield from zip(texts, map(label_text, labels), strict=True)


def _simplify(text: str) -> str:
    """Keep letters and digits, in lower case; a text without any loses only its spaces."""
    simple = "".join(re.findall(r"[^\W_]+", text.casefold()))
    return simple or "".join(text.split())
