"""The data of a finished run, for later commands: the files that it recorded, or an error, never other data.

`data.json` of a run has the folder of its local files and the fingerprint of each split. Data in memory are given
again, and are known by their fingerprints.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq.data.in_memory import DataInMemory, LocalData
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.run_directory import DATA, RECIPE, TRAINED_ON, finished_metrics, read_data_record
from nlpseq.task import Task


def run_of_recipe(recipe: str) -> Path | None:
    """Return the run directory that a recipe's path is in, None for any other recipe."""
    folder = Path(recipe).parent
    return folder if Path(recipe).name == RECIPE and (folder / DATA).exists() else None


def recorded_data(
    run: Path | None, local_data: LocalData | None, overrides: Sequence[str] = ()
) -> LocalData | None:
    """Return the folder of local files to read for a run, or the data in memory that the user gives.

    Args:
        run: the run directory or model directory; None: no run.
        local_data: given by the user, which come first.
        overrides: changes to its recipe; with another `data.source` the recorded files are not used.

    Returns:
        The folder or the data; None if the run was trained on data of the Hub or the built-in corpus.

    Raises:
        UserError: the folder that the run recorded is not there, or its data were in memory and are not given.
    """
    if local_data is not None or run is None or _sets(overrides, "data.source"):
        return local_data
    record = read_data_record(run)
    if record is not None and record.in_memory:
        raise UserError(
            f"{run}: was trained on data in memory ({record.kind}); give them again in Python, such as "
            f"nlpseq.evaluate({str(run)!r}, data=...), or give files with --data-dir DIR and data.files"
        )
    if record is None or record.folder is None:
        return None
    if not record.folder.is_dir():
        names = ", ".join(dict.fromkeys(name for files in record.files.values() for name in files))
        raise UserError(
            f"{run}: its data are local files ({names}) in {record.folder}, a folder that is not there; give "
            "the folder of these files with --data-dir DIR"
        )
    return record.folder


def load_training_data(
    recipe: str,
    task: Task[Any],
    local_data: LocalData | None = None,
    overrides: Sequence[str] = (),
    *,
    resumed: Path | None = None,
) -> tuple[dict[str, Split], Path | None]:
    """Load the splits to train on.

    Args:
        recipe: its name or path; the recipe of a run is trained on the files that the run recorded.
        task: of the recipe.
        local_data: folder of local files instead of the recorded one, or data in memory.
        overrides: changes to the recipe.
        resumed: the directory of a run that is resumed.

    Returns:
        The splits, and the folder of local files, None without any.

    Raises:
        UserError: the data are not there, or those of the recipe's run have changed.
    """
    source = run_of_recipe(recipe)
    used = recorded_data(source or resumed, local_data, overrides)
    if used is None and task.recipe.data.folder is not None:
        used = Path(task.recipe.data.folder)
    splits = task.load_training_splits(used)
    if source is not None and local_data is None:
        check_unchanged(source, splits, TRAINED_ON, overrides)
    return splits, used if isinstance(used, Path) else None


def load_splits_of_run(
    run: Path,
    task: Task[Any],
    local_data: LocalData | None = None,
    *,
    wanted: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> dict[str, Split]:
    """Load the splits of a run again.

    Args:
        run: the run directory or model directory.
        task: of the run.
        local_data: folder of local files instead of the recorded one, or data in memory. A single table is the
            data of the run if the run has recorded its fingerprint, else it is the (first) wanted split.
        wanted: splits that must be as the run recorded them; (): all.
        overrides: changes to the recipe of the run.

    Raises:
        UserError: the data are not there, or have changed although the user has not given others.
    """
    if isinstance(local_data, DataInMemory):
        local_data = _placed(run, local_data, wanted[0] if wanted else "test")
    folder = recorded_data(run, local_data, overrides)
    splits = task.load_splits(folder)
    if local_data is None:
        _check_recorded(run, task, folder, splits, overrides)
        check_unchanged(run, splits, wanted, overrides)
    return splits


def _check_recorded(
    run: Path,
    task: Task[Any],
    folder: LocalData | None,
    splits: Mapping[str, Split],
    overrides: Sequence[str],
) -> None:
    """Check that a run has recorded what local files hold: a run of a stranger could name any files of this machine.

    Raises:
        UserError: it has recorded no split of them.
    """
    is_local = folder is not None or Path(task.recipe.data.source).exists()
    if is_local and not _fingerprints(run).keys() & splits.keys() and not _sets(overrides, "data."):
        raise UserError(
            f"{run}: names local files in {folder or task.recipe.data.source}, and has not recorded what they "
            "hold; give the folder of the data to use with --data-dir DIR"
        )


def _placed(run: Path, data: DataInMemory, wanted: str) -> DataInMemory:
    """Return data in memory with a single table under the name of the split that it is."""
    if not data.single:
        return data
    record = read_data_record(run)
    known = {} if record is None else record.in_memory
    (fingerprint,) = data.fingerprints.values()
    same = [name for name, recorded in known.items() if recorded == fingerprint]
    return data.placed(same[0] if same else wanted)


def check_unchanged(
    run: Path, splits: Mapping[str, Split], wanted: Sequence[str], overrides: Sequence[str]
) -> None:
    """Check that splits are those that a run recorded, unless its `[data]` is overridden.

    Raises:
        UserError: a split has other content.
    """
    recorded = [name for name in wanted if name in _fingerprints(run)]
    # If the run has not recorded the wanted split, the others tell whose data these are.
    changed = changed_splits(run, splits, recorded)
    if changed and not _sets(overrides, "data."):
        name = changed[0]
        raise UserError(
            f"{run}: the {name} split of {splits[name].origin} is not that of the run, it has changed since "
            "or the run had local files; give the folder of the data to use with --data-dir DIR"
        )


def changed_splits(run: Path, splits: Mapping[str, Split], wanted: Sequence[str]) -> list[str]:
    """Return the splits whose content is not what the run recorded; `wanted` empty: of all splits."""
    known = _fingerprints(run)
    names = [name for name in wanted or splits if name in splits and name in known]
    return [name for name in names if splits[name].fingerprint != known[name]]


def _fingerprints(run: Path) -> dict[str, Any]:
    """Return the fingerprints of the splits that a run was trained and scored on."""
    record = read_data_record(run)
    scored = (finished_metrics(run) or {}).get("data")
    return {
        **(record.fingerprints if record else {}),
        **(scored if isinstance(scored, dict) else {}),
    }


def _sets(overrides: Sequence[str], key: str) -> bool:
    """Return whether overrides set a key, or the section `[data]` as a whole."""
    names = [override.partition("=")[0].strip() for override in overrides]
    return any(name == "data" or name.startswith(key) for name in names)
