"""From data and the names of columns to a recipe: read, report, choose the task and its settings.

Each assumption is a line, and each setting has its reason; nothing is trained here.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpseq import recipe as recipes
from nlpseq.data.column_checks import Name
from nlpseq.data.column_choice import ColumnChoice, choose_columns
from nlpseq.data.columns import rename_columns
from nlpseq.data.in_memory import MEMORY, DataInMemory, read_in_memory
from nlpseq.data.missing_labels import LEARNT_FROM
from nlpseq.data.offset_units import likely_unit
from nlpseq.data.own_files import OwnFiles, check_paths, describe_files
from nlpseq.data.own_tokens import gather_tokens
from nlpseq.data.report import DataReport, build_report
from nlpseq.data.sources import read_splits
from nlpseq.data.split import Split
from nlpseq.errors import UserError, suggest
from nlpseq.recipe import DataConfig, Document, Recipe
from nlpseq.task import Setting, Task
from nlpseq.task_lookup import resolve

OPTIONS = {
    "text": "--text",
    "tokens": "--text",
    "text2": "--text2",
    "label": "--label",
    "labels": "--labels",
    "number": "--number",
    "tags": "--tags",
    "spans": "--spans",
    "source": "--source",
    "target": "--target",
}
"""The option that names the column of a field."""
READ_FIELDS = ("text", "text2", "tokens", "source")
"""Fields that a model reads; the others are predicted."""
HELD_OUT = 0.1
FEWEST_ROWS = 10


@dataclass(frozen=True)
class OwnData:
    """Data of the user with the columns to read.

    Attributes:
        files: how a recipe names them.
        splits: with the fields of the task as columns.
        choice: the columns.
        section: the recipe's `[data]` section.
        memory: the data themselves, if they are in memory.
        report: on the splits.
    """

    files: OwnFiles
    splits: Mapping[str, Split]
    choice: ColumnChoice
    section: Mapping[str, Any]
    report: DataReport
    memory: DataInMemory | None = None


@dataclass(frozen=True)
class Plan:
    """A recipe for data of the user.

    Attributes:
        task: name of the task.
        reason: why this one, where others read such data too.
        document: the recipe before validation, overrides applied.
        recipe: the same, validated.
        settings: keys chosen by the data, those that the user sets left out.
        base: recipe that they change; '' for the defaults.
    """

    task: str
    reason: str
    document: Document
    recipe: Recipe
    settings: Sequence[Setting] = field(default_factory=list)
    base: str = ""


def read_own_data(
    data: Any,
    columns: Mapping[str, Name],
    splits: Mapping[str, str | Path] | None = None,
    overrides: Sequence[str] = (),
    *,
    only_report: bool = False,
) -> OwnData:
    """Read data, choose their columns, and report on them.

    Args:
        data: a path, several of them, the id of a data set of the Hub, or data in memory.
        columns: column for a field, by the user.
        splits: further files.
        overrides: `section.key=value` assignments; those of `data` change how files are read.
        only_report: nothing is trained, so a number beside the texts may be reported instead of classes.

    Raises:
        UserError: no such file or column, or columns that the task cannot learn from.
    """
    given = _data_keys(overrides)
    files, memory = _describe(data, splits, given, named=bool(columns))
    section = {**files.section, **given}
    config = _data_config(section)
    given_rows = memory.read((), {}) if memory else _read_files(files, config, columns)
    tokens = gather_tokens(given_rows, columns, files.fields, str(given.get("sentence_id") or ""))
    raw, fields = tokens.splits, {**files.fields, **tokens.fields}
    _check_rows(raw)
    named = _by_task(columns, raw, fields)
    choice = choose_columns(raw, named, fields, OPTIONS, only_report=only_report)
    section |= {**tokens.section} | _columns_and_hold_out(choice, raw, given)
    renamed = rename_columns(
        raw,
        _data_config(section),
        tuple(choice.columns),
        target_field=next((name for name in choice.columns if name not in READ_FIELDS), ""),
        from_hub=files.folder is None and memory is None,
    )
    report = build_report(
        renamed,
        {name: name for name in choice.columns},
        (*files.lines, *tokens.lines, *choice.lines),
        held_out=sum(section.get("hold_out", {}).values()),
        separator=str(given.get("label_separator", "auto")),
    )
    return OwnData(files, renamed, choice, section, report, memory)


def _describe(
    data: Any,
    splits: Mapping[str, str | Path] | None,
    given: Mapping[str, Any],
    *,
    named: bool,
) -> tuple[OwnFiles, DataInMemory | None]:
    """Return how a recipe names the data, and the data themselves if they are in memory."""
    if not _is_path(data):
        if splits:
            raise UserError(
                f"{', '.join(splits)}: of data in memory give the splits in a dict, data={{'train': ..., 'test': ...}}"
            )
        return OwnFiles({"source": MEMORY}, None, name="data"), read_in_memory(data).placed("train")
    keys = ("format", "encoding", "delimiter", "header")
    paths = [data] if isinstance(data, str | Path) else list(data)
    check_paths(paths)
    used = {key: given[key] for key in keys if key in given}
    return describe_files(paths, splits, used, named=named), None


def _columns_and_hold_out(
    choice: ColumnChoice, raw: Mapping[str, Split], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the keys of `[data]` for the columns, and for the splits to cut from train."""
    names = {
        name: list(column) if isinstance(column, tuple) else column
        for name, column in choice.columns.items()
        if column != name
    }
    keys: dict[str, Any] = {}
    if names:
        keys["columns"] = {**names, **given.get("columns", {})}
    if "hold_out" not in given and (held_out := _held_out(raw)):
        keys["hold_out"] = held_out
    return keys


def _read_files(
    files: OwnFiles, config: DataConfig, columns: Mapping[str, Name]
) -> dict[str, Split]:
    """Read all columns; of files of tokens, whose columns have numbers, those that are read."""
    if config.format != "conll":
        return read_splits(config, files.folder)
    wanted = {
        **files.fields,
        **{("tokens" if name == "text" else name): columns[name] for name in columns},
    }
    config = config.model_copy(update={"columns": {**wanted, **config.columns}})
    return read_splits(config, files.folder, tuple(wanted))


def make_plan(data: OwnData, overrides: Sequence[str] = (), *, task: str = "") -> Plan:
    """Choose the task and the settings of a recipe.

    Args:
        data: with their report.
        overrides: assignments, which come last.
        task: its name, if the user chooses it.

    Raises:
        UserError: no task reads such columns, or an override is refused.
    """
    name, reason = _task_for(data, task)
    task_class = resolve(name)
    base = task_class.base_recipe if task_class.base_recipe in recipes.names() else ""
    own = {override.partition("=")[0].strip() for override in overrides}
    chosen = [*_missing_labels(data), *_span_offsets(data), *task_class.settings(data.report)]
    splits = _splits(data, overrides)
    settings = [one for one in chosen if one.key not in own and one.needs in ("", *splits)]
    document: Document = {"task": name, "data": dict(data.section)}
    for setting in settings:
        section, _, key = setting.key.rpartition(".")
        document.setdefault(section, {})[key] = setting.value
    if base:
        start = {key: value for key, value in recipes.read_document(base).items() if key != "data"}
        document = recipes.merge(start, document)
    document = recipes.override(document, overrides)
    validated = recipes.validate(task_class.Config, document, f"the recipe for {data.files.name}")
    return Plan(name, reason, document, validated, settings, base)


def _splits(data: OwnData, overrides: Sequence[str]) -> set[str]:
    """Return the splits that there are, or that are held out of train."""
    keys = [override for override in overrides if override.startswith("data.hold_out")]
    section = recipes.override({"data": dict(data.section)}, keys)["data"]
    held_out = section.get("hold_out")
    shares = held_out if isinstance(held_out, Mapping) else {}
    return {*data.report.splits, *(name for name, share in shares.items() if share)}


def _missing_labels(data: OwnData) -> list[Setting]:
    """Leave out rows without a label where fewer than half lack one; an empty list of labels is none that lacks."""
    if "labels" in data.choice.fields:
        return []
    missing = rows = 0
    for name in LEARNT_FROM:
        split = data.report.to_json()["splits"].get(name, {})
        parts = [split[kind]["missing"] for kind in ("labels", "tags", "number") if split.get(kind)]
        missing += sum(parts)
        rows += split.get("rows", 0)
    if not 0 < 2 * missing < rows:
        return []
    reason = f"{missing:,} of {rows:,} rows have no label: they are left out and counted"
    return [Setting("data.missing_labels", "skip", reason)]


def _span_offsets(data: OwnData) -> list[Setting]:
    """Set the unit of offsets of spans where it is another than characters."""
    if "spans" not in data.choice.fields or (other := likely_unit(data.splits["train"])) is None:
        return []
    return [Setting("data.offsets", other.unit, str(other))]


def _task_for(data: OwnData, wanted: str) -> tuple[str, str]:
    """Return the task for the columns, and why it is this one if several read them."""
    tables = importlib.import_module("nlpseq.tasks")
    fields = data.choice.fields
    names: tuple[str, ...] = next(
        (names for known, names in tables.BY_FIELDS.items() if set(known) == set(fields)), ()
    )
    names = tuple(name for name in names if name in tables.TASKS)
    if wanted and names and wanted not in names:
        raise UserError(
            f"--task {wanted}: the columns {', '.join(sorted(fields))} are those of {' or '.join(names)}"
            f"{suggest(wanted, names)}".removesuffix(".")
        )
    if not names:
        options = ", ".join(OPTIONS[name] for name in fields)
        known = "; ".join(
            " ".join(OPTIONS[name] for name in group)
            for group, tasks in tables.BY_FIELDS.items()
            if set(tasks) & set(tables.TASKS)
        )
        raise UserError(f"{options}: no task learns from these together; give one of: {known}")
    if wanted or len(names) == 1:
        return wanted or names[0], ""
    for name in names[:-1]:
        task: type[Task[Any]] = resolve(name)
        if reason := task.suits(data.report):
            return name, f"{reason}; --task {names[-1]} if they are not"
    return names[-1], f"--task {names[0]} if that is what the targets are"


def check_fields(columns: Mapping[str, Name]) -> Mapping[str, Name]:
    """Return columns by field, if all fields are known.

    Raises:
        UserError: there is no such field.
    """
    for name in columns:
        if name not in OPTIONS:
            raise UserError(
                f"{name}=...: there is no such field{suggest(name, OPTIONS)} Known: {', '.join(OPTIONS)}"
            )
    return columns


def _is_path(data: Any) -> bool:
    if isinstance(data, str | Path):
        return True
    return (
        isinstance(data, list | tuple)
        and bool(data)
        and all(isinstance(d, str | Path) for d in data)
    )


def _data_keys(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the keys of `[data]` that overrides set."""
    section = recipes.override({}, overrides).get("data", {})
    return dict(section) if isinstance(section, dict) else {}


def _data_config(section: Mapping[str, Any]) -> DataConfig:
    """Return the section with the keys that all tasks have."""
    known = {key: value for key, value in section.items() if key in DataConfig.model_fields}
    document = {"task": "any", "data": known}
    return recipes.validate(Recipe, document, "the data").data


def _by_task(
    columns: Mapping[str, Name], raw: Mapping[str, Split], guessed: Mapping[str, str]
) -> dict[str, Name]:
    """Call the texts of tagged data `tokens`, as they are cut already."""
    given: dict[str, Name] = dict(columns)
    if "tags" in given and "text" in given:
        given["tokens"] = given.pop("text")
    train = raw.get("train") or next(iter(raw.values()))
    if "tags" in given and "tokens" not in given:
        names = ("tokens", guessed.get("tokens", ""), "words", "form")
        name = next((name for name in names if name in train.rows.column_names), "")
        given |= {"tokens": name} if name else {}
    return given


def _check_rows(splits: Mapping[str, Split]) -> None:
    """Refuse data without a train split, or with too few rows to cut other splits from.

    Raises:
        UserError: there is nothing to learn from.
    """
    if "train" not in splits:
        raise UserError(f"the data have no train split, only {', '.join(splits) or 'nothing'}")
    train = splits["train"]
    if not len(train):
        raise UserError(f"{train.origin}: no row")
    single_text = len(train) == 1 and len(str(train.rows[0])) > 1000
    if len(train) < FEWEST_ROWS and not single_text and _held_out(splits):
        raise UserError(
            f"{train.origin}: {len(train)} rows are too few to learn from and to score on; give {FEWEST_ROWS} "
            "or more, or files for --validation and --test"
        )


def _held_out(splits: Mapping[str, Split]) -> dict[str, float]:
    """Return the share of each split that is to be cut from train."""
    if "validation" in splits:
        return {}
    tests = any(name.startswith("test") for name in splits)
    return {"validation": HELD_OUT} | ({} if tests else {"test": HELD_OUT})
