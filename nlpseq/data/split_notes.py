"""Notes on the splits of a run: how they were drawn, and how much of them train has too."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nlpseq.data.split import Split


def split_notes(
    splits: Mapping[str, Split], used: Sequence[str], fields: Sequence[str]
) -> list[str]:
    """Return what the user should know of the splits of a run.

    Args:
        splits: all of them.
        used: names of the splits that are trained on or scored.
        fields: column of the text that a model reads, or of its tokens; the two columns of pairs.
    """
    told = [
        f"{name}: {split.note}"
        for name, split in splits.items()
        if split.note and (name in used or not split.labelled)
    ]
    return [*told, *overlap_notes(splits, used, fields)]


def overlap_notes(
    splits: Mapping[str, Split], names: Sequence[str], fields: Sequence[str]
) -> list[str]:
    """Count the examples of splits whose text, without outer spaces, is also a text of train.

    Args:
        splits: with train; without it there is nothing to count.
        names: splits to check, each once.
        fields: column of the text that a model reads, or of its tokens; the two columns of pairs.

    Returns:
        A note for each split that overlaps with train.
    """
    checked = [name for name in dict.fromkeys(names) if name != "train" and name in splits]
    if "train" not in splits or not checked:
        return []
    what = "text" if len(fields) == 1 else "pair"
    wanted = {text for name in checked for text in _texts(splits[name], fields)}
    train = wanted.intersection(_texts(splits["train"], fields))  # train is the largest: never held
    notes = []
    for name in checked:
        shared = sum(text in train for text in _texts(splits[name], fields))
        if shared:
            size = len(splits[name])
            notes.append(
                f"{name}: {shared:,} of {size:,} examples ({shared / size:.1%}) have a {what} that is also in "
                f"train; scores on them say nothing about new {what}s"
            )
    return notes


def _texts(split: Split, fields: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield each text, or pair of texts, that is not empty."""
    for values in zip(*map(split.column, fields), strict=True):
        texts = tuple(_joined(value).strip() for value in values)
        if any(texts):
            yield texts


def _joined(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
