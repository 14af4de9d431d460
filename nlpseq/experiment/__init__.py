"""From a recipe to a finished run directory, and from a model directory to its scores.

file             | holds
-----------------|---------------------------------------------------------
training_run.py  | one run in its directory
seeds.py         | a recipe by its name; one run for each of several seeds
evaluation.py    | scores of a split
contest.py       | what is to be compared, and how models are made equal
comparing.py     | several models trained and compared
matching.py      | models made equal in size or time
quickstart.py    | both quickstart recipes of every task
environment.py   | device, precision, processes
"""

from nlpseq.devices import build_accelerator

from .candidates import Contest
from .compare import compare, contest
from .evaluate import evaluate
from .quickstart import Quickstart, quickstart
from .run import Options, Run, RunResult
from .seeds import read_recipe, run, summarize

__all__ = [
    "Contest",
    "Options",
    "Quickstart",
    "Run",
    "RunResult",
    "build_accelerator",
    "compare",
    "contest",
    "evaluate",
    "quickstart",
    "read_recipe",
    "run",
    "summarize",
]
