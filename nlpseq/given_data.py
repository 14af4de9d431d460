"""The argument `data=` of `nlpseq.run` and others: data in memory, a path, the id of a data set, or keys of `[data]`.

`data` has been a section of the recipe since version 0.1: `nlpseq.run(recipe, data={"files": ...})`. A dict is that
section if its keys are keys of `[data]`; a dict of columns or splits is data. A dict that could be both is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpseq.data.hub_source import SCHEME, parse_hub_source
from nlpseq.data.in_memory import (
    MEMORY,
    DataInMemory,
    LocalData,
    is_in_memory,
    read_in_memory,
)
from nlpseq.data.own_files import describe_files
from nlpseq.data.sources import read_splits
from nlpseq.data.table import is_table
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig, read_document, to_assignment, to_assignments
from nlpseq.recipe import names as recipe_names
from nlpseq.task_lookup import resolve

_OF_SPLITS = ("hold_out", "hold_out_by", "split_seed", "folds", "fold", "missing_labels")
"""Keys that a recipe of nlpseq keeps when its data are replaced."""
_OF_SOURCE = (
    "source",
    "name",
    "revision",
    "folder",
    "format",
    "formats",
    "files",
    "encoding",
    "delimiter",
    "header",
    "hub_columns",
    "view",
    "sizes",
    "distances",
)
"""Keys that a recipe of the user loses when its data are replaced."""


_SETTINGS = (Mapping, bool, int, float)
"""Types of values of `[data]` that are no data."""


@dataclass(frozen=True)
class GivenData:
    """Data that the user gives, as a run takes them.

    Attributes:
        local_data: folder of local files, or data in memory; None: those that the recipe names.
        assignments: changes to the recipe.
        lines: what was assumed about files.
    """

    local_data: LocalData | None = None
    assignments: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def beside(self, folder: Path | None) -> LocalData | None:
        """Return the local data, or the folder of `data_dir=`.

        Raises:
            UserError: both are given.
        """
        if self.local_data is not None and folder is not None:
            raise UserError(f"data, data_dir={str(folder)!r}: give one of them")
        return folder if self.local_data is None else self.local_data


def training_data(
    data: Any,
    columns: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    recipe: str,
) -> GivenData:
    """Return data to train on, and what they change in the recipe.

    `[data]` of the recipe is replaced: a recipe of nlpseq keeps the keys about splits, a recipe of the user all keys
    except those that say where its own data are.

    Args:
        data: data in memory, a path, the id of a data set of the Hub, keys of `[data]`, or None.
        columns: `data.columns`: column of the data for each field of the task.
        options: further keys of `[data]`, such as `hold_out`.
        recipe: its name or path.

    Raises:
        UserError: there are no such data, or they are of a type that cannot be read.
    """
    changes = {**(options or {}), **({} if columns is None else {"columns": columns})}
    if data is None or is_section(data, _keys_of_section(recipe)):
        if twice := [key for key in data or {} if key in changes]:
            raise UserError(f"data.{twice[0]}: is given twice, by data= and beside it")
        return GivenData(None, tuple(to_assignments({"data": {**(data or {}), **changes}})))
    if is_in_memory(data) and not _are_paths(data):
        section: dict[str, Any] = {"source": MEMORY}
        return GivenData(read_in_memory(data), (_replaced(recipe, section | changes),))
    if isinstance(data, str) and (same := _own_source(data, recipe)):
        return GivenData(None, (same, *to_assignments({"data": changes})))
    section, folder, lines = _described(data)
    return GivenData(folder, (_replaced(recipe, section | changes),), lines)


def scoring_data(
    data: Any,
    columns: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> GivenData:
    """Return data for a trained model: what a path or the id of a data set names is read into memory.

    Args:
        data: as of `training_data`.
        columns: `data.columns`.
        options: further keys of `[data]`.

    Raises:
        UserError: there are no such data, or they are of a type that cannot be read.
    """
    changes = {**(options or {}), **({} if columns is None else {"columns": columns})}
    if data is None or is_section(data, _keys_of_section()):
        return GivenData(None, tuple(to_assignments({"data": {**(data or {}), **changes}})))
    assignments = tuple(to_assignments({"data": changes}))
    if is_in_memory(data) and not _are_paths(data):
        return GivenData(read_in_memory(data), assignments)
    section, folder, lines = _described(data)
    read = {key: section.pop(key) for key in ("columns",) if key in section and columns is None}
    splits = read_splits(DataConfig.model_validate(section), folder)
    given = DataInMemory(str(data), splits, {}, single=set(splits) == {"train"})
    return GivenData(given, (*assignments, *to_assignments({"data": read})), lines)


def data_for(
    names: Sequence[str],
    data: Any,
    columns: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> GivenData:
    """Return data to train on if one of the names is a recipe, else data for trained models.

    Raises:
        UserError: as of `training_data`.
    """
    for name in names:
        if name.endswith(".toml") or (name in recipe_names() and not Path(name).is_dir()):
            return training_data(data, columns, options, recipe=name)
    return scoring_data(data, columns, options)


def is_section(data: object, keys: Collection[str]) -> bool:
    """Return whether a dict is the section `[data]` of a recipe, and not data.

    Args:
        data: the argument.
        keys: of the section.

    Raises:
        UserError: some of its keys are keys of `[data]`, and it could be either.
    """
    if not isinstance(data, Mapping) or is_dataset_dict(data):
        return False
    known = [key for key in data if key in keys]
    if len(known) == len(data):
        return True
    if is_table(data):  # columns, one of which may be called `name` or `source`
        return False
    if not known:
        return not any(map(_may_be_split, data.values()))
    other = next(key for key in data if key not in keys)
    raise UserError(
        f"data={{{known[0]!r}: ..., {other!r}: ...}}: {known[0]!r} is a key of the recipe's section [data], "
        f"{other!r} is none; give a section (keys: {', '.join(sorted(keys))}), or else columns or splits alone"
    )


def _may_be_split(value: object) -> bool:
    """Return whether a value under a name that is no key of `[data]` is more likely a split than a setting."""
    return is_table(value) or not isinstance(value, _SETTINGS)


def is_dataset_dict(data: object) -> bool:
    """Return whether a dict is of a class of `datasets`."""
    return type(data).__module__.partition(".")[0] == "datasets"


def _keys_of_section(recipe: str = "") -> set[str]:
    """Return the keys of `[data]` that the recipe's task has; without a recipe, those that every task has."""
    task = read_document(recipe).get("task") if recipe else None
    fields = resolve(str(task)).Config.model_fields if task else {}
    section: Any = fields["data"].annotation if "data" in fields else DataConfig
    return set(section.model_fields)


def _are_paths(data: object) -> bool:
    """Return whether a dict gives a path for each split."""
    return (
        isinstance(data, Mapping)
        and bool(data)
        and all(isinstance(value, str | Path) for value in data.values())
    )


def _described(data: Any) -> tuple[dict[str, Any], Path | None, tuple[str, ...]]:
    """Return the section that reads files or a data set of the Hub, the folder of the files, and remarks."""
    if isinstance(data, Mapping):
        paths = {name: Path(path).expanduser() for name, path in data.items()}
        first = "train" if "train" in paths else next(iter(paths))
        others = {name: path for name, path in paths.items() if name != first}
        _check_exists(paths[first])
        own = describe_files([paths[first]], others)
        if first != "train":
            section = _with_first_named(dict(own.section), first)
            return section, own.folder, own.lines
        return dict(own.section) | _columns(own.fields), own.folder, own.lines
    path = Path(data).expanduser()
    if isinstance(data, str) and not path.exists():
        return _hub_section(data), None, ()
    _check_exists(path)
    own = describe_files([path])
    return dict(own.section) | _columns(own.fields), own.folder, own.lines


def _columns(fields: Mapping[str, str]) -> dict[str, Any]:
    return {"columns": dict(fields)} if fields else {}


def _with_first_named(section: dict[str, Any], name: str) -> dict[str, Any]:
    """Call the split that was described as train by its own name."""
    for key in ("files", "formats"):
        if "train" in section.get(key, {}):
            section[key] = {
                name if split == "train" else split: value for split, value in section[key].items()
            }
    return section


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise UserError(f"data: {path}: no such file or folder")


def _hub_section(name: str) -> dict[str, Any]:
    source = parse_hub_source(name)
    looks_like_a_file = Path(name).suffix and not name.startswith(SCHEME) and "@" not in name
    if source is None or looks_like_a_file:
        raise UserError(
            f"data={name!r}: no such file or folder, nor the id of a data set of the Hub (user/set, "
            "user/set@revision, hf://datasets/user/set/train.csv)"
        )
    section: dict[str, Any] = {"source": name}
    if source.path:
        section["format"] = "auto"
    return section


def _own_source(name: str, recipe: str) -> str:
    """Return the assignment of the recipe's own data set, perhaps in another revision; '' for any other."""
    source = parse_hub_source(name)
    own = read_document(recipe).get("data", {}).get("source")
    same = source is not None and source.id == own and not source.path and not Path(name).exists()
    return to_assignment("data.source", name) if same else ""


def _replaced(recipe: str, section: Mapping[str, Any]) -> str:
    """Return the assignment of a new section `[data]`, which keeps keys of the recipe."""
    old = read_document(recipe).get("data", {})
    own = recipe.endswith(".toml")
    kept = {
        key: value
        for key, value in old.items()
        if (key not in _OF_SOURCE if own else key in _OF_SPLITS)
    }
    return to_assignment("data", {**kept, **section})
