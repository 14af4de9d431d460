"""Temperatures: planted ones come back, and nothing has a lower nll."""

import math

import numpy as np
import pytest

from nlpseq.metrics.temperature import HIGHEST, LOWEST, fit_temperature


def nll_of(logits: np.ndarray, gold: np.ndarray):
    def nll(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(1, keepdims=True)
        log_z = (top + np.log(np.exp(scaled - top).sum(1, keepdims=True)))[:, 0]
        return float((log_z - scaled[np.arange(len(gold)), gold]).mean())

    return nll


def drawn(classes: int, factor: float, size: int = 20_000):
    """Labels drawn from the softmax of logits, which are then multiplied: the model is too sure by this factor."""
    random = np.random.default_rng(3)
    logits = 2 * random.normal(size=(size, classes))
    noisy = logits + random.gumbel(size=logits.shape)  # its argmax is a draw from the softmax
    return logits * factor, noisy.argmax(1)


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 7])
def test_a_planted_factor_is_the_temperature(classes: int, factor: float) -> None:
    fit = fit_temperature(nll_of(*drawn(classes, factor)))
    assert fit.temperature == pytest.approx(factor, rel=0.05)
    assert not fit.bounded


def test_no_temperature_has_a_lower_nll() -> None:
    nll = nll_of(*drawn(3, 3.0, size=300))
    fit = fit_temperature(nll)
    grid = np.exp(np.linspace(math.log(LOWEST), math.log(HIGHEST), 400))
    assert fit.after <= min(map(nll, grid)) + 1e-12
    assert fit.before == nll(1.0) > fit.after == nll(fit.temperature)


def test_without_a_minimum_it_is_an_end_of_the_range() -> None:
    logits = np.array([[1.0, 0.0], [0.0, 1.0]])
    right, wrong = (fit_temperature(nll_of(logits, np.array(gold))) for gold in ([0, 1], [1, 0]))
    assert right.bounded
    assert right.temperature == pytest.approx(LOWEST, rel=1e-3)
    assert wrong.bounded
    assert wrong.temperature == pytest.approx(HIGHEST, rel=1e-3)
