"""What each command of the command line takes, its help, and its errors in one line.

Standard library only: `nlpseq --help` answers at once.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import nlpseq
from nlpseq.cli import compare_options, decoding_options, inspect_options, quickstart_options
from nlpseq.cli.option_types import count, seeds
from nlpseq.errors import UserError, suggest

_RUN_EXAMPLES = """\
examples:
  nlpseq run language_modeling/quickstart
  nlpseq run language_modeling/quickstart training.epochs=3 encoder.kind=gru --output runs/gru
  nlpseq run language_modeling/ptb --data-dir data/ptb --no-test
  nlpseq run my_recipe.toml --seeds 13,14,15
  nlpseq run language_modeling/ptb --data-dir data/ptb --resume

`nlpseq recipes` lists the recipes, `nlpseq recipes show NAME` prints one.
"""
_EVALUATE_EXAMPLES = """\
examples:
  nlpseq evaluate runs/gru
  nlpseq evaluate runs/gru --split validation --data-dir data/ptb

The scores are also written to RUN/evaluations/; RUN/metrics.json stays as the run wrote it.
"""
_PREDICT_EXAMPLES = """\
examples:
  nlpseq predict runs/sentiment "a warm and funny film" "dull"
  nlpseq predict runs/sentiment --explain "a warm and funny film"
  nlpseq predict runs/ner --file texts.txt --output entities.jsonl
  nlpseq predict runs/ner --file texts.txt.gz --format html --output entities.html
  cat texts.txt | nlpseq predict runs/ner --format conll
  nlpseq predict runs/translation --file in.txt --output out.txt --beam 5
  nlpseq predict runs/translation --file in.txt --output out.txt --beam 5 --resume

Each line of a file or of standard input is one text. What answers hold, their task's page says.
With --output, answers are kept in FILE.partial until all are there (a page of HTML is not):
what was interrupted goes on with --resume, from the same texts and with the same options.
"""
_GENERATE_EXAMPLES = """\
examples:
  nlpseq generate runs/gru --prompt "the old" --seed 1
  nlpseq generate runs/gru --num-samples 5 --temperature 0.7 --top-p 0.9
  nlpseq generate runs/gru --prompt "the old" --method beam --beam-size 8

One sample is printed while it is made. What is not given is the recipe's ([decoding]).
"""
_RECIPES_EXAMPLES = """\
examples:
  nlpseq recipes
  nlpseq recipes show language_modeling/quickstart
  nlpseq recipes copy language_modeling/quickstart my_recipe.toml
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that abbreviates nothing and raises `UserError`."""

    def __init__(self, *, prog: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Say it in one line, with the nearest name where there is one.

        Raises:
            UserError: always.
        """
        choice = re.match(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)$", message)
        if choice is None:
            raise UserError(f"{message}; see `{self.prog} --help`")
        argument, given, choices = choice.groups()
        known = re.findall(r"[\w-]+", choices)
        what = f"argument {argument}:" if argument.startswith("-") else "unknown command"
        others = f"; there are {', '.join(known)}"
        raise UserError(f"{what} {given!r}{_nearest(given, known) or others}")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    Returns:
        `command` (None if there was none, then `help`), and what the command takes; `overrides`, `texts`
        and `decoding` ready to be handed on.

    Raises:
        UserError: an unknown command, option or value.
        SystemExit: help or the version was asked for and printed.
    """
    # argparse takes what stands behind `--` for texts only if no option stands before it.
    end = words.index("--") if words[:1] == ["predict"] and "--" in words[2:] else len(words)
    arguments, rest = _commands().parse_known_args(words[:end])
    # A word with a space is a text, whatever it begins with.
    options = [word for word in rest if word.startswith("-") and " " not in word.partition("=")[0]]
    several = next(
        (name for name in ("overrides", "texts", "words", "runs") if name in arguments), ""
    )
    if options or (rest and not several):
        name = (options or rest)[0].partition("=")[0]
        kind = "option" if options else "argument"
        near = _nearest(name, re.findall(r"--[a-z-]+", arguments.help))
        raise UserError(f"unknown {kind} {name!r}{near}; see `{arguments.prog} --help`")
    if several:
        # argparse gives those that stand behind an option back as unknown.
        setattr(arguments, several, [*getattr(arguments, several), *rest, *words[end + 1 :]])
    if arguments.command == "generate":
        arguments.decoding = decoding_options.of_generate(arguments)
    elif arguments.command == "predict":
        arguments.decoding = decoding_options.of_predict(arguments)
        arguments.decoding_options = decoding_options.named(arguments)
    elif arguments.command == "inspect":
        inspect_options.of_inspect(arguments)
    return arguments


def _commands() -> Parser:
    parser = Parser(
        prog="nlpseq",
        description="Train, evaluate, predict and generate with sequence models for language.",
        epilog="`nlpseq COMMAND --help` shows what a command takes, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"nlpseq {nlpseq.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="word")
    add: list[tuple[str, str, str, Callable[[Parser], None]]] = [
        (
            "quickstart",
            "try all tasks, with two models",
            quickstart_options.EXAMPLES,
            _add_quickstart,
        ),
        ("run", "train as a recipe says, evaluate, write a run directory", _RUN_EXAMPLES, _add_run),
        ("evaluate", "score a trained model on a split", _EVALUATE_EXAMPLES, _add_evaluate),
        ("predict", "answer texts with a trained model", _PREDICT_EXAMPLES, _add_predict),
        ("generate", "let a trained model write", _GENERATE_EXAMPLES, _add_generate),
        (
            "compare",
            "say which of several models is better",
            compare_options.EXAMPLES,
            _add_compare,
        ),
        (
            "inspect",
            "look inside models: gradients, gates, attention",
            inspect_options.EXAMPLES,
            _add_inspect,
        ),
        ("recipes", "list, show or copy the recipes", _RECIPES_EXAMPLES, _add_recipes),
    ]
    for name, summary, examples, arguments in add:
        _add(commands, f"nlpseq {name}", summary, examples, arguments)
    parser.set_defaults(command=None, prog="nlpseq", help=parser.format_help())
    return parser


def _add(
    commands: "argparse._SubParsersAction[Parser]",
    prog: str,
    summary: str,
    examples: str,
    arguments: Callable[[Parser], None],
) -> None:
    command = prog.removeprefix("nlpseq ")
    description = f"{summary[0].upper()}{summary[1:]}."
    parser = commands.add_parser(
        command.rpartition(" ")[2],
        prog=prog,
        help=summary,
        description=description,
        epilog=examples,
    )
    parser.set_defaults(command=command, prog=prog)
    arguments(parser)
    parser.set_defaults(help=parser.format_help())


def _add_quickstart(parser: Parser) -> None:
    quickstart_options.add(parser)
    _add_overrides(parser)
    _add_device(parser)


def _add_run(parser: Parser) -> None:
    parser.add_argument(
        "recipe", metavar="RECIPE", help="name of a recipe, or the path of a TOML file"
    )
    _add_overrides(parser)
    _add_data_dir(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="run directory (default: runs/RECIPE)"
    )
    _add_device(parser)
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=(),
        metavar="N,N,...",
        help="one run for each seed, and a summary",
    )
    parser.add_argument(
        "--no-test", action="store_true", help="leave the test split alone, for tuning"
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    existing.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument(
        "--track",
        metavar="NAME",
        help="log to a tracker too, such as trackio, tensorboard or wandb",
    )


def _add_evaluate(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="run directory")
    _add_overrides(parser)
    parser.add_argument(
        "--split", default="test", metavar="NAME", help="split to score (default: test)"
    )
    _add_data_dir(parser)
    _add_device(parser)


def _add_predict(parser: Parser) -> None:
    _add_model(parser)
    parser.add_argument("texts", metavar="TEXT", nargs="*", default=[], help="text to answer")
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="read texts there, one a line; .gz too"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write there (default: standard output)"
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="go on behind the answers in FILE.partial; if there is only FILE, it is complete",
    )
    existing.add_argument(
        "--overwrite", action="store_true", help="start again in spite of a FILE.partial"
    )
    parser.add_argument(
        "--format",
        choices=("json", "text", "conll", "html"),
        help="how answers are written (default: json; written texts, one a line: text; on a "
        "terminal, entities in colour)",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="shade texts by what a classifier attended to (on a terminal, or --format html)",
    )
    parser.add_argument(
        "--attention",
        type=Path,
        metavar="DIR",
        help="draw there what each token of an output attended to, for the first 50 texts",
    )
    _add_device(parser)
    decoding_options.add_to_predict(parser)


def _add_generate(parser: Parser) -> None:
    _add_model(parser)
    parser.add_argument(
        "--prompt", default="", metavar="TEXT", help="text to continue (default: none)"
    )
    parser.add_argument(
        "--num-samples", type=count, default=1, metavar="N", help="texts (default: 1)"
    )
    decoding_options.add_to_generate(parser)
    _add_device(parser)


def _add_inspect(parser: Parser) -> None:
    inspect_options.add_to_inspect(parser)
    _add_data_dir(parser)
    _add_device(parser)


def _add_compare(parser: Parser) -> None:
    compare_options.add(parser)
    _add_data_dir(parser)
    _add_device(parser)


def _add_recipes(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action")
    _add(actions, "nlpseq recipes list", "list the recipes", "", _add_nothing)
    _add(actions, "nlpseq recipes show", "print a recipe", "", _add_name)
    _add(actions, "nlpseq recipes copy", "copy a recipe, to change it", "", _add_copy)
    parser.set_defaults(command="recipes list")


def _add_nothing(_: Parser) -> None:
    pass


def _add_name(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="as `nlpseq recipes` lists it")


def _add_copy(parser: Parser) -> None:
    _add_name(parser)
    parser.add_argument(
        "destination",
        metavar="DEST",
        nargs="?",
        default=Path(),
        type=Path,
        help="new file, or a folder (default: this one)",
    )


def _add_model(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN", help="run directory, or the Hub id of a model")


def _add_overrides(parser: Parser) -> None:
    parser.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="changes to the recipe: training.epochs=3",
    )


def _add_data_dir(parser: Parser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="read the local files below DIR instead of the Hub",
    )


def _add_device(parser: Parser) -> None:
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, mps (default: the fastest)"
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    return suggest(name, known).removesuffix(".")
