"""Probabilities of classes at a temperature, and the temperature that fits validation."""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.calibration import Judged, choose_temperature
from ..base.vector_task import BatchOutputs


def class_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Return probabilities (B, K) from logits.

    With a temperature they are computed in float64, so that unequal logits stay unequal and the class is the same.
    """
    if temperature == 1:
        return logits.softmax(1)
    return (logits.cpu().double() / temperature).softmax(1)


def fit_classes(outputs: Iterable[BatchOutputs], labels: Sequence[str]) -> tuple[float, list[str]]:
    """Choose the temperature on the outputs of validation.

    Args:
        outputs: of all its examples.
        labels: classes, in the order of the logits.

    Returns:
        The temperature, and notes.
    """
    logits, targets = [], []
    for batch in outputs:
        logits.append(batch.logits.cpu().double())
        targets += batch.targets
    index = {label: number for number, label in enumerate(labels)}
    gold = torch.tensor([index.get(target, -1) for target in targets])
    known = gold >= 0
    if not bool(known.any()):
        return 1.0, ["temperature left at 1: train has no class of validation"]
    values = torch.cat(logits)  # (N, K)

    def nll(temperature: float) -> float:
        return float(F.cross_entropy(values[known] / temperature, gold[known]))

    def judge(temperature: float) -> Judged:
        confidences, predicted = (values / temperature).softmax(1).max(1)
        return Judged(confidences.tolist(), (predicted == gold).tolist())

    temperature, note = choose_temperature(nll, judge, "text")
    return temperature, [note]
