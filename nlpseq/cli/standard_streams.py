"""Standard output and standard error that survive a full disk, a closed descriptor and a reader that has gone.

A command that writes files finishes without them: hours of training do not end because a log is full. A command
that only prints stops at the first error. Either way the error is said once, at the end, and sets the exit status.
"""

import codecs
import errno
import io
import os
import select
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from nlpseq.errors import UserError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_WRITING = {"run", "train", "compare", "quickstart", "evaluate", "inspect", "errors"}
LEAST_COLUMNS = 20
"""Tables of rich and help need a few; in a narrower terminal lines are wrapped by the terminal."""
BROKEN_PIPE = 141
"""Exit status of a command whose reader has gone, as of a shell for SIGPIPE."""
_REPLACE, _JSON = "nlpseq.replace", "nlpseq.json"
_replaced = 0


class LostOutputError(Exception):
    """Standard output cannot be written, and the command has no other output."""


class _Descriptor(io.RawIOBase):
    """A descriptor to write to; after its first error all that is written disappears.

    Attributes:
        error: the first error.
        needed: raise `LostOutputError` at it.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.error: OSError | None = None
        self.needed = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: "ReadableBuffer", /) -> int:
        content = bytes(data)
        if self.error is None:
            try:
                self._write(content)
            except OSError as error:
                self.error = error
                if self.needed:
                    raise LostOutputError from error
        return len(content)

    def _write(self, content: bytes) -> None:
        while content:
            try:
                content = content[os.write(self._number, content) :]
            except BlockingIOError:  # another program has made the terminal or pipe non-blocking
                select.select([], [self._number], [])


class StandardStreams:
    """The standard output of a command, and how it ended.

    Args:
        output: its descriptor; None where a caller in Python has replaced `sys.stdout`.
        closed: standard output was closed when the command began.
    """

    def __init__(self, output: _Descriptor | None = None, *, closed: bool = False) -> None:
        self._output = output
        self.closed = closed

    def end_with_output(self, needed: bool = True) -> None:
        """Let the command end with the first error of standard output, or not if it writes files too."""
        if self._output is not None:
            self._output.needed = needed

    def check(self) -> None:
        """Check that a command that only prints has somewhere to print to.

        Raises:
            UserError: standard output is closed.
        """
        if self.closed and self._output is not None and self._output.needed:
            raise UserError("standard output is closed, so nothing can be printed")

    def finish(self, status: int) -> int:
        """Write what is buffered, report an error of standard output, and return the exit status.

        Args:
            status: of the command.
        """
        with suppress(LostOutputError):
            sys.stdout.flush()
        output = self._output
        if output is None or output.error is None:
            return status
        if output.error.errno == errno.EPIPE:
            return BROKEN_PIPE if output.needed and not status else status
        if self.closed and not output.needed:
            return status
        rest = "" if output.needed or status else "; all files are written"
        print(
            f"nlpseq: error: standard output: {output.error.strerror or output.error}{rest}",
            file=sys.stderr,
        )
        return status or 2


def only_prints(arguments: Namespace) -> bool:
    """Return whether a command writes nothing except standard output."""
    if arguments.command == "predict":
        return arguments.output is None
    if getattr(arguments, "what_if", False) or getattr(arguments, "json", False):
        return True
    return arguments.command not in _WRITING


@contextmanager
def standard_streams() -> Iterator[StandardStreams]:
    """Guard both streams during a command; where a caller has replaced one of them, it stays."""
    global _replaced
    _replaced = 0
    before = sys.stdout, sys.stderr, os.environ.get("COLUMNS")
    closed = _open_closed()
    streams = StandardStreams()
    if sys.stdout is sys.__stdout__:
        descriptor = _Descriptor(1)
        streams = StandardStreams(descriptor, closed=1 in closed)
        sys.stdout = _text(descriptor, before[0], _REPLACE)
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_REPLACE)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Descriptor(2), before[1], "backslashreplace", by_line=True)
    _set_least_width()
    try:
        yield streams
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(LostOutputError):
                stream.flush()
        sys.stdout, sys.stderr = before[:2]
        _restore("COLUMNS", before[2])


def as_json() -> None:
    """Escape characters that the encoding of standard output lacks, as JSON does; elsewhere they become `?`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_JSON)


def replacement_note() -> str:
    """Return a line about the characters that were printed as `?`; '' if there are none."""
    if not _replaced:
        return ""
    characters = "character is" if _replaced == 1 else "characters are"
    encoding = getattr(sys.stdout, "encoding", "")
    return (
        f"{_replaced:,} {characters} printed as ?, since standard output is {encoding}; set "
        "PYTHONIOENCODING=utf-8"
    )


def _text(
    descriptor: _Descriptor, before: TextIO | None, errors: str, *, by_line: bool = False
) -> TextIO:
    """Return a text stream on a descriptor, with the encoding of the stream that it replaces."""
    encoding = "utf-8" if before is None else before.encoding
    unbuffered = bool(getattr(before, "write_through", False))
    by_line = by_line or descriptor.isatty() or unbuffered
    buffer = io.BufferedWriter(descriptor)
    return io.TextIOWrapper(buffer, encoding, errors, line_buffering=by_line)


def _open_closed() -> set[int]:
    """Open closed standard descriptors, so that no file gets their numbers and, with them, messages of libraries.

    They are opened the other way round: reading or writing fails, as for closed ones.
    """
    closed = set()
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            descriptor = os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)
    return closed


def _set_least_width() -> None:
    """Correct a width of terminal that no table fits into: COLUMNS=0 says nothing, as a number below 0."""
    if os.environ.get("COLUMNS", "1").strip() in ("", "0") or "-" in os.environ.get("COLUMNS", ""):
        del os.environ["COLUMNS"]
    if shutil.get_terminal_size().columns < LEAST_COLUMNS:
        os.environ["COLUMNS"] = str(LEAST_COLUMNS)


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _replace(error: UnicodeError) -> tuple[str, int]:
    global _replaced
    if not isinstance(error, UnicodeEncodeError):
        raise error
    _replaced += error.end - error.start
    return "?" * (error.end - error.start), error.end


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)), error.end


codecs.register_error(_REPLACE, _replace)
codecs.register_error(_JSON, _escape)
