"""What `nlpseq compare` takes: finished runs, or recipes to train, and how to compare them."""

from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path

from nlpseq.cli.option_types import count, names, seeds

EXAMPLES = """\
examples:
  nlpseq compare runs/lstm runs/gru
  nlpseq compare runs/lstm runs/gru runs/transformer --split validation --output runs/comparison
  nlpseq compare runs/word runs/character --score bits_per_byte --data-dir data/ptb
  nlpseq compare ner/quickstart --models lstm,gru,transformer --seeds 13,14,15
  nlpseq compare ner/quickstart --models lstm,transformer --match time --minutes 2 --output runs/fair
  nlpseq compare my_lstm.toml my_transformer.toml --match steps training.epochs=5

A RUN is the directory of a finished run, or that of `nlpseq run --seeds`. With several seeds the verdict is on
models trained anew, with one it speaks of the trained models only. Recipes are trained first; interrupted, the
same command goes on where it stopped.
"""


def add(parser: ArgumentParser) -> None:
    """The options of `nlpseq compare`, but for data and device, which others have too."""
    parser.add_argument(
        "runs",
        metavar="RUN|RECIPE|key=value",
        nargs="+",
        help="directories of finished runs; or recipes to train, and changes to them",
    )
    _add_contest(parser)
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="split whose scores count; with another than a test, recipes leave tests alone, which the same "
        "command without it scores later (default: test, or the first of several)",
    )
    parser.add_argument(
        "--score", metavar="NAME", help="score that decides (default: the task's main one)"
    )
    parser.add_argument(
        "--difference",
        type=float,
        metavar="X",
        help="difference worth seeing: how many examples would show it? (default: 0.5 points, as of F1 or "
        "BLEU, or perplexity; 0.01 nats or bits)",
    )
    parser.add_argument(
        "--samples",
        type=count,
        default=10_000,
        metavar="N",
        help="resampled test sets, and exchanges of outputs (default: 10,000)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where report.json, report.html and runs are written (default: runs/compare/TASK/NAMES; of kinds "
        "of model of one recipe runs/compare/RECIPE/KINDS)",
    )
    parser.add_argument(
        "--measure",
        action=BooleanOptionalAction,
        help="measure latency, throughput and memory of every model's answers (default: where recipes are "
        "trained)",
    )


def _add_contest(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("training", "where recipes are compared, not finished runs")
    group.add_argument(
        "--models",
        type=names,
        default=(),
        metavar="KIND,...",
        help="kinds of encoder, for one recipe",
    )
    group.add_argument(
        "--seeds", type=seeds, metavar="N,N,...", help="runs of each model (default: 13,14,15)"
    )
    group.add_argument(
        "--match",
        choices=("parameters", "time", "steps"),
        help="what is made equal: parameters beside embedding and output layer, minutes of training, or "
        "updates (default: parameters; of several recipes: steps)",
    )
    group.add_argument(
        "--minutes", type=float, metavar="X", help="of training each model, with --match time"
    )
