"""The threads of a run: by its model, or those of the run that it continues."""

from pathlib import Path

from torch import nn

from nlpseq import threads
from nlpseq.run_directory import recorded_environment


def set_threads(model: nn.Module, folder: Path, *, resume: bool) -> list[str]:
    """Set the number of threads of a run, where the command line chooses it.

    Args:
        model: to train.
        folder: the run directory.
        resume: take the number of the newest checkpoint.

    Returns:
        A line that says what was chosen; [] where nothing was.
    """
    threads.fit_to_model(model)
    if resume:
        threads.continue_with(recorded_environment(folder).get("threads"))
    line = threads.description()
    return [line] if line else []
