"""Where examples come from: local files, the Hub, or the built-in corpus; always `Split`s.

Local files win when a folder is given, so that one recipe serves with and without a network. Small
local texts live in memory; what the Hub gives stays memory-mapped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.data.hub_access import hub_if_reachable
from nlpseq.data.sentiment_phrases import with_phrases
from nlpseq.data.split import Split, missing_column
from nlpseq.errors import UserError, suggest
from nlpseq.readers import read_files
from nlpseq.recipe import DataConfig

if TYPE_CHECKING:
    from datasets import Dataset

BUILTIN = "builtin"
CORPUS_SEED = 0  # the built-in corpus is one corpus, whatever the seed of a run


def load_splits(
    config: DataConfig,
    *,
    data_dir: Path | None,
    fields: Sequence[str],
    further_fields: Sequence[str] = (),
) -> dict[str, Split]:
    """Read every split that a recipe names; no seed has a say in which examples there are.

    A field is taken from the column that `config.columns` gives for it, if the source has that one,
    else from the column of its own name: the same recipe may thus read the Hub's and the local form
    of a set.

    Args:
        config: the recipe's `data` section.
        data_dir: folder of the local files; None: the Hub or the built-in corpus.
        fields: the columns that the task reads.
        further_fields: those that it reads too where a split has them.

    Raises:
        UserError: a file, column or split is missing or bad, or the Hub cannot be reached.
    """
    if data_dir is not None:
        splits = _local(config, data_dir)
    elif config.source == BUILTIN:
        splits = _builtin(config)
    else:
        splits = _hub(config)
    by_characters = data_dir is not None and config.format == "text"
    splits = _hold_out(splits, config.hold_out, by_characters)
    for name, split in splits.items():
        given = (config.columns.get(field, field) for field in further_fields)
        present = [
            f for f, c in zip(further_fields, given, strict=True) if c in split.rows.column_names
        ]
        splits[name] = _with_fields(split, config, [*fields, *present])
    # Without train (a trained model is scored on other files) there is nothing to add phrases to.
    return with_phrases(splits) if config.phrases and "train" in splits else splits


def _local(config: DataConfig, data_dir: Path) -> dict[str, Split]:
    from datasets import Dataset

    if not config.files:
        raise UserError(
            f"--data-dir {data_dir}: the recipe names no local files; "
            'set them, for instance data.files={train="train.txt", test="test.txt"}'
        )
    splits = {}
    for name, file in config.files.items():
        content = read_files(data_dir, file, config.formats.get(name, config.format))
        splits[name] = Split(name, Dataset(content.table), content.origin, content.note)
    return splits


def _builtin(config: DataConfig) -> dict[str, Split]:
    from datasets import Dataset

    from nlpseq.data.synthetic import formal_languages, toy_corpus

    formal = config.view in formal_languages.VIEWS
    if config.distances and not formal:
        raise UserError(
            f"data.distances: only data.view = {', '.join(formal_languages.VIEWS)} have them"
        )
    known = formal_languages.DEFAULT_SIZES if formal else toy_corpus.DEFAULT_SIZES
    for name in config.sizes:
        if name not in known:
            raise UserError(
                f"data.sizes.{name}: the built-in corpus has {', '.join(known)}"
                f"{suggest(name, known)}".removesuffix(".")
            )
    sizes = {**known, **config.sizes}
    drawn: Mapping[str, list[dict[str, Any]]] = (
        formal_languages.splits(config.view, sizes, config.distances, CORPUS_SEED)
        if formal
        else toy_corpus.splits(config.view, sizes, CORPUS_SEED)
    )
    origin = f"built-in corpus, {config.view}"
    return {name: Split(name, Dataset.from_list(rows), origin) for name, rows in drawn.items()}


def _hub(config: DataConfig) -> dict[str, Split]:
    import datasets

    origin = "/".join(part for part in (config.source, config.name) if part)
    reachable = False
    try:
        with hub_if_reachable() as reachable:
            found = datasets.load_dataset(config.source, config.name, revision=config.revision)
    except Exception as error:  # of many libraries, with no common base
        reason = " ".join(str(error).split())[:200] if reachable else "it cannot be reached"
        raise UserError(
            f"data.source={config.source!r} could not be had from the Hub ({reason}); "
            f"{_local_advice(config)}"
        ) from error
    return {str(name): Split(str(name), rows, origin) for name, rows in found.items()}


def _local_advice(config: DataConfig) -> str:
    if not config.files:
        return "to read local files instead, set data.files and data.format and give --data-dir DIR"
    files = ", ".join(config.files.values())
    return (
        f"to read local files instead, give --data-dir DIR, a folder with {files} ({config.format})"
    )


def _hold_out(
    splits: dict[str, Split], shares: dict[str, float], by_characters: bool
) -> dict[str, Split]:
    """Cut the end of train into further splits, in the order given; the last is the very end."""
    if not shares:
        return splits
    known = [name for name in shares if name in splits]
    if known or "train" not in splits:
        problem = f"split {known[0]} is there already" if known else "there is no train split"
        raise UserError(f"data.hold_out: {problem}; the splits are {', '.join(splits)}")
    exact = [Fraction(str(share)) for share in shares.values()]  # 1 - 0.9 is 0.1, not a bit less
    if sum(exact) >= 1:
        raise UserError(
            f"data.hold_out: the shares add up to {float(sum(exact)):g}, train keeps nothing"
        )
    train = splits["train"]
    length = len(train.rows[0]["text"]) if by_characters else len(train)
    names = ["train", *shares]
    left = [sum(exact[place:]) for place in range(len(exact))]
    cuts = [0, *[int(length * (1 - share)) for share in left], length]
    parts = {}
    for name, (begin, end) in zip(names, pairwise(cuts), strict=True):
        if begin == end:
            raise UserError(
                f"data.hold_out: nothing is left for {name} of {length} in {train.origin}"
            )
        parts[name] = replace(train, name=name, rows=_part(train.rows, begin, end, by_characters))
    return {**splits, **parts}


def _part(rows: "Dataset", begin: int, end: int, by_characters: bool) -> "Dataset":
    if not by_characters:
        return rows.select(range(begin, end))
    from datasets import Dataset

    return Dataset.from_dict({"text": [rows[0]["text"][begin:end]]})


def _with_fields(split: Split, config: DataConfig, fields: Sequence[str]) -> Split:
    rows = split.rows
    for field in fields:
        column = config.columns.get(field, field)
        if column not in rows.column_names and "." in column:
            rows = rows.flatten()  # the Hub nests some columns: translation.en
        if column not in rows.column_names:
            if field not in rows.column_names:
                raise missing_column(column, split)
            continue
        if column != field and field in rows.column_names:
            rows = rows.remove_columns(field)
        if column != field:
            rows = rows.rename_column(column, field)
    return replace(split, rows=rows)
