"""Saves and restores checkpoints of a run; with several processes, the first one writes and chooses."""

from collections.abc import Callable

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from nlpseq.errors import UserError
from nlpseq.stored_files import reading

from .checkpoint import CheckpointStore, DamagedError
from .environment import changes
from .progress import Best
from .train_state import TrainState


class CheckpointManager:
    """Saves a train state and resumes it.

    Args:
        store: the checkpoints on disk, in a folder that all machines of the run see.
        state: the train state to save and restore.
        accelerator: the processes.
        note: called with each warning.
    """

    def __init__(
        self,
        store: CheckpointStore,
        state: TrainState,
        accelerator: Accelerator,
        note: Callable[[str], None],
    ) -> None:
        self.store, self.state = store, state
        self.accelerator, self.note = accelerator, note
        self.previous_best: Best | None = None

    def save(self, with_average: bool) -> None:
        """Write a checkpoint, then delete the ones that are no longer needed.

        The two newest stay with the best ones that they name, so that the second newest is complete
        if the newest is damaged.

        Args:
            with_average: also store the averaged weights, ready for use.

        Raises:
            UserError: no space is left; older checkpoints are unchanged.
        """
        files, document = self.state.capture(with_average)
        run = self.state.run
        self._on_first_process(lambda: self.store.save(run.step, files, document).name)
        if self.accelerator.is_main_process:
            needed = {best.checkpoint for best in (run.best, self.previous_best) if best}
            self.store.prune(needed)
        self.previous_best = run.best

    def start(self, resume: bool) -> None:
        """Start from the beginning, or resume from the newest undamaged checkpoint if there is one.

        Raises:
            UserError: there are checkpoints and `resume` is False; all are damaged; or the checkpoint is
                of another model or number of processes.
        """
        name = self._on_first_process(self._choose if resume else self._refuse)
        if not name:
            return
        checkpoint = self.store.open(name)
        with reading(str(checkpoint.path)):
            self.state.restore(checkpoint)
        for line in changes(checkpoint.document, self.accelerator.device):
            self.note(line)
        self._forget_damaged_best()
        self.previous_best = self.state.run.best

    def _refuse(self) -> str:
        """Refuse to start in a folder with checkpoints."""
        self.store.clean()
        if names := self.store.names():
            raise UserError(
                f"{self.store.folder} already contains {names[-1]}: continue with --resume, or start "
                "over with --overwrite"
            )
        return ""

    def _choose(self) -> str:
        """Return the name of the checkpoint to resume from; '' if there is none."""
        self.store.clean()
        checkpoint = self.store.latest(self.note)
        if checkpoint is None:
            return ""
        self.store.set_aside(after=checkpoint.name)
        return checkpoint.name

    def _forget_damaged_best(self) -> None:
        best = self.state.run.best
        if best is None:
            return
        try:
            self.store.open(best.checkpoint)
        except DamagedError as error:
            self.note(
                f"the best checkpoint, {best.checkpoint}, is damaged ({error}); "
                "the best is chosen from the following validations"
            )
            self.state.run.best = None

    def _on_first_process(self, action: Callable[[], str]) -> str:
        """Return the result of `action` in the first process; its `UserError` is raised in all."""
        outcome = ["", ""]
        own: UserError | None = None
        if self.accelerator.is_main_process:
            try:
                outcome[0] = action()
            except UserError as error:
                own, outcome[1] = error, str(error)
        broadcast_object_list(outcome)
        if outcome[1]:
            raise own or UserError(outcome[1])
        return outcome[0]
