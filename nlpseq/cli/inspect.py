"""`nlpseq inspect`: draw gradient flow, gates and attention of models."""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli import completers
from nlpseq.cli.common_options import add_code, add_data_dir, add_device
from nlpseq.cli.option_types import distinct_name_list, positive_int
from nlpseq.errors import UserError
from nlpseq.safe_text import show

SUMMARY = "look inside models: gradients, gates, attention"
DESCRIPTION = "Draw gradient flow, gates and attention of models, trained or not."
EXAMPLES = """\
examples:
  nlpseq inspect runs/ner/quickstart
  nlpseq inspect runs/rnn runs/lstm --gradients --distances --output runs/both
  nlpseq inspect runs/sentiment --gates --attention --text "He denies it ."
  nlpseq inspect language_modeling/quickstart --models rnn,lstm,gru,mingru
  nlpseq inspect language_modeling/quickstart encoder.kind=gru

A run directory is a trained model; a recipe is its untrained model. Without
--gradients, --distances, --gates or --attention, every view is drawn that the
models have.
"""
VIEWS = {
    "gradients": "gradient flow through time, and the effect of clipping",
    "distances": "accuracy by distance (runs of the task recall)",
    "gates": "heat maps of gates and states over the tokens of a text",
    "attention": "attention of decoders, poolings and Transformer heads",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq inspect`."""
    models = parser.add_argument(
        "models_and_overrides",
        metavar="MODEL|key=value",
        nargs="*",
        default=[],
        help="runs, Hub ids or recipes; and changes to the recipes, such as encoder.kind=gru",
    )
    completers.attach(models, completers.recipes_and_overrides)
    parser.set_defaults(words="models_and_overrides", check=check)
    kinds = parser.add_argument(
        "--models",
        type=distinct_name_list,
        default=(),
        metavar="NAME,...",
        help="untrained models of a recipe: any recurrent cell, such as lstm or gru; rnn-relu, "
        "rnn-identity, transformer",
    )
    completers.attach(kinds, completers.encoder_kinds)
    for name, description in VIEWS.items():
        parser.add_argument(f"--{name}", action="store_true", help=description)
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="TEXT",
        help="text to read; repeatable (default: some of the models' own data)",
    )
    parser.add_argument(
        "--max-distance",
        type=positive_int,
        default=50,
        metavar="N",
        help="number of tokens to follow gradients back (default: 50)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for figures and page (default: RUN/inspection; for several models "
        "runs/inspection)",
    )
    add_data_dir(parser)
    add_device(parser)
    add_code(parser)


def check(arguments: Namespace) -> None:
    """Separate models from overrides, and collect the views.

    Raises:
        UserError: no model is named.
    """
    words = arguments.models_and_overrides
    arguments.overrides = [word for word in words if "=" in word]
    arguments.names = [word for word in words if "=" not in word]
    arguments.views = [name for name in VIEWS if getattr(arguments, name)]
    if not arguments.names:
        raise UserError("inspect: name a run or a recipe; see `nlpseq inspect --help`")


def execute(arguments: Namespace) -> int:
    """Draw figures and page, and print the tables."""
    from nlpseq import custom_code, inspection
    from nlpseq.reporting import tables

    custom_code.register(arguments.code)
    result = inspection.inspect(
        arguments.names,
        arguments.overrides,
        models=arguments.models,
        texts=arguments.text,
        parts=arguments.views,
        distance=arguments.max_distance,
        local_data=arguments.data_dir,
        output=arguments.output,
        device=arguments.device,
        command=shlex.join(["nlpseq", *arguments.command_line]),
    )
    tables.report_inspection((section.title, section.table) for section in result.sections)
    if result.not_written:
        raise UserError(result.not_written)
    show(f"Written to {result.page}")
    return 0
