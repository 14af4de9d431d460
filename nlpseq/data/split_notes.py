"""Notes on the splits of a run: how they were drawn, and how much of them train has too."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nlpseq.data.split import Split


def split_notes(splits: Mapping[str, Split], used: Sequence[str], field: str) -> list[str]:
    """Return what the user should know of the splits of a run.

    Args:
        splits: all of them.
        used: names of the splits that are trained on or scored.
        field: column of the text that a model reads, or of its tokens.
    """
    told = [
        f"{name}: {split.note}"
        for name, split in splits.items()
        if split.note and (name in used or not split.labelled)
    ]
    return [*told, *overlap_notes(splits, used, field)]


def overlap_notes(splits: Mapping[str, Split], names: Sequence[str], field: str) -> list[str]:
    """Count the examples of splits whose text, without outer spaces, is also a text of train.

    Args:
        splits: with train; without it there is nothing to count.
        names: splits to check, each once.
        field: column of the text that a model reads, or of its tokens.

    Returns:
        A note for each split that overlaps with train.
    """
    checked = [name for name in dict.fromkeys(names) if name != "train" and name in splits]
    if "train" not in splits or not checked:
        return []
    train = set(_texts(splits["train"], field))
    notes = []
    for name in checked:
        shared = sum(text in train for text in _texts(splits[name], field))
        if shared:
            size = len(splits[name])
            notes.append(
                f"{name}: {shared:,} of {size:,} examples ({shared / size:.1%}) have a text that is also in "
                "train; scores on them say nothing about new texts"
            )
    return notes


def _texts(split: Split, field: str) -> Iterator[str]:
    """Yield each text that is not empty."""
    for value in split.column(field):
        text = _joined(value).strip()
        if text:
            yield text


def _joined(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
