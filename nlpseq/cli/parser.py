"""The commands and their arguments; every error is one line.

`COMMANDS` is the one table of commands: the parser, the help and shell completion come from it. Nothing heavy is
imported here, so `nlpseq --help` answers at once.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol

import nlpseq
from nlpseq.cli import (
    compare,
    completion,
    data,
    errors,
    evaluate,
    explain_options,
    generate,
    inspect,
    predict,
    quickstart,
    recipes,
    run,
    train,
)
from nlpseq.errors import UserError, suggest


class Command(Protocol):
    """A module of `nlpseq.cli` that is a command."""

    SUMMARY: str
    """One line for `nlpseq --help`."""
    DESCRIPTION: str
    """The first lines of the command's own help."""
    EXAMPLES: str
    """The last lines of it."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Add options and positional arguments.

        Defaults of the parser say more: `words` is the positional list that words after options belong to,
        `check` is called with the parsed arguments.
        """

    def execute(self, arguments: argparse.Namespace, /) -> int:
        """Do the work, and return the exit status."""
        ...


COMMANDS: Mapping[str, Command] = {
    "quickstart": quickstart,
    "train": train,
    "data": data,
    "run": run,
    "evaluate": evaluate,
    "errors": errors,
    "predict": predict,
    "generate": generate,
    "compare": compare,
    "inspect": inspect,
    "recipes": recipes,
    "completion": completion,
}


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A formatter that leaves room for the indented names of commands."""

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += self._indent_increment


_SUBJECTS = {"COMMAND": "unknown command", "ACTION": "unknown action", "shell": "unknown shell"}


class Parser(argparse.ArgumentParser):
    """An argument parser without abbreviations that raises `UserError`."""

    def __init__(self, *, prog: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=_HelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Report an error in one line, with the nearest name where there is one.

        Raises:
            UserError: always.
        """
        choice = re.match(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)$", message)
        if choice is None:
            raise UserError(f"{message}; see `{self.prog} --help`")
        argument, given, choices = choice.groups()
        known = re.findall(r"[\w-]+", choices)
        subject = _SUBJECTS.get(argument, f"argument {argument}:")
        near = _nearest(given, known) or f"; choose {', '.join(known)}"
        raise UserError(f"{subject} {given!r}{near}")


def build_parser() -> Parser:
    """Build the parser of all commands."""
    parser = Parser(
        prog="nlpseq",
        description="Train, evaluate and use sequence models for language.",
        epilog="`nlpseq COMMAND --help` describes a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"nlpseq {nlpseq.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            prog=f"nlpseq {name}",
            help=command.SUMMARY,
            description=command.DESCRIPTION,
            epilog=command.EXAMPLES,
        )
        subparser.set_defaults(execute=command.execute, prog=subparser.prog)
        command.add_arguments(subparser)
        subparser.set_defaults(help=subparser.format_help())
    parser.set_defaults(
        execute=None, words="", check=None, prog="nlpseq", help=parser.format_help()
    )
    return parser


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line.

    Returns:
        The arguments; `command` (None if there is none), `execute`, `help` and `command_line` among them.

    Raises:
        UserError: an unknown command, option or value.
        SystemExit: help or the version was printed.
    """
    if words[:1] == ["predict"]:
        words = explain_options.complete_options(words)
    # argparse takes words after `--` as texts only if no option precedes it.
    end = words.index("--") if words[:1] == ["predict"] and "--" in words[2:] else len(words)
    arguments, rest = build_parser().parse_known_args(words[:end])
    # A word with a space is a text, whatever it begins with.
    options = [word for word in rest if word.startswith("-") and " " not in word.partition("=")[0]]
    if options or (rest and not arguments.words):
        raise UserError(_unknown(arguments, rest, options))
    if arguments.words:
        # argparse returns the positional words after an option as unknown.
        given = getattr(arguments, arguments.words)
        setattr(arguments, arguments.words, [*given, *rest, *words[end + 1 :]])
    arguments.command_line = list(words)
    if arguments.check is not None:
        arguments.check(arguments)
    return arguments


def _unknown(arguments: argparse.Namespace, rest: list[str], options: list[str]) -> str:
    """Return the message about an unknown option or argument."""
    if not options:
        return f"unknown argument {rest[0]!r}; see `{arguments.prog} --help`"
    name, equals, value = options[0].partition("=")
    following = value if equals else next(iter(rest[rest.index(name) + 1 :]), "")
    hint = _override_for(name, following) if "key=value" in arguments.help else ""
    known = re.findall(r"--[a-z-]+", arguments.help)
    hint += _nearest(name, known, cutoff=0.8 if hint else 0.6)
    return f"unknown option {name!r}{hint}; see `{arguments.prog} --help`"


def _override_for(option: str, value: str) -> str:
    """Return a hint for `--lr 1e-3`: the key of the recipe, as an override."""
    from nlpseq.recipe import Recipe, hints

    keys = hints.matching_keys(Recipe, option.lstrip("-"))
    if not keys:
        return ""
    value = value if value and not value.startswith("-") else "VALUE"
    return f"; write keys of the recipe without dashes: {keys[0]}={value}"


def _nearest(name: str, known: Sequence[str], cutoff: float = 0.5) -> str:
    return suggest(name, known, cutoff).removesuffix(".")
