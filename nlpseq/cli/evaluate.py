"""`nlpseq evaluate`: score a trained model on a split."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli.common_options import add_code, add_data_dir, add_device, add_overrides
from nlpseq.errors import UserError
from nlpseq.safe_text import show

SUMMARY = "score a trained model on a split"
DESCRIPTION = "Score a trained model on a split of its data, beside the baselines of the run."
EXAMPLES = """\
examples:
  nlpseq evaluate runs/gru
  nlpseq evaluate runs/gru --split validation --data-dir data/ptb
  nlpseq evaluate runs/translation decoding.beam_size=10

Scores and predictions are also written to RUN/evaluations; RUN/metrics.json
stays as the run wrote it. Where nothing can be written, the scores are printed,
and the exit status is 2.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq evaluate`."""
    parser.add_argument(
        "run", metavar="RUN", type=Path, help="run directory, or the Hub id of a model"
    )
    add_overrides(parser, "data, decoding or evaluation")
    parser.add_argument(
        "--split", default="test", metavar="NAME", help="split to score (default: test)"
    )
    add_data_dir(parser)
    add_device(parser)
    parser.add_argument(
        "--no-baselines", action="store_true", help="leave out the baselines of the run"
    )
    add_code(parser)


def execute(arguments: Namespace) -> int:
    """Score, and print the scores."""
    from nlpseq import custom_code
    from nlpseq.experiment.evaluate import evaluate
    from nlpseq.reporting import tables

    custom_code.register(arguments.code)
    metrics = evaluate(
        arguments.run,
        split=arguments.split,
        data_dir=arguments.data_dir,
        device=arguments.device,
        overrides=arguments.overrides,
        baselines=not arguments.no_baselines,
    )
    for note in metrics["notes"]:
        show(note, file=sys.stderr)
    tables.report_scores(metrics, [arguments.split])
    if "not_written" in metrics:
        raise UserError(metrics["not_written"])
    return 0
