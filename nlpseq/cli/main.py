"""The command line: `nlpseq COMMAND`.

Exit statuses: 0 done, 2 wrong usage or input, or a result that could not be written (one line on standard error says
what), 130 interrupted, 141 the reader of standard output has gone.
Torch and the tasks are imported only by commands that need them. `nlpseq.cli.parser` has the table of commands.
"""

import os
import sys
from collections.abc import Sequence

from nlpseq.cli import resume_hint
from nlpseq.cli.interrupts import single_interrupts
from nlpseq.cli.malloc import keep_freed_memory
from nlpseq.cli.parser import build_parser, parse
from nlpseq.cli.spooled_input import as_given
from nlpseq.cli.standard_streams import (
    LostOutputError,
    StandardStreams,
    only_prints,
    replacement_note,
    standard_streams,
)
from nlpseq.cli.warning_lines import as_single_lines
from nlpseq.errors import UserError
from nlpseq.safe_text import show
from nlpseq.threads import choose
from nlpseq.wording import shorten

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the words of the command line; those of the process if None.

    Returns:
        The exit status.
    """
    if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
        from nlpseq.cli.completion import complete

        complete(build_parser())
    words = list(sys.argv[1:] if argv is None else argv)
    with single_interrupts(), standard_streams() as streams:
        try:
            status = _run_command(words, streams)
        except SystemExit:  # help or the version was printed
            if status := streams.finish(0):
                return status
            raise
        except LostOutputError:
            status = 0  # the error is reported at the end
        except UserError as error:
            status = _report(str(error))
        except KeyboardInterrupt:
            hint = resume_hint.of_interrupted(parse(words))
            show(f"\nnlpseq: Interrupted.{hint}", file=sys.stderr)
            status = INTERRUPTED
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            status = _report(
                f"not enough memory: {shorten(str(error), 200)}; choose smaller sizes or batches"
            )
        except OSError as error:
            if error.filename is None:
                raise
            status = _report(f"{error.filename}: {error.strerror}")
        return streams.finish(status)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory was refused, by Python or by torch."""
    said = str(error)
    return isinstance(error, MemoryError) or "allocate memory" in said or "out of memory" in said


def _report(error: str) -> int:
    """Print an error in one line, and return the exit status of errors."""
    show(f"nlpseq: error: {' '.join(as_given(error).split())}", file=sys.stderr)
    return 2


def _run_command(words: Sequence[str], streams: StandardStreams) -> int:
    streams.end_with_output()  # parsing may print help
    arguments = parse(words)
    if arguments.execute is None:
        print(arguments.help, end="", file=sys.stderr)
        return 2
    streams.end_with_output(only_prints(arguments))
    streams.check()
    choose()
    keep_freed_memory()
    with as_single_lines():
        status: int = arguments.execute(arguments)
    if note := replacement_note():
        show(f"nlpseq: note: {note}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
