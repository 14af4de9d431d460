"""The claim of a run directory: its process owns it, and a run is resumed on the data that it was started on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn

from nlpseq.data.in_memory import DataInMemory
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.files import NotWrittenError
from nlpseq.run_directory import RECIPE, TRAINED_ON, DataRecord, RunDirectory
from nlpseq.task import Task
from nlpseq.training.train_state import checkpoint_size

from .run_inputs import input_digests
from .settled_recipe import check_settled, to_toml


@contextmanager
def owning(directory: RunDirectory, accelerator: Accelerator) -> Iterator[None]:
    """Own a run directory in all processes of a run; the first one checks it for all.

    Raises:
        UserError: it cannot be claimed, see `RunDirectory.check`; raised in every process.
    """
    refused = [""]
    with ExitStack() as stack:
        try:
            if accelerator.is_main_process:
                stack.enter_context(directory.owned())
        except UserError as error:
            if accelerator.num_processes == 1:
                raise
            refused = [str(error)]
        broadcast_object_list(refused)
        if refused[0]:
            raise UserError(refused[0])
        yield


def data_record(
    task: Task[Any],
    splits: Mapping[str, Split],
    data_dir: Path | None,
    data: DataInMemory | None,
) -> DataRecord:
    """Return the record of the data of a run.

    Args:
        task: prepared.
        splits: of the data.
        data_dir: folder of local files.
        data: data in memory.
    """
    # Of local data every split is recorded, so that later commands find what the run had.
    recorded = [name for name in splits if data_dir or data or name in TRAINED_ON]
    return DataRecord(
        {name: splits[name].fingerprint for name in recorded},
        data_dir,
        {name: list(splits[name].files) for name in splits if splits[name].files},
        data.fingerprints if data else {},
        data.kind if data else "",
        input_digests(task, [data_dir] if data_dir else []),
    )


def claim(
    directory: RunDirectory,
    task: Task[Any],
    model: nn.Module,
    record: DataRecord,
    claiming: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Claim a run directory for a task that is ready to be trained; differences become notes of the task.

    Args:
        directory: owned by this process.
        task: prepared.
        model: of the task.
        record: of the data.
        claiming: makes a context for the moment of the claim.

    Raises:
        UserError: too little space, or the run to resume was started on other data.
    """
    # Two checkpoints are kept while another one is written.
    directory.check_space(3 * checkpoint_size(model, task.recipe.training))
    resolved = task.resolved_recipe()
    if directory.resume and (stored := directory.stored_recipe()) is not None:
        check_settled(directory.path / RECIPE, stored, resolved)
    with claiming(), full_disk_in_words(directory, begun=False):
        task.notes += directory.claim(record, to_toml(resolved))


@contextmanager
def full_disk_in_words(directory: RunDirectory, *, begun: bool = True) -> Iterator[None]:
    """Say how a run continues after the disk was full, and that an earlier run is gone if it was overwritten.

    Args:
        directory: of the run.
        begun: the run has begun, even if it has not replaced an earlier one.

    Raises:
        NotWrittenError: the disk is full.
    """
    try:
        yield
    except NotWrittenError as error:
        if not error.full or not (begun or directory.replaced):
            raise
        state = (
            "the earlier run was deleted, as --overwrite asks"
            if directory.replaced
            else "existing files are unchanged"
        )
        raise NotWrittenError(
            f"no space left on the disk to write {error.target}: {state}; free some space, then continue with "
            "--resume",
            error.target,
            full=True,
        ) from error
