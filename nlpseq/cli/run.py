"""`nlpseq run`: train and evaluate a recipe."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli import completers, resume_hint
from nlpseq.cli.common_options import add_code, add_data_dir, add_device, add_overrides
from nlpseq.cli.option_types import seed_list
from nlpseq.safe_text import show

SUMMARY = "train and evaluate a recipe"
DESCRIPTION = "Train a recipe, evaluate the model and write a run directory."
EXAMPLES = """\
examples:
  nlpseq run language_modeling/quickstart
  nlpseq run language_modeling/quickstart encoder.kind=gru --output runs/gru
  nlpseq run language_modeling/ptb --data-dir data/ptb --no-test
  nlpseq run my_recipe.toml training.epochs=3 --seeds 13,14,15
  nlpseq run my_recipe.toml --data-dir data --folds 10
  nlpseq run my_recipe.toml encoder.kind=my_cells.py:Peephole --code my_cells.py
  nlpseq run language_modeling/ptb --data-dir data/ptb --resume

`nlpseq recipes` lists the recipes, `nlpseq recipes show NAME` prints one,
`nlpseq recipes keys TASK` describes the keys that can be changed.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq run`."""
    recipe = parser.add_argument(
        "recipe", metavar="RECIPE", help="name of a recipe, or path of a TOML file"
    )
    completers.attach(recipe, completers.recipes)
    add_overrides(parser)
    add_data_dir(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="run directory (default: runs/RECIPE)"
    )
    add_device(parser)
    parser.add_argument(
        "--seeds",
        type=seed_list,
        default=(),
        metavar="N,N,...",
        help="train once with each seed and write a summary",
    )
    parser.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="N",
        help="cross-validate on N parts of the train split and write a summary",
    )
    parser.add_argument(
        "--no-test", action="store_true", help="do not score the test split, for tuning"
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="resume an interrupted run")
    existing.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument(
        "--track",
        metavar="NAME",
        help="also log to a tracker: trackio, tensorboard, wandb, ...",
    )
    add_code(parser)


def execute(arguments: Namespace) -> int:
    """Train, and print the scores; 130 if the run was interrupted."""
    from nlpseq import custom_code
    from nlpseq.experiment.run import run
    from nlpseq.reporting import tables

    custom_code.register(arguments.code)
    result = run(
        arguments.recipe,
        arguments.overrides,
        data_dir=arguments.data_dir,
        output=arguments.output,
        device=arguments.device,
        seeds=arguments.seeds,
        folds=arguments.folds,
        test=not arguments.no_test,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        track=arguments.track,
    )
    is_main_process = os.environ.get("RANK", "0") == "0"  # set by torchrun and accelerate
    if result.interrupted:
        if is_main_process:
            show(f"Interrupted.{resume_hint.of_run(arguments.command_line)}", file=sys.stderr)
        return 130
    if is_main_process:
        tables.report_run(result.metrics, result.samples, result.folder)
    return 0
