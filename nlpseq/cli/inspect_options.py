"""What `nlpseq inspect` takes: models, changes to recipes, and which parts to look at."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from nlpseq.cli.option_types import count
from nlpseq.errors import UserError

EXAMPLES = """\
examples:
  nlpseq inspect runs/ner/quickstart
  nlpseq inspect runs/rnn runs/lstm --gradients --distances --output runs/compared
  nlpseq inspect runs/sentiment/quickstart --gates --attention --text "Denby denies that he is proud ."
  nlpseq inspect language_modeling/quickstart --models rnn,rnn-relu,rnn-identity,lstm,gru,mingru
  nlpseq inspect language_modeling/quickstart encoder.kind=gru encoder.num_layers=2

A folder is a trained model; the name of a recipe, or a TOML file, is the fresh one that training would
begin with. Without --gradients, --gates, --attention or --distances, all that the models have is shown.
"""
PARTS = {
    "gradients": "gradient flow through time, and what clipping did",
    "distances": "accuracy against distance, of runs of long_dependencies recipes",
    "gates": "heat maps of gates and states over the tokens of a text",
    "attention": "what a decoder, a pooling and each head of a Transformer attended to",
}


def add_to_inspect(parser: ArgumentParser) -> None:
    """The arguments of `nlpseq inspect`, but for those that other commands have too."""
    parser.add_argument(
        "words",
        metavar="MODEL|key=value",
        nargs="*",
        default=[],
        help="runs, Hub ids, recipes; and changes to the recipes: encoder.kind=gru",
    )
    parser.add_argument(
        "--models",
        type=_names,
        default=(),
        metavar="NAME,NAME,...",
        help="fresh models of a recipe: rnn, rnn-relu, rnn-identity, lstm, gru, mingru, transformer",
    )
    for name, what in PARTS.items():
        parser.add_argument(f"--{name}", action="store_true", help=what)
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="TEXT",
        help="text to read, any number of times (default: some of the models' own data)",
    )
    parser.add_argument(
        "--max-distance",
        type=count,
        default=50,
        metavar="N",
        help="tokens that gradients are followed back (default: 50)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for pictures and page (default: RUN/inspection; of several, runs/inspection)",
    )


def of_inspect(arguments: Namespace) -> None:
    """Tell models from changes, and name the parts that were asked for.

    Raises:
        UserError: no model is named.
    """
    arguments.overrides = [word for word in arguments.words if "=" in word]
    arguments.names = [word for word in arguments.words if "=" not in word]
    arguments.parts = [name for name in PARTS if getattr(arguments, name)]
    if not arguments.names:
        raise UserError("inspect: name a run or a recipe; see `nlpseq inspect --help`")


def _names(text: str) -> tuple[str, ...]:
    """Different names with commas between."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(found) or len(set(found)) < len(found):
        raise ArgumentTypeError(f"{text!r}: write different names, like rnn,lstm,gru")
    return found
