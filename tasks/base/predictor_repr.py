"""The `repr` of predictors."""

from typing import ClassVar

import torch


class PredictorRepr:
    """Shows a predictor in a notebook or debugger as `<text classifier on cpu>`."""

    name: ClassVar[str]
    device: torch.device

    def __repr__(self) -> str:
        return f"<{self.name} on {self.device}>"
