"""What `nlpseq quickstart` takes: which tasks, with which seed, and where to write."""

from argparse import ArgumentParser
from pathlib import Path

from nlpseq.cli.option_types import names

EXAMPLES = """\
examples:
  nlpseq quickstart
  nlpseq quickstart --task ner
  nlpseq quickstart --task translation,summarization --seed 14 --output runs/second
  nlpseq quickstart training.epochs=1 --output runs/short

An LSTM and a Transformer are trained on each task of the built-in corpus: language_modeling, sentiment, ner,
translation, summarization. Interrupted, the same command goes on where it stopped; what has finished is not
trained again.
"""


def add(parser: ArgumentParser) -> None:
    """The options of `nlpseq quickstart`, but for those that other commands have too."""
    parser.add_argument(
        "--task",
        dest="tasks",
        type=names,
        action="extend",
        default=[],
        metavar="NAME,...",
        help="one of the tasks, or some, any number of times (default: all five)",
    )
    parser.add_argument(
        "--seed", type=int, default=13, metavar="N", help="of every run (default: 13)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where runs and summary.json are written (default: runs/quickstart)",
    )
