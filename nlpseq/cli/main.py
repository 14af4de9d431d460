"""The command line: `nlpseq COMMAND`.

Exit statuses: 0 done, 2 wrong usage or input (one line on standard error says what), 130 interrupted.
Torch and the tasks are imported only by commands that need them. `nlpseq.cli.parser` has the table of commands.
"""

import contextlib
import io
import os
import sys
from collections.abc import Sequence

from nlpseq.cli import resume_hint
from nlpseq.cli.malloc import keep_freed_memory
from nlpseq.cli.parser import build_parser, parse
from nlpseq.cli.warning_lines import as_single_lines
from nlpseq.errors import UserError


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
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # terminals without Unicode
    try:
        status = _run_command(words)
        sys.stdout.flush()
    except UserError as error:
        print(f"nlpseq: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = resume_hint.of_interrupted(parse(words))
        print(f"\nnlpseq: Interrupted.{hint}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has closed the pipe; without this Python reports it again at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is None:
            raise
        print(f"nlpseq: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return status


def _run_command(words: Sequence[str]) -> int:
    arguments = parse(words)
    if arguments.execute is None:
        print(arguments.help, end="", file=sys.stderr)
        return 2
    keep_freed_memory()
    with as_single_lines():
        status: int = arguments.execute(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
