"""Cut further splits from train: at random, stratified by class, or from its end; and cross-validation.

The draw depends on `data.split_seed` and the number of rows alone, never on the seed of a run: the runs of a
comparison have the same splits.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from nlpseq.data.row_selection import select_rows
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig

DEFAULT_VALIDATION = 0.1
FEWEST = 10
"""Rows of train below which no validation split is held out unasked."""
_SHOWN = 5  # classes that a note names


@dataclass(frozen=True)
class Drawing:
    """The way in which rows are held out.

    Attributes:
        contiguous: from the end of train, in order.
        characters: rows are the characters of one text.
        label: column of classes whose shares are kept in every part; '': none.
        known: labels in spite of their spelling, such as `null`.
    """

    contiguous: bool = False
    characters: bool = False
    label: str = ""
    known: Collection[str] = ()

    def labels(self, split: Split) -> list[str]:
        """Return the class of each row; '' without classes."""
        return split.labels(self.label, self.known) if self.label else [""] * len(split)

    def size(self, split: Split) -> int:
        """Return the number of rows, or of characters."""
        return len(split.rows[0]["text"]) if self.characters else len(split)

    @property
    def unit(self) -> str:
        """Name of the unit that is counted: examples or characters."""
        return "characters" if self.characters else "examples"


def hold_out(splits: dict[str, Split], config: DataConfig, drawing: Drawing) -> dict[str, Split]:
    """Cut the fold and the splits of `data.hold_out` from train, and a validation split where there is none.

    Parts that are cut from the end are in the order given; the last one is the very end.

    Raises:
        UserError: a split exists already, or a part would be empty.
    """
    if drawing.characters and config.hold_out_by == "random":
        raise UserError(
            'data.hold_out_by = "random": one text is cut from its end; set it to "end"'
        )
    if config.folds:
        splits = _hold_out_fold(splits, config, drawing)
    shares, note = _shares(splits, config, drawing)
    if note:
        splits = {**splits, "train": splits["train"].with_note(note)}
    if not shares:
        return splits
    known = [name for name in shares if name in splits]
    if known or "train" not in splits:
        problem = f"split {known[0]} exists already" if known else "there is no train split"
        raise UserError(f"data.hold_out: {problem}; the splits are {', '.join(splits)}")
    exact = [Fraction(str(share)) for share in shares.values()]  # floats: 1 - 0.9 < 0.1
    if sum(exact) >= 1:
        raise UserError(
            f"data.hold_out: the shares add up to {float(sum(exact)):g}, train would be empty"
        )
    train = splits["train"]
    length = drawing.size(train)
    held_out = [sum(exact[index:]) for index in range(len(exact))]
    cuts = [0, *[int(length * (1 - share)) for share in held_out], length]
    labels = drawing.labels(train) if drawing.label else []
    order = _order(train, labels, config, drawing)
    parts, classes = {}, {}
    for name, (begin, end) in zip(["train", *shares], pairwise(cuts), strict=True):
        if begin == end:
            raise UserError(
                f"data.hold_out: {length} {drawing.unit} in {train.origin} leave none for {name}"
            )
        parts[name] = _part(train, name, order[begin:end], drawing)
        classes[name] = _classes(labels, order[begin:end])
    for name in shares:
        unasked = name not in config.hold_out
        note = _describe(parts, name, config, drawing, unasked)
        parts[name] = replace(parts[name], note=note + _lacking(classes, name, drawing))
    return {**splits, **parts}


def _shares(
    splits: dict[str, Split], config: DataConfig, drawing: Drawing
) -> tuple[dict[str, float], str]:
    """Return the fraction of each split to hold out, and a note if there is no validation split."""
    shares = {
        name: share
        for name, share in config.hold_out.items()
        if not (name == "validation" and share == 0) and not (name == "test" and config.folds)
    }
    if "train" not in splits or "validation" in (*splits, *config.hold_out):
        return shares, ""
    if drawing.size(splits["train"]) < FEWEST:
        return shares, "too few rows to hold out a validation split, so the last weights are kept"
    return {"validation": DEFAULT_VALIDATION, **shares}, ""


def _describe(
    parts: dict[str, Split], name: str, config: DataConfig, drawing: Drawing, unasked: bool
) -> str:
    """Say how a part was drawn."""
    size = sum(drawing.size(part) for part in parts.values())
    share = f"{drawing.size(parts[name]):,} of the {size:,} {drawing.unit} of train"
    note = f"{share}, {_manner(config, drawing)}"
    if unasked:
        note += ", since the data have no validation split (data.hold_out.validation = 0: none)"
    return note


def _manner(config: DataConfig, drawing: Drawing) -> str:
    if drawing.contiguous:
        return "cut from its end in order, not drawn at random"
    by_class = ", stratified by class" if drawing.label else ""
    return f"drawn at random{by_class} (data.split_seed = {config.split_seed})"


def _classes(labels: Sequence[str], rows: Sequence[int]) -> set[str]:
    """Return the classes of some rows; none without labels."""
    return {labels[row] for row in rows} if labels else set()


def _lacking(classes: dict[str, set[str]], name: str, drawing: Drawing) -> str:
    """Name the classes of train that a part has no example of.

    Args:
        classes: of each part.
        name: of the part.
        drawing: the way in which it was held out.
    """
    others: set[str] = set().union(*classes.values())
    if not (lacking := sorted(others - classes[name])):
        return ""
    listed = ", ".join(lacking[:_SHOWN]) + ", ..." * (len(lacking) > _SHOWN)
    noun = "class" if len(lacking) == 1 else "classes"
    reason = "" if drawing.contiguous else " with too few rows"
    return f"; no example of {len(lacking)} {noun}{reason} ({listed})"


def _hold_out_fold(
    splits: dict[str, Split], config: DataConfig, drawing: Drawing
) -> dict[str, Split]:
    """Make one part of train the test split."""
    if "train" not in splits:
        raise UserError(f"data.folds: there is no train split; the splits are {', '.join(splits)}")
    train = splits["train"]
    length = drawing.size(train)
    if length < config.folds:
        raise UserError(
            f"data.folds = {config.folds}: {train.origin} has {length} {drawing.unit}; use fewer folds"
        )
    labels = drawing.labels(train) if drawing.label else []
    order = _order(train, labels, config, drawing)
    begin, end = (length * part // config.folds for part in (config.fold - 1, config.fold))
    parts = {
        "train": _part(train, "train", [*order[:begin], *order[end:]], drawing),
        "test": _part(train, "test", order[begin:end], drawing),
    }
    classes = {
        "train": _classes(labels, [*order[:begin], *order[end:]]),
        "test": _classes(labels, order[begin:end]),
    }
    manner = "in order" if drawing.contiguous else _manner(config, drawing)
    note = (
        f"part {config.fold} of {config.folds} of train, {end - begin:,} of {length:,} {drawing.unit}, "
        f"{manner}{_lacking(classes, 'test', drawing)}"
    )
    tests = [name for name in splits if name.startswith("test")]
    if tests or "test" in config.hold_out:
        note += f"; {', '.join(tests) or 'data.hold_out.test'} of the data is not used"
    kept = {name: split for name, split in splits.items() if name not in tests}
    return {**kept, **parts, "test": replace(parts["test"], note=note)}


def _order(
    train: Split, labels: Sequence[str], config: DataConfig, drawing: Drawing
) -> Sequence[int]:
    """Return the rows in an order whose slices are the parts.

    A row is sorted by its quantile among the rows of its class, in random order, so every slice has each
    class in proportion; the only row of a class is in the middle.

    Args:
        train: the split.
        labels: class of each row; (): no classes.
        config: the recipe's `data` section.
        drawing: the way in which rows are held out.
    """
    if drawing.contiguous:
        return range(drawing.size(train))
    generator = random.Random(config.split_seed)
    groups: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels or [""] * drawing.size(train)):
        groups[label].append(row)
    quantiles, draws, shuffled = [], [], []
    for _, group in sorted(groups.items()):
        generator.shuffle(group)
        quantiles.append((np.arange(len(group)) + 0.5) / len(group))
        draws.append(np.array([generator.random() for _ in group]))
        shuffled.append(np.array(group))
    rows = np.concatenate(shuffled)
    order = np.lexsort((rows, np.concatenate(draws), np.concatenate(quantiles)))
    ordered: list[int] = rows[order].tolist()
    return ordered


def _part(train: Split, name: str, rows: Sequence[int], drawing: Drawing) -> Split:
    """Return some rows of train, in the order of the data."""
    if not drawing.characters:
        return replace(train, name=name, rows=select_rows(train.rows, rows))
    from datasets import Dataset

    text = train.rows[0]["text"]
    if isinstance(rows, range):
        cut = text[rows.start : rows.stop]
    else:
        cut = "".join(text[row] for row in rows)
    return replace(train, name=name, rows=Dataset.from_dict({"text": [cut]}))
