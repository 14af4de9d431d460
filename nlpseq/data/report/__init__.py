"""The report on data: counts, lengths, scripts, duplicates, overlap, unknown tokens, labels and tags.

Read `report` (what a report holds, and how it is built), then `texts`, `labels` and `tags` (one pass over a
column each, in bounded memory), `values`, `languages` and `unknown` (of a sample).
"""

from .labels import LabelReport, NumberReport
from .report import Conflicts, DataReport, Overlap, PairReport, SplitReport, build_report
from .tags import TagReport
from .texts import Quantiles, TextReport

__all__ = [
    "Conflicts",
    "DataReport",
    "LabelReport",
    "NumberReport",
    "Overlap",
    "PairReport",
    "Quantiles",
    "SplitReport",
    "TagReport",
    "TextReport",
    "build_report",
]
