"""nlpseq: train, evaluate, compare and use recurrent and Transformer sequence models for language.

    import nlpseq

    result = nlpseq.run("language_modeling/quickstart", training={"epochs": 2})
    print(result.metrics["test"]["perplexity"])
    model = nlpseq.load(result.folder, task="language_modeling")
    print(model.generate(num_samples=3, seed=1))

Importing the package is cheap: torch and the tasks are imported by the functions that need them.
"""

from nlpseq.api.studying import compare, inspect
from nlpseq.api.trained import evaluate, find_errors, load
from nlpseq.api.training import quickstart, report, run, train
from nlpseq.errors import UserError

__all__ = [
    "UserError",
    "__version__",
    "quickstart",
    "report",
    "train",
    "run",
    "evaluate",
    "find_errors",
    "load",
    "inspect",
    "compare",
]

__version__ = "0.2.0"
