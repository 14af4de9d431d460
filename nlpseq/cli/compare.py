"""`nlpseq compare`: test which of several models is better."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path

from nlpseq.cli import completers
from nlpseq.cli.common_options import add_code, add_data_dir, add_device
from nlpseq.cli.option_types import name_list, positive_int, seed_list
from nlpseq.safe_text import show

SUMMARY = "test which of several models is better"
DESCRIPTION = "Compare finished runs, or train recipes and compare them."
EXAMPLES = """\
examples:
  nlpseq compare runs/lstm
  nlpseq compare runs/lstm runs/gru
  nlpseq compare runs/lstm runs/gru --split validation --output runs/compared
  nlpseq compare runs/word runs/char --score bits_per_byte --data-dir data/ptb
  nlpseq compare ner/quickstart --models lstm,gru,transformer --seeds 13,14
  nlpseq compare ner/quickstart --models lstm,gru --match time --minutes 2
  nlpseq compare lstm.toml transformer.toml --match steps training.epochs=5

A RUN is the directory of a finished run, or of `nlpseq run --seeds`. With
several seeds the result holds for models trained again, with one seed for these
trained models only. A single RUN is compared with its baselines. Recipes are
trained first; if interrupted, run the same command again to continue.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq compare`."""
    runs = parser.add_argument(
        "runs",
        metavar="RUN|RECIPE|key=value",
        nargs="+",
        help="directories of finished runs; or recipes to train, and changes to them",
    )
    completers.attach(runs, completers.recipes_and_overrides)
    parser.set_defaults(words="runs")
    _add_training(parser)
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="split to compare on (default: test, or the first test split); with "
        "another split, the test split of new runs is not scored",
    )
    parser.add_argument(
        "--score", metavar="NAME", help="score to compare (default: the task's main score)"
    )
    parser.add_argument(
        "--difference",
        type=float,
        metavar="X",
        help="smallest difference that matters to you; the report says how many examples would "
        "show it (default: 0.5 in points, such as F1 or BLEU, and in perplexity; 0.01 in nats or bits)",
    )
    parser.add_argument(
        "--samples",
        type=positive_int,
        default=10_000,
        metavar="N",
        help="number of bootstrap resamples and of permutations (default: 10,000)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for report.json, report.html and runs (default: runs/compare/TASK/NAMES; "
        "with --models runs/compare/RECIPE/KINDS)",
    )
    parser.add_argument(
        "--measure",
        action=BooleanOptionalAction,
        help="measure latency, throughput and memory of prediction (default: only where "
        "recipes are trained)",
    )
    add_data_dir(parser)
    add_device(parser)
    add_code(parser)


def _add_training(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("training", "for recipes, not for finished runs")
    kinds = group.add_argument(
        "--models",
        type=name_list,
        default=(),
        metavar="KIND,...",
        help="kinds of encoder to train with one recipe",
    )
    completers.attach(kinds, completers.encoder_kinds)
    group.add_argument(
        "--seeds", type=seed_list, metavar="N,N,...", help="runs of each model (default: 13,14,15)"
    )
    group.add_argument(
        "--match",
        choices=("parameters", "time", "steps"),
        help="make models equal in parameters (without embedding and output layer), minutes "
        "of training, or updates (default: parameters; for several recipes steps)",
    )
    group.add_argument(
        "--minutes",
        type=float,
        metavar="X",
        help="training time of each model, with --match time",
    )


def execute(arguments: Namespace) -> int:
    """Compare, and print the report."""
    from nlpseq import custom_code
    from nlpseq.analysis.comparison import print_report
    from nlpseq.experiment.compare import compare

    custom_code.register(arguments.code)
    overrides = [word for word in arguments.runs if "=" in word and not Path(word).exists()]
    report, folder = compare(
        [word for word in arguments.runs if word not in overrides],
        overrides,
        models=arguments.models,
        seeds=arguments.seeds or (),
        match=arguments.match or "",
        minutes=arguments.minutes,
        local_data=arguments.data_dir,
        output=arguments.output,
        device=arguments.device,
        measure=arguments.measure,
        split=arguments.split,
        score=arguments.score,
        difference=arguments.difference,
        samples=arguments.samples,
    )
    print_report(report)
    show(f"\nreport: {folder / 'report.html'}")
    return 0
