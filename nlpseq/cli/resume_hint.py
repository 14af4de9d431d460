"""The end of the message about an interrupted command: how to resume it."""

import shlex
from argparse import Namespace
from collections.abc import Sequence


def of_run(command_line: Sequence[str]) -> str:
    """Return ` Resume with: nlpseq run ... --resume`."""
    return f" Resume with: {_with_resume(command_line)}"


def of_repeatable(command_line: Sequence[str]) -> str:
    """Return the hint for a command that continues when it is run again."""
    return f" Finished runs are kept. Resume with: {shlex.join(['nlpseq', *command_line])}"


def of_predict(arguments: Namespace) -> str:
    """Return the hint for predictions into a file; '' if no file was begun."""
    from nlpseq.files import is_partial

    if arguments.output is None or not is_partial(arguments.output):
        return ""
    piped = not arguments.texts and arguments.file is None
    same = " (pipe in the same texts)" if piped else ""
    command = _with_resume(arguments.command_line)
    return f" Finished predictions are kept. Resume with{same}: {command}"


def of_interrupted(arguments: Namespace) -> str:
    """Return the hint for any command; '' if it cannot be resumed."""
    if arguments.command in ("run", "train"):
        return of_run(arguments.command_line)
    if arguments.command in ("compare", "quickstart"):
        return of_repeatable(arguments.command_line)
    return of_predict(arguments) if arguments.command == "predict" else ""


def _with_resume(command_line: Sequence[str]) -> str:
    """Return the command with `--resume`, before any `--` that ends the options."""
    words = list(command_line)
    end = words.index("--") if "--" in words else len(words)
    options = [word for word in words[:end] if word not in ("--overwrite", "--resume")]
    return shlex.join(["nlpseq", *options, "--resume", *words[end:]])
