"""Finished runs side by side: which is better, how sure is that, and what does it cost?

file         | holds
-------------|-----------------------------------------------------------------
reading.py   | runs from their directories; those of several seeds together
checks.py    | whether they can be compared at all, and by which scores
units.py     | which way a score is better, and in what unit it is spoken of
pairs.py     | two models: difference, interval, p-values, effect size
verdict.py   | that in plain words
slices.py    | scores by length of the input, and by rare and unseen words
costs.py     | what each model took
measuring.py | speed and memory of answers, in a process of their own
report.py    | all of it as one report
tables.py    | the report on a terminal
pictures.py  | figures: learning curves, score and cost
page.py      | the report as one HTML page
writing.py   | report.json, report.html and the figures
"""

from .report import Report, check_options, compare
from .runs import run_folders, scored_splits, test_split
from .tables import print_report
from .writing import PLAN, check_place, default_folder, folder_of, write

__all__ = [
    "PLAN",
    "Report",
    "check_options",
    "check_place",
    "compare",
    "default_folder",
    "folder_of",
    "print_report",
    "run_folders",
    "scored_splits",
    "test_split",
    "write",
]
