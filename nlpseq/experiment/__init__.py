"""From a recipe to a finished run directory, and from a model directory to its scores.

file             | holds
-----------------|---------------------------------------------------------
training_run.py  | one run in its directory
seeds.py         | a recipe by its name; one run for each of several seeds
evaluation.py    | scores of a split
environment.py   | device, precision, processes
"""

from .environment import build_accelerator
from .evaluation import evaluate
from .seeds import read_recipe, run, summarize
from .training_run import Options, Run, RunResult

__all__ = [
    "Options",
    "Run",
    "RunResult",
    "build_accelerator",
    "evaluate",
    "read_recipe",
    "run",
    "summarize",
]
