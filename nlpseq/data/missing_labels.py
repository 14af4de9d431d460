"""Rows without a label: an error, left out and counted, or a split whose labels are all hidden."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from nlpseq.data.labels import read_tags
from nlpseq.data.split import Split
from nlpseq.errors import UserError

HIDDEN = "-1"
"""Label of every example of a test set whose labels are kept secret."""


def settle_labels(
    splits: Mapping[str, Split], field: str, *, skip: bool, known: Collection[str] = ()
) -> dict[str, Split]:
    """Leave rows without a label out, or refuse them; mark splits whose labels are all hidden.

    Args:
        splits: with the columns of the task.
        field: column of labels, `label`, or of lists of tags, `tags`.
        skip: leave out and count rows without a label, instead of an error.
        known: labels in spite of their spelling.

    Raises:
        UserError: a row has no label, naming the row; or the column holds something else than labels.
    """
    learnt = set(_labels(splits["train"], field, known)) if "train" in splits else {HIDDEN}
    settled = {}
    for name, split in splits.items():
        labels = _labels(split, field, known)
        missing = {row for row, label in enumerate(labels) if label is None}
        hidden = len(missing) == len(labels) or (set(labels) == {HIDDEN} and HIDDEN not in learnt)
        if labels and hidden and name != "train":
            settled[name] = _hidden(split, field)
        elif missing and not skip:
            raise split.missing_label_error(field, min(missing) + 1)
        elif missing:
            settled[name] = _without(split, missing)
        else:
            settled[name] = split
    return settled


def _labels(split: Split, field: str, known: Collection[str]) -> list[str | None]:
    """Return the label of each row, or its tags joined to one text; None where it is missing."""
    if field != "tags":
        return split.optional_labels(field, known)
    try:
        sentences = read_tags(split.rows, field)
    except ValueError as error:
        raise UserError(f"{split.origin}: the {field} of {split.name}: {error}") from error
    words = split.column("tokens")
    return [
        None if tags is None or (not tags and tokens) else " ".join(tags)
        for tags, tokens in zip(sentences, words, strict=True)
    ]


def _hidden(split: Split, field: str) -> Split:
    if split.name == "validation":
        raise UserError(
            f"{split.origin}: the validation split has no {split.name_of(field)!r}, every one is missing; "
            "leave the split out of the data, or use one with labels"
        )
    note = f"its labels are hidden (-1 or missing in all {len(split):,} rows), so it is not scored"
    return replace(split.with_note(note), labelled=False)


def _without(split: Split, missing: Collection[int]) -> Split:
    kept = [row for row in range(len(split)) if row not in missing]
    if not kept:
        raise UserError(f"{split.origin}: no row of the {split.name} split has a label")
    rows = split.rows.select(kept)
    note = f"{len(missing):,} of {len(split):,} rows left out, which have no label"
    return replace(split, rows=rows).with_note(note)
