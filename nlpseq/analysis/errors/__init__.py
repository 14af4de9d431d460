"""Errors of a trained model on a scored split: confident mistakes, confusions, slices, likely label errors.

Read in this order: `examples` reads stored predictions, `results` has the tables as dataclasses, `report` builds them;
`classes`, `spans` and `tags` count the mistakes of each kind of prediction, `slices` those by length and rare words,
`label_errors` and `conflicts` look for wrong labels, `shading` asks the model which tokens decided.
"""

from .report import build_error_report
from .results import ErrorReport

__all__ = ["ErrorReport", "build_error_report"]
