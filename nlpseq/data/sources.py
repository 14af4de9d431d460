"""Load the splits of a data set from local files, from the Hub or from the built-in corpus.

Local files are used if a folder is given, so one recipe works with and without a network. Local texts
are held in memory; data sets of the Hub stay memory-mapped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.data.hub_access import hub_if_reachable
from nlpseq.data.sentiment_phrases import add_phrases
from nlpseq.data.split import Split, missing_column_error
from nlpseq.errors import UserError, suggest
from nlpseq.readers import read_files
from nlpseq.recipe import DataConfig

if TYPE_CHECKING:
    from datasets import Dataset

BUILTIN = "builtin"
CORPUS_SEED = 0  # the built-in corpus does not depend on the seed of a run


def load_splits(
    config: DataConfig,
    *,
    data_dir: Path | None,
    fields: Sequence[str],
    further_fields: Sequence[str] = (),
) -> dict[str, Split]:
    """Load every split that a recipe names; the examples do not depend on the seed.

    A field comes from the column that `config.columns` gives for it if the source has that column, or
    else from the column of the field's own name. So one recipe can load the Hub's form and the local
    form of a data set.

    Args:
        config: the recipe's `data` section.
        data_dir: folder of the local files; None: use the Hub or the built-in corpus.
        fields: columns that the task needs.
        further_fields: columns that the task uses if a split has them.

    Returns:
        The splits by name.

    Raises:
        UserError: a file, column or split is missing or faulty, or the Hub cannot be reached.
    """
    if data_dir is not None:
        splits = _load_local(config, data_dir)
    elif config.source == BUILTIN:
        splits = _draw_builtin(config)
    else:
        splits = _load_hub(config)
    by_characters = data_dir is not None and config.format == "text"
    splits = _hold_out(splits, config.hold_out, by_characters)
    for name, split in splits.items():
        present = [
            field
            for field in further_fields
            if config.columns.get(field, field) in split.rows.column_names
        ]
        splits[name] = _rename_columns(split, config, [*fields, *present])
    # There is no train split when a trained model is scored on other files.
    return add_phrases(splits) if config.phrases and "train" in splits else splits


def _load_local(config: DataConfig, data_dir: Path) -> dict[str, Split]:
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


def _draw_builtin(config: DataConfig) -> dict[str, Split]:
    from datasets import Dataset

    from nlpseq.data.synthetic import formal_languages, toy_corpus

    formal = config.view in formal_languages.VIEWS
    if config.distances and not formal:
        raise UserError(
            f"data.distances: only data.view = {', '.join(formal_languages.VIEWS)} have distances"
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
        formal_languages.draw_splits(config.view, sizes, config.distances, CORPUS_SEED)
        if formal
        else toy_corpus.draw_splits(config.view, sizes, CORPUS_SEED)
    )
    origin = f"built-in corpus, {config.view}"
    return {name: Split(name, Dataset.from_list(rows), origin) for name, rows in drawn.items()}


def _load_hub(config: DataConfig) -> dict[str, Split]:
    import datasets

    origin = "/".join(part for part in (config.source, config.name) if part)
    reachable = False
    try:
        with hub_if_reachable() as reachable:
            splits = datasets.load_dataset(config.source, config.name, revision=config.revision)
    except Exception as error:  # many libraries raise here, without a common base class
        reason = " ".join(str(error).split())[:200] if reachable else "it cannot be reached"
        raise UserError(
            f"data.source={config.source!r} could not be loaded from the Hub ({reason}); "
            f"{_local_advice(config)}"
        ) from error
    return {str(name): Split(str(name), rows, origin) for name, rows in splits.items()}


def _local_advice(config: DataConfig) -> str:
    """Return the end of an error line: how to load local files instead."""
    if not config.files:
        return "to read local files instead, set data.files and data.format and give --data-dir DIR"
    files = ", ".join(config.files.values())
    return (
        f"to read local files instead, give --data-dir DIR, a folder with {files} ({config.format})"
    )


def _hold_out(
    splits: dict[str, Split], shares: dict[str, float], by_characters: bool
) -> dict[str, Split]:
    """Cut further splits from the end of train, in the order given; the last one is the very end."""
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
    length = len(train.rows[0]["text"]) if by_characters else len(train)
    names = ["train", *shares]
    held_out = [sum(exact[index:]) for index in range(len(exact))]
    cuts = [0, *[int(length * (1 - share)) for share in held_out], length]
    parts = {}
    for name, (begin, end) in zip(names, pairwise(cuts), strict=True):
        if begin == end:
            unit = "characters" if by_characters else "examples"
            raise UserError(
                f"data.hold_out: {length} {unit} in {train.origin} leave none for {name}"
            )
        parts[name] = replace(train, name=name, rows=_slice(train.rows, begin, end, by_characters))
    return {**splits, **parts}


def _slice(rows: "Dataset", begin: int, end: int, by_characters: bool) -> "Dataset":
    if not by_characters:
        return rows.select(range(begin, end))
    from datasets import Dataset

    return Dataset.from_dict({"text": [rows[0]["text"][begin:end]]})


def _rename_columns(split: Split, config: DataConfig, fields: Sequence[str]) -> Split:
    """Rename columns to the fields of the task, as `config.columns` says."""
    rows = split.rows
    for field in fields:
        column = config.columns.get(field, field)
        if column not in rows.column_names and "." in column:
            rows = rows.flatten()  # nested columns of the Hub: translation.en
        if column not in rows.column_names:
            if field not in rows.column_names:
                raise missing_column_error(column, split)
            continue
        if column != field and field in rows.column_names:
            rows = rows.remove_columns(field)
        if column != field:
            rows = rows.rename_column(column, field)
    return replace(split, rows=rows)
