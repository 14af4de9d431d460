"""Rows without a label: an error, left out and counted, or a split whose labels are all hidden."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from nlpseq.data.label_spellings import (
    boolean_spellings,
    is_like_missing,
    joined_label,
    spelling_notes,
)
from nlpseq.data.labels import label_text, read_tags
from nlpseq.data.row_selection import select_rows
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.wording import abbreviate

HIDDEN = frozenset({"-1", "?", "-", "_", "hidden", "unknown", "unlabeled", "unlabelled"})
"""Labels that stand for one that is kept secret, where a test set has no other and train lacks it."""
LONGEST_LABEL = 1000
"""Characters of a label; a longer one is a text in the wrong column."""
LEARNT_FROM = ("train", "validation")
"""Splits that need labels; any other may lack them, and is then not scored."""


def settle_labels(
    splits: Mapping[str, Split],
    field: str,
    *,
    skip: bool,
    known: Collection[str] = (),
    learnt: Collection[str] = (),
) -> dict[str, Split]:
    """Leave rows without a label out, or refuse them; mark splits whose labels are all hidden.

    Args:
        splits: with the columns of the task.
        field: column of labels, `label`, or of lists of tags, `tags`.
        skip: leave out and count rows without a label, instead of an error.
        known: labels in spite of their spelling.
        learnt: classes of a trained model, where there is no train split.

    Raises:
        UserError: a row has no label, naming the row; or the column holds something else than labels.
    """
    read = {name: _labels(split, field, known) for name, split in splits.items() if split.labelled}
    for name, labels in read.items():
        words = (label.split() if field == "tags" else [label] for label in map(str, labels))
        check_label_lengths(splits[name], field, words)
    trained = read.get("train", ())
    if field == "tags":
        trained = [tag for row in trained for tag in (row or "").split()]
    classes = {label for label in trained if label is not None}
    if field == "label" and "train" in read and not known:
        _refuse_joined(splits["train"], field, classes)
    classes = classes or {label_text(name) for name in (known or learnt)}
    return {
        name: _settle(split, field, read[name], classes, skip=skip) if name in read else split
        for name, split in splits.items()
    }


def _settle(
    split: Split,
    field: str,
    labels: Sequence[str | None],
    classes: Collection[str],
    *,
    skip: bool,
) -> Split:
    """Settle one split; `classes` are those of train, () if they are not known."""
    if field == "label" and classes:
        absent = {label for label in set(labels) if label and is_like_missing(label, classes)}
        labels = [None if label in absent else label for label in labels]
    missing = {row for row, label in enumerate(labels) if label is None}
    spelling = _hidden_spelling(labels, field, classes)
    hidden = len(missing) == len(labels) or spelling
    if labels and hidden and split.name != "train":
        return hidden_split(split, field, spelling)
    if missing and not skip:
        raise split.missing_label_error(field, min(missing) + 1)
    if field == "label":
        split = _with_spellings(split, labels, classes)
    return without_rows(split, missing) if missing else split


def _refuse_joined(split: Split, field: str, classes: Collection[str]) -> None:
    """Refuse classes such as `a|b` beside `a` and `b`: several labels a text."""
    joined = joined_label(classes)
    if joined is not None:
        example, separator = joined
        raise UserError(
            f"{split.origin}: {split.name_of(field)!r} holds several labels a text, such as {example!r:.60}, of labels "
            f'that occur elsewhere too: task = "multilabel" learns them (`nlpseq train --labels '
            f"{split.name_of(field)}`); if it is a class, write it without {separator!r}, or name all classes in "
            "data.labels"
        )


def _hidden_spelling(labels: Sequence[str | None], field: str, classes: Collection[str]) -> str:
    """Return the spelling of every label, or every tag, if it stands for a hidden one; else ''."""
    used = (
        set(labels) if field == "label" else {tag for row in labels for tag in (row or "").split()}
    )
    spelling = used.pop() if len(used) == 1 else None
    is_hidden = spelling is not None and spelling.casefold() in HIDDEN
    return spelling or "" if is_hidden and classes and spelling not in classes else ""


def _with_spellings(split: Split, labels: Sequence[str | None], classes: Collection[str]) -> Split:
    """Take booleans as train spells them, and note what was assumed about other spellings."""
    present = [label for label in labels if label is not None]
    spellings = boolean_spellings(present, classes)
    if spellings:
        changed = ", ".join(f"{label} is {name}" for label, name in spellings.items())
        split = replace(split, spellings=spellings).with_note(f"labels as in train: {changed}")
        labels = [spellings.get(label, label) if label else label for label in labels]
    names = getattr(split.rows.features["label"], "names", None)
    values = [] if names else split.rows["label"][:]
    known = () if split.name == "train" else classes
    for note in spelling_notes(values, labels, known):
        split = split.with_note(note)
    return split


def _labels(split: Split, field: str, known: Collection[str]) -> list[str | None]:
    """Return the label of each row, or its tags joined to one text; None where it is missing."""
    if field == "spans":
        return [None if row is None else "spans" for row in split.column(field)]
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


def check_label_lengths(split: Split, field: str, rows: Iterable[Collection[str] | None]) -> None:
    """Refuse labels that nobody can read, and no table or picture can show.

    Raises:
        UserError: a label is too long; the error names the row.
    """
    for number, labels in enumerate(rows, start=1):
        for label in labels or ():
            if len(label) > LONGEST_LABEL:
                raise UserError(
                    f"{split.origin}: row {number} of the {split.name} split has a label of "
                    f"{len(label):,} characters in {split.name_of(field)!r}, the most are {LONGEST_LABEL:,}: "
                    f"{abbreviate(label)}"
                )


def hidden_split(split: Split, field: str, spelling: str = "") -> Split:
    """Return a split whose labels are all missing, or hidden under a spelling, marked as not scored."""
    if split.name in LEARNT_FROM:
        raise UserError(
            f"{split.origin}: the {split.name} split has no {split.name_of(field)!r}, every one is missing; "
            "leave the split out of the data, or use one with labels"
        )
    given = repr(spelling) if spelling not in ("", "-1") else "-1 or missing"
    note = f"its labels are hidden ({given} in all {len(split):,} rows), so it is not scored"
    return replace(split.with_note(note), labelled=False)


def settle_targets(splits: Mapping[str, Split], field: str) -> dict[str, Split]:
    """Mark splits without any target text; those that are trained on need one.

    Args:
        splits: with the columns of the task.
        field: column of texts to generate, `target`.
    """
    return {
        name: _without_targets(split, field)
        if name not in LEARNT_FROM and split.labelled and _are_blank(split, field)
        else split
        for name, split in splits.items()
    }


def _are_blank(split: Split, field: str) -> bool:
    """Return whether every row of a column is null or an empty text."""
    column = split.column(field)
    return len(column) > 0 and all(
        value is None or (isinstance(value, str) and not value.strip()) for value in column
    )


def _without_targets(split: Split, field: str) -> Split:
    note = f"every {split.name_of(field)!r} is empty, so it is not scored"
    return replace(split.with_note(note), labelled=False)


def without_column(split: Split, column: str) -> Split:
    """Return a split that lacks the column of what is predicted, marked and with a note."""
    names = ", ".join(split.rows.column_names)
    note = f"no column {column!r} (it has {names}), so it is not scored"
    return replace(split.with_note(note), labelled=False)


def without_rows(split: Split, missing: Collection[int], what: str = "label") -> Split:
    """Return a split without some rows, with a note; `what` they lack."""
    kept = [row for row in range(len(split)) if row not in missing]
    if not kept:
        raise UserError(f"{split.origin}: no row of the {split.name} split has a {what}")
    rows = select_rows(split.rows, kept)
    note = f"{len(missing):,} of {len(split):,} rows left out, which have no {what}"
    return replace(split, rows=rows).with_note(note)
