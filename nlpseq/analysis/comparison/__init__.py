"""Finished runs compared: which model is better, how certain is that, and what does it cost?

Read `report` (the story), `runs`, `comparability`, `pairwise` and `verdict` (the result); `costs`, `speed` and
`slices` add to it, `tables`, `figures`, `html` and `writing` show it.
"""

from .report import Report, check_options, compare
from .runs import run_folders, scored_splits, test_split
from .tables import print_report
from .writing import PLAN, check_folder, default_folder, folder_of, write

__all__ = [
    "PLAN",
    "Report",
    "check_options",
    "check_folder",
    "compare",
    "default_folder",
    "folder_of",
    "print_report",
    "run_folders",
    "scored_splits",
    "test_split",
    "write",
]
