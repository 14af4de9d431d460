"""`nlpseq errors`: the mistakes of a trained model, and labels that are likely wrong."""

import json
import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli.common_options import add_code, add_data_dir, add_device
from nlpseq.cli.option_types import positive_int
from nlpseq.cli.standard_streams import as_json
from nlpseq.safe_text import for_json_output, show

SUMMARY = "show where a trained model is wrong, and labels that are likely wrong"
DESCRIPTION = """\
List the errors of a run from its stored predictions: the most confident ones,
by pair of classes or type of entity, by length and rare words, and likely label
errors. A page shows the texts, shaded by what the model decided by."""
EXAMPLES = """\
examples:
  nlpseq errors runs/tickets
  nlpseq errors runs/tickets --split validation --output errors.html
  nlpseq errors runs/tickets --json
  nlpseq run runs/tickets/recipe.toml --folds 5 --output runs/folds
  nlpseq errors runs/folds

The page is written to RUN/errors/SPLIT.html; with --json only to --output.
Label errors need predictions on examples that the model was not trained on:
validation, test, or the folds of a cross-validation.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq errors`."""
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="run directory, or the folder of several folds"
    )
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="split to show, such as validation (default: test, or else the last scored one)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="HTML page to write")
    parser.add_argument(
        "--limit",
        type=positive_int,
        default=20,
        metavar="N",
        help="number of rows of each table (default: 20)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_data_dir(parser)
    add_device(parser)
    add_code(parser)


def execute(arguments: Namespace) -> int:
    """Print the errors, and write the page."""
    from nlpseq import custom_code
    from nlpseq.analysis.errors import build_error_report
    from nlpseq.analysis.errors.writing import default_page, write_page
    from nlpseq.files import check_writable
    from nlpseq.reporting.error_tables import print_errors

    custom_code.register(arguments.code)
    if arguments.output is not None:
        check_writable(arguments.output)
    report, runs = build_error_report(
        arguments.run,
        split=arguments.split,
        limit=arguments.limit,
        local_data=arguments.data_dir,
    )
    if arguments.json:
        as_json()
        print(for_json_output(json.dumps(report.to_json(), ensure_ascii=False, indent=2)))
    else:
        print_errors(report.to_json())
    if arguments.json and arguments.output is None:
        return 0
    page = arguments.output or default_page(arguments.run, report.split)
    command = shlex.join(["nlpseq", *arguments.command_line])
    if note := write_page(report, runs, page, device=arguments.device, command=command):
        show(f"note: {note}", file=sys.stderr)
    show(f"page: {page}", file=sys.stderr if arguments.json else sys.stdout)
    return 0
