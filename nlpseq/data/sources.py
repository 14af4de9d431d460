"""Load the splits of a data set from local files, from the Hub or from the built-in corpus.

Local files are used if a folder is given, so one recipe works with and without a network. Local texts
are held in memory; data sets of the Hub stay memory-mapped.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.data.columns import (
    SEVERAL_LABELS,
    columns_of_split,
    named_fields,
    rename_columns,
)
from nlpseq.data.field_sets import FieldSet, choose_fields
from nlpseq.data.hold_out import Drawing, hold_out
from nlpseq.data.hub_source import fetch_files, load_hub, names_files
from nlpseq.data.in_memory import MEMORY, DataInMemory
from nlpseq.data.label_lists import settle_label_lists
from nlpseq.data.missing_labels import settle_labels, settle_targets
from nlpseq.data.number_column import NUMBER, settle_numbers
from nlpseq.data.sentiment_phrases import add_phrases
from nlpseq.data.split import Split
from nlpseq.data.tag_texts import settle_tag_texts
from nlpseq.data.token_rows import gather_sentences
from nlpseq.errors import UserError, suggest
from nlpseq.readers import AUTO, READERS, ReadOptions, read_files
from nlpseq.readers.span_forms import SPAN_COLUMNS
from nlpseq.recipe import DataConfig

if TYPE_CHECKING:
    from datasets import Dataset

BUILTIN = "builtin"
TAGS = "tags"
CORPUS_SEED = 0  # the built-in corpus does not depend on the seed of a run


def load_splits(
    config: DataConfig,
    *,
    data_dir: Path | None,
    fields: Sequence[str],
    further_fields: Sequence[str] = (),
    label_field: str = "",
    target_field: str = "",
    learnt: Collection[str] = (),
    contiguous: bool = False,
    given: DataInMemory | None = None,
    alternatives: Sequence[FieldSet] = (),
) -> dict[str, Split]:
    """Return every split that a recipe names, by its name; the examples do not depend on the seed.

    A field comes from the column that `config.columns` gives for it, or else from the column of its own name.
    The columns are settled first, then rows without a label, then what is held out of train.

    Args:
        config: the recipe's `data` section.
        data_dir: folder of the local files; None: use the Hub or the built-in corpus.
        fields: columns that the task needs.
        further_fields: columns that the task uses if a split has them.
        label_field: column of labels, `label`, or of lists of tags, `tags`; '': the task has no labels.
        target_field: column of what is predicted, `label_field` if empty; a split that is only scored may lack it.
        learnt: labels of a trained model.
        contiguous: what is held out of train is cut from its end, unless `config.hold_out_by` is set.
        given: data in memory, instead of those that the recipe names.
        alternatives: other sets of fields, one of which is read instead of `fields` where the data have it; the
            last field of each is what is predicted.

    Raises:
        UserError: a file, column, label or split is missing or faulty, or the Hub cannot be reached.
    """
    read = _read_fields(fields, further_fields, alternatives)
    if given is None:
        splits = read_splits(config, data_dir, read)
    else:
        splits, config = _read_given(given, config, read)
    from_hub = data_dir is None and given is None and config.source != BUILTIN
    target = target_field or label_field
    if alternatives:
        config, fields = _choose(splits, config, [tuple(fields), *alternatives], from_hub)
        target = label_field = fields[-1]
    splits = rename_columns(
        splits, config, fields, further_fields, target_field=target, from_hub=from_hub
    )
    splits = _settle(splits, config, label_field, target, learnt)
    splits = _hold_out(splits, config, data_dir, label_field, contiguous, from_hub)
    return add_phrases(splits) if config.phrases and "train" in splits else splits


def _hold_out(
    splits: dict[str, Split],
    config: DataConfig,
    data_dir: Path | None,
    label_field: str,
    contiguous: bool,
    from_hub: bool,
) -> dict[str, Split]:
    """Hold rows out of train; lines of plain text are counted by their characters."""
    from_files = data_dir is not None or (from_hub and names_files(config))
    characters = from_files and _format_of(config, "train") == "text"
    return hold_out(splits, config, _drawing(config, label_field, contiguous, characters))


def _read_fields(
    fields: Sequence[str], further_fields: Sequence[str], alternatives: Sequence[FieldSet]
) -> list[str]:
    """Return all columns that may be read."""
    other = [*SPAN_COLUMNS, *chain.from_iterable(alternatives)] if alternatives else []
    return [*fields, *further_fields, *(name for name in other if name not in fields)]


def _choose(
    splits: dict[str, Split], config: DataConfig, sets: Sequence[FieldSet], from_hub: bool
) -> tuple[DataConfig, FieldSet]:
    """Return the set of fields that the data have, and a section with their columns."""
    known = {**config.columns, **(config.hub_columns if from_hub else {})}
    chosen = choose_fields(splits, known, sets)
    columns = {**chosen.columns, **config.columns}
    return config.model_copy(update={"columns": columns}), chosen.fields


def _drawing(config: DataConfig, label_field: str, contiguous: bool, characters: bool) -> Drawing:
    """Return the way in which rows are held out."""
    by_order = contiguous if config.hold_out_by == "auto" else config.hold_out_by == "end"
    classes = label_field if label_field == "label" else ""
    return Drawing(by_order or characters, characters, classes, _named_labels(config))


def _settle(
    splits: dict[str, Split],
    config: DataConfig,
    label_field: str,
    target: str,
    learnt: Collection[str],
) -> dict[str, Split]:
    """Settle rows without a label, and splits without a target."""
    if label_field == NUMBER:
        return settle_numbers(splits, label_field, skip=config.missing_labels == "skip")
    if label_field == SEVERAL_LABELS:
        separator = getattr(config, "label_separator", AUTO)
        skip = config.missing_labels == "skip"
        return settle_label_lists(splits, label_field, separator=separator, skip=skip)
    if label_field == TAGS:
        splits = settle_tag_texts(splits)
    if label_field:
        skip, known = config.missing_labels == "skip", _named_labels(config)
        return settle_labels(splits, label_field, skip=skip, known=known, learnt=learnt)
    if config.missing_labels != "error":
        raise UserError("data.missing_labels: this task has no labels; leave it out")
    return settle_targets(splits, target) if target else splits


def _named_labels(config: DataConfig) -> Collection[str]:
    """Return the labels that a recipe names; they are labels whatever their spelling."""
    labels: Collection[str] = getattr(config, "labels", {})
    return labels


def read_splits(
    config: DataConfig, data_dir: Path | None, fields: Sequence[str] = ()
) -> dict[str, Split]:
    """Read every split as the data have it: columns keep their names, and nothing is held out.

    Rows of single tokens become sentences, if the recipe says which column numbers them.

    Args:
        config: the recipe's `data` section.
        data_dir: folder of the local files; None: use the Hub or the built-in corpus.
        fields: fields of the task, so that readers know which columns it reads; (): unknown.

    Raises:
        UserError: a file is missing or faulty, or the Hub cannot be reached.
    """
    return gather_sentences(_read_origin(config, data_dir, fields), _sentence_id(config))


def _sentence_id(config: DataConfig) -> str:
    """Return the column that numbers the sentences of a table of tokens; '' if a row is an example."""
    return str(getattr(config, "sentence_id", None) or "")


def _read_origin(
    config: DataConfig, data_dir: Path | None, fields: Sequence[str]
) -> dict[str, Split]:
    if data_dir is not None:
        return _load_local(config, data_dir, fields)
    if config.source == BUILTIN:
        return _draw_builtin(config)
    if config.source == MEMORY:
        raise UserError(
            'data.source = "memory": the recipe was trained on data in memory; give them again in Python, '
            "with data=..., or give files with --data-dir DIR"
        )
    if names_files(config):
        folder, config = fetch_files(config)
        return _load_local(config, folder, fields)
    return load_hub(config, _local_advice(config))


def _read_given(
    given: DataInMemory, config: DataConfig, fields: Sequence[str]
) -> tuple[dict[str, Split], DataConfig]:
    """Return splits in memory, and a section that holds nothing out if there is no train split."""
    splits = gather_sentences(given.read(fields, config.columns), _sentence_id(config))
    if "train" not in splits:
        config = config.model_copy(update={"hold_out": {}, "folds": 0, "fold": 0})
    return splits, config


def _format_of(config: DataConfig, split: str) -> str:
    return config.formats.get(split, config.format)


def _load_local(config: DataConfig, data_dir: Path, fields: Sequence[str] = ()) -> dict[str, Split]:
    if not config.files:
        raise UserError(
            f"--data-dir {data_dir}: the recipe names no local files; "
            'set them, for instance data.files={train="train.txt", test="test.txt"}'
        )
    for name in config.formats:
        if name not in config.files:
            raise UserError(
                f"data.formats.{name}: data.files names {', '.join(config.files)}"
                f"{suggest(name, config.files)}".removesuffix(".")
            )
    _check_options(config)
    splits = {}
    own = (_sentence_id(config),) if _sentence_id(config) else ()
    for name, file in config.files.items():
        named = named_fields(config.columns, name, fields)
        options = ReadOptions(
            config.encoding,
            config.delimiter,
            config.header,
            (*columns_of_split(config.columns, name, fields), *own) if fields else (),
            (*columns_of_split(config.columns, name, named), *own),
        )
        content = read_files(data_dir, file, _format_of(config, name), options)
        splits[name] = Split(
            name, _dataset(content.table), content.origin, content.note, content.files
        )
    return splits


def _dataset(table: Any) -> "Dataset":
    """Return a table as a data set; a fingerprint of its content, for caches, would copy all of it."""
    from datasets import Dataset
    from datasets.fingerprint import generate_random_fingerprint

    return Dataset(table, fingerprint=generate_random_fingerprint())


def _check_options(config: DataConfig) -> None:
    """Check that an option for readers is one that the reader of some split follows."""
    formats = list(dict.fromkeys(_format_of(config, name) for name in config.files))
    for key in ("encoding", "delimiter", "header"):
        value = getattr(config, key)
        if value != AUTO and not any(key in READERS[name].options for name in formats):
            raise UserError(
                f"data.{key} = {value!r}: data.format={', '.join(formats)} has no such option; leave it out"
            )


def _draw_builtin(config: DataConfig) -> dict[str, Split]:
    from datasets import Dataset

    from nlpseq.data.synthetic import formal_languages, toy_corpus

    if config.files:
        raise UserError(
            f"data.files names local files ({', '.join(config.files.values())}): give their folder with "
            "--data-dir DIR; for the built-in corpus instead, set data.files={}"
        )
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


def _local_advice(config: DataConfig) -> str:
    """Return the end of an error line: how to load local files instead."""
    if not config.files:
        return "to read local files instead, set data.files and data.format and give --data-dir DIR"
    files = ", ".join(config.files.values())
    return (
        f"to read local files instead, give --data-dir DIR, a folder with {files} ({config.format})"
    )
