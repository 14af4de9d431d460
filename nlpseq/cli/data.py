"""`nlpseq data`: report on data of the user."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli.column_options import (
    add_data_and_columns,
    columns_given,
    split_words,
    splits_given,
)
from nlpseq.cli.standard_streams import as_json
from nlpseq.safe_text import for_json_output, show

SUMMARY = "report on data: classes, lengths, languages, duplicates, overlap, unknown words"
DESCRIPTION = "Report on data as `nlpseq train` reads them."
EXAMPLES = """\
examples:
  nlpseq data tickets.csv
  nlpseq data tickets.csv --label category --html report.html
  nlpseq data train.csv --test test.csv --json > report.json
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq data`."""
    add_data_and_columns(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write an HTML page")
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: Namespace) -> int:
    """Print the report."""
    paths, overrides = split_words(arguments.data)
    from nlpseq.experiment.own_data import read_own_data
    from nlpseq.files import check_writable, write_text
    from nlpseq.reporting import tables
    from nlpseq.reporting.data_report_page import report_page

    if arguments.html is not None:
        check_writable(arguments.html)
    data = read_own_data(
        paths, columns_given(arguments), splits_given(arguments), overrides, only_report=True
    )
    report = data.report.to_json()
    if arguments.json:
        as_json()
        print(for_json_output(json.dumps(report, ensure_ascii=False, indent=2)))
    else:
        tables.report_data(report)
    if arguments.html is not None:
        write_text(arguments.html, report_page(report, ", ".join(paths)))
        show(f"page: {arguments.html}", file=sys.stderr)
    return 0
