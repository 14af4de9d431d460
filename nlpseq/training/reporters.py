"""What a run tells while it runs: a live bar on a terminal, plain lines in a log."""

from collections.abc import Mapping
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

Values = Mapping[str, float]


class Reporter(Protocol):
    """Told by the trainer how a run goes."""

    def start(self, total_steps: int, done: int) -> None:
        """A run begins, or goes on after `done` updates."""
        ...

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """An update was made; `values` is empty but where a line of the history was written."""
        ...

    def validated(self, values: Values) -> None:
        """Scores on validation, with `step` and `epoch`."""
        ...

    def note(self, text: str) -> None:
        """Something worth knowing, in one line."""
        ...

    def finish(self) -> None:
        """The run ended, well or not."""
        ...


class SilentReporter:
    """Says nothing: every process but the first, and tests."""

    def start(self, total_steps: int, done: int) -> None:
        """Say nothing."""

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """Say nothing."""

    def validated(self, values: Values) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


class PlainReporter:
    """One line for each line of the history.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total_steps = 0

    def start(self, total_steps: int, done: int) -> None:
        """Say how long the run is."""
        self.total_steps = total_steps
        going_on = f", going on after step {done}" if done else ""
        self.note(f"training for {total_steps} steps{going_on}")

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """Print the values, if there are any."""
        if values:
            self.note(f"step {step}/{self.total_steps}  epoch {epoch:.2f}  {summary(values)}")

    def validated(self, values: Values) -> None:
        """Print the scores."""
        self.note(f"validation  {summary(values)}")

    def note(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def finish(self) -> None:
        """Nothing is left open."""


class LiveReporter(PlainReporter):
    """A progress bar at the bottom, scores and notes above it.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[values]}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self.task = self.progress.add_task("", total=None, values="")

    def start(self, total_steps: int, done: int) -> None:
        """Show the bar."""
        self.progress.reset(self.task, total=total_steps, completed=done, values="")
        self.progress.start()

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """Move the bar."""
        self.progress.update(self.task, completed=step)
        if values:
            self.progress.update(self.task, values=f"epoch {epoch:.2f}  {summary(values)}")

    def finish(self) -> None:
        """Leave the bar where it is."""
        self.progress.stop()


def build_reporter(console: Console) -> Reporter:
    """A live bar where the console is a terminal, else plain lines."""
    return LiveReporter(console) if console.is_terminal else PlainReporter(console)


def summary(values: Values) -> str:
    """Values in one line: `loss 4.56  learning rate 0.001  tokens/s 12,300`."""
    return "  ".join(f"{_label(name)} {_number(value)}" for name, value in values.items())


def _label(name: str) -> str:
    return name.replace("_per_second", "/s").replace("_", " ")


def _number(value: float) -> str:
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
