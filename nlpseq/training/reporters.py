"""Reporters of a running training: a progress bar on a terminal, plain lines in a log."""

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

from nlpseq.reporting.formats import is_percent, readable_name
from nlpseq.wording import format_count

Values = Mapping[str, float]


class Reporter(Protocol):
    """Receives the progress of a run from the trainer."""

    def start(self, total_steps: int, done: int) -> None:
        """Report the start of a run, or its resumption after `done` updates."""
        ...

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """Report an update; `values` is empty except where a line of the history was written."""
        ...

    def validated(self, values: Values) -> None:
        """Report scores on validation, with `step` and `epoch`."""
        ...

    def note(self, text: str) -> None:
        """Report a note or warning in one line."""
        ...

    def finish(self) -> None:
        """Report the end of the run, after success or failure."""
        ...


class SilentReporter:
    """Reports nothing; for every process except the first, and for tests."""

    def start(self, total_steps: int, done: int) -> None:
        """Do nothing."""

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """Do nothing."""

    def validated(self, values: Values) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class PlainReporter:
    """Prints one line for each line of the history.

    Args:
        console: printed to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total_steps = 0

    def start(self, total_steps: int, done: int) -> None:
        """Print the length of the run."""
        self.total_steps = total_steps
        resumed = f", resumed after step {done}" if done else ""
        self.note(f"training for {format_count(total_steps, 'step')}{resumed}")

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """Print the values, if any."""
        if values:
            self.note(f"step {step}/{self.total_steps}  epoch {epoch:.2f}  {summary(values)}")

    def validated(self, values: Values) -> None:
        """Print the scores."""
        self.note(f"validation  {summary(values)}")

    def note(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def finish(self) -> None:
        """Do nothing."""


class LiveReporter(PlainReporter):
    """Shows a progress bar, with scores and notes above it.

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
        """Stop the bar."""
        self.progress.stop()


def build_reporter(console: Console) -> Reporter:
    """Build a progress bar if the console is a terminal that can move its cursor, else a printer of plain lines."""
    live = console.is_terminal and not console.is_dumb_terminal
    return LiveReporter(console) if live else PlainReporter(console)


def summary(values: Values) -> str:
    """Format values in one line: `loss 4.56  learning rate 0.001  tokens/s 12,300`."""
    return "  ".join(f"{_label(name)} {_number(name, value)}" for name, value in values.items())


def _label(name: str) -> str:
    return readable_name(name.replace("_per_second", "/s"))


def _number(name: str, value: float) -> str:
    if is_percent(name):
        return f"{100 * value:.2f}%"
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
