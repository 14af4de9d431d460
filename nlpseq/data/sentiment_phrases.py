"""Labelled phrases beside the sentences of train: more to learn from, if none tells a test sentence."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nlpseq.errors import UserError

if TYPE_CHECKING:
    from nlpseq.data.split import Split

PHRASES = "phrases"


def with_phrases(splits: "Mapping[str, Split]") -> "dict[str, Split]":
    """Add phrases to train: those of the split `phrases`, else the nodes of train's own trees.

    A phrase is left out where it says the same as an example of any other split, in whatever
    spelling (letter case, spaces and marks apart), or stands in train already with that label.
    A note of train counts them.

    Raises:
        UserError: there are no phrases.
    """
    from datasets import Dataset

    train = splits["train"]
    rest = {name: split for name, split in splits.items() if name not in ("train", PHRASES)}
    held_out = {_bare(text) for split in rest.values() for text in split.texts("text")}
    texts, labels = list(train.texts("text")), train.labels("label")
    known = set(zip(texts, labels, strict=True))
    leaked = repeated = 0
    for text, label in _phrases(splits):
        if _bare(text) in held_out:
            leaked += 1
        elif (text, label) in known:
            repeated += 1
        else:
            known.add((text, label))
            texts.append(text)
            labels.append(label)
    added = len(texts) - len(train)
    note = (
        f"{added:,} phrases beside the sentences ({leaked:,} that equal a sentence of another split "
        f"and {repeated:,} repeated ones left out)"
    )
    rows = Dataset.from_dict({"text": texts, "label": labels})
    return {"train": replace(train, rows=rows, note=note), **rest}


def _phrases(splits: "Mapping[str, Split]") -> Iterator[tuple[str, str]]:
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
        yield from zip(texts, labels, strict=True)


def _bare(text: str) -> str:
    """Letters and digits alone; a text that has none stays as it is, but for its spaces."""
    bare = "".join(re.findall(r"[^\W_]+", text.casefold()))
    return bare or "".join(text.split())
