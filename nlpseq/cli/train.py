"""`nlpseq train`: train on data of the user in one line."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli import resume_hint
from nlpseq.cli.column_options import (
    add_data_and_columns,
    columns_given,
    split_words,
    splits_given,
)
from nlpseq.cli.common_options import add_device
from nlpseq.safe_text import for_output, show

SUMMARY = "train on your own data in one line"
DESCRIPTION = """\
Find format and columns of the data, report on them, choose a task and its
settings, train beside cheap baselines, and score. Each decision is printed with
its reason."""
EXAMPLES = """\
examples:
  nlpseq train tickets.csv --text message --label category
  nlpseq train tickets.csv                   (columns that leave no doubt)
  nlpseq train train.csv --validation dev.csv --test test.csv
  nlpseq train treebank/ --tags upos
  nlpseq train train.en train.de --minutes 20
  nlpseq train book.txt
  nlpseq train tickets.csv training.epochs=10 --output runs/a
  nlpseq train tickets.csv --what-if

Without validation and test files, 10% of the data are held out for each. The
run directory has the recipe: `nlpseq run RUN/recipe.toml` repeats the run
exactly.
`nlpseq data DATA` prints the report alone.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq train`."""
    add_data_and_columns(parser)
    parser.add_argument(
        "--task", default="", metavar="NAME", help="task, where several read such columns"
    )
    parser.add_argument(
        "--minutes", type=float, metavar="N", help="time for the whole command, roughly"
    )
    parser.add_argument(
        "--what-if",
        "--dry-run",
        action="store_true",
        help="print report, plan and recipe, and do not train",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="run directory (default: runs/NAME of the data)"
    )
    add_device(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the run (default: 13)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="resume an interrupted run")
    existing.add_argument("--overwrite", action="store_true", help="replace an earlier run")


def execute(arguments: Namespace) -> int:
    """Train, and print the scores; 130 if the run was interrupted."""
    paths, overrides = split_words(arguments.data)
    from nlpseq.experiment.train import Request, ignore, next_commands, prepare, recipe_text, train
    from nlpseq.reporting import tables

    if arguments.seed is not None:
        overrides.append(f"seed={arguments.seed}")
    request = Request(
        paths,
        columns_given(arguments),
        splits_given(arguments),
        overrides,
        task=arguments.task,
        output=arguments.output,
        device=arguments.device,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        minutes=arguments.minutes,
        command=["nlpseq", *arguments.command_line],
    )
    is_main_process = os.environ.get("RANK", "0") == "0"  # set by torchrun and accelerate
    say = tables.print_line if is_main_process else ignore
    if arguments.what_if:
        print(for_output(recipe_text(prepare(request, say))))
        return 0
    result = train(request, say)
    if result.interrupted:
        if is_main_process:
            show(f"Interrupted.{resume_hint.of_run(arguments.command_line)}", file=sys.stderr)
        return 130
    if is_main_process:
        tables.report_run(result.metrics, result.samples, result.folder)
        tables.print_next_steps(next_commands(result))
    return 0
