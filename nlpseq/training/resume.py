"""Checkpoints of a run in several processes: the first writes and chooses, all go along."""

from collections.abc import Callable

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from nlpseq.errors import UserError

from .checkpoint import Checkpoint, DamagedError, Store
from .progress import Best
from .train_state import Learner, versions


class Recovery:
    """Saves a learner and brings it back.

    Args:
        store: where checkpoints are; with several machines, a folder that all of them see.
        learner: what is saved.
        accelerator: the processes.
        note: told what had to be passed over.
    """

    def __init__(
        self,
        store: Store,
        learner: Learner,
        accelerator: Accelerator,
        note: Callable[[str], None],
    ) -> None:
        self.store, self.learner = store, learner
        self.accelerator, self.note = accelerator, note
        self.previous_best: Best | None = None

    def save(self, with_average: bool) -> None:
        """Write a checkpoint, then delete those that nothing needs any more.

        The two newest stay, and the best ones that they name: should the newest be damaged one day,
        the one before still has all that it speaks of.

        Raises:
            UserError: no space is left; nothing that was there is lost.
        """
        files, state = self.learner.capture(with_average)
        run = self.learner.run
        self._on_first(lambda: self.store.save(run.step, files, state).name)
        if self.accelerator.is_main_process:
            needed = {best.checkpoint for best in (run.best, self.previous_best) if best}
            self.store.prune(needed)
        self.previous_best = run.best

    def begin(self, resume: bool) -> None:
        """Start afresh, or from the newest checkpoint that is whole, if there is one.

        Raises:
            UserError: checkpoints are there and `resume` is False; every one is damaged; it is of
                another model or another number of processes.
        """
        name = self._on_first(self._choose if resume else self._refuse)
        if not name:
            return
        checkpoint = self.store.open(name)
        self.learner.restore(checkpoint)
        self._compare(checkpoint)
        self._forget_damaged_best()
        self.previous_best = self.learner.run.best

    def _refuse(self) -> str:
        self.store.clean()
        if names := self.store.names():
            raise UserError(
                f"{self.store.folder} already holds {names[-1]}: --resume goes on from there, "
                "--overwrite starts again"
            )
        return ""

    def _choose(self) -> str:
        self.store.clean()
        checkpoint = self.store.latest(self.note)
        if checkpoint is None:
            return ""
        self.store.set_aside(after=checkpoint.name)
        return checkpoint.name

    def _compare(self, checkpoint: Checkpoint) -> None:
        """Bits are promised for equal versions only."""
        before, now = checkpoint.state["versions"], versions()
        changed = [
            f"{name} {before[name]} -> {now[name]}" for name in now if before[name] != now[name]
        ]
        if changed:
            self.note(
                f"resuming with other versions ({', '.join(changed)}): results may differ in bits"
            )

    def _forget_damaged_best(self) -> None:
        best = self.learner.run.best
        if best is None:
            return
        try:
            self.store.open(best.checkpoint)
        except DamagedError as error:
            self.note(
                f"the best checkpoint, {best.checkpoint}, is damaged ({error}); a new best is sought"
            )
            self.learner.run.best = None

    def _on_first(self, action: Callable[[], str]) -> str:
        """What the first process finds; its `UserError` is raised by all, so that none waits."""
        answer = ["", ""]
        if self.accelerator.is_main_process:
            try:
                answer[0] = action()
            except UserError as error:
                answer[1] = str(error)
        broadcast_object_list(answer)
        if answer[1]:
            raise UserError(answer[1])
        return answer[0]
