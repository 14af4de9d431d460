"""`nlpseq quickstart`: train two models on each built-in task and show what they can do."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli import completers
from nlpseq.cli.common_options import add_device, add_overrides
from nlpseq.cli.option_types import name_list

SUMMARY = "try all tasks with two small models each"
DESCRIPTION = "Train an LSTM and a Transformer on each task of the built-in corpus."
EXAMPLES = """\
examples:
  nlpseq quickstart
  nlpseq quickstart --task ner
  nlpseq quickstart --task translation,summarization --seed 14 --output runs/b
  nlpseq quickstart training.epochs=1 --output runs/short

Tasks: language_modeling, sentiment, ner, translation, summarization.
If interrupted, run the same command again to continue; finished runs are not
trained again.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq quickstart`."""
    tasks = parser.add_argument(
        "--task",
        dest="tasks",
        type=name_list,
        action="extend",
        default=[],
        metavar="NAME,...",
        help="one or several tasks; repeatable (default: all five)",
    )
    completers.attach(tasks, completers.quickstart_tasks)
    parser.add_argument(
        "--seed", type=int, default=13, metavar="N", help="seed of every run (default: 13)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for runs and summary.json (default: runs/quickstart)",
    )
    add_overrides(parser, "every recipe")
    add_device(parser)


def execute(arguments: Namespace) -> int:
    """Train, and print scores and example outputs."""
    from dataclasses import asdict

    from nlpseq.experiment.quickstart import quickstart
    from nlpseq.reporting import tables

    result = quickstart(
        arguments.tasks,
        arguments.overrides,
        output=arguments.output,
        seed=arguments.seed,
        device=arguments.device,
    )
    tables.report_quickstart([asdict(row) for row in result.rows], result.commands, result.folder)
    return 0
