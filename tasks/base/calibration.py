"""`head.calibrate`: a temperature that is chosen on validation after training, shared by classifiers and taggers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.metrics.calibration import expected_calibration_error
from nlpseq.metrics.temperature import HIGHEST, LOWEST, Fit, fit_temperature
from nlpseq.stored_values import StoredValues

STATE = "temperature"
"""Key in the state of a task."""


class Judged(NamedTuple):
    """Predictions of validation: the confidence of each, and whether it is correct."""

    confidences: Sequence[float]
    correct: Sequence[bool]

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return expected_calibration_error(self.confidences, self.correct)


def check_calibration(calibrate: bool, splits: Mapping[str, Split]) -> None:
    """Refuse `head.calibrate` without a split to choose a temperature on.

    Raises:
        UserError: there is no validation split.
    """
    if calibrate and "validation" not in splits:
        raise UserError(
            "head.calibrate = true: there is no validation split to choose a temperature on; hold one out with "
            "data.hold_out, or leave out head.calibrate"
        )


def choose_temperature(
    nll: Callable[[float], float], judge: Callable[[float], Judged], unit: str
) -> tuple[float, str]:
    """Choose the temperature with the lowest nll.

    Args:
        nll: mean of validation by temperature.
        judge: returns the predictions of validation with their confidences at a temperature.
        unit: the nll is a mean over it, such as `text`.

    Returns:
        The temperature, and a note on it. It is 1 where the nll falls to the lower end of the range, as for a model
        that is right about all of validation: nothing is known then about how often it is wrong.
    """
    fit = fit_temperature(nll)
    if fit.bounded and fit.temperature < 1:
        left = judge(1.0)
        error = f"; calibration error {left.error:.3f}, nll per {unit} {fit.before:.4f}"
        return 1.0, (
            f"temperature left at 1: the nll of validation falls down to the lowest one, {LOWEST}, since (nearly) "
            f"every prediction is right{error if left.confidences else ''}"
        )
    return fit.temperature, _note(fit, judge(1.0), judge(fit.temperature), unit)


def _note(fit: Fit, before: Judged, after: Judged, unit: str) -> str:
    end = f", the highest that is tried ({HIGHEST:g})" if fit.bounded else ""
    errors = "no entity is predicted"
    if before.confidences:
        errors = f"calibration error {before.error:.3f} before, {after.error:.3f} after"
    return (
        f"temperature {fit.temperature:.3f} chosen on validation{end}: nll per {unit} {fit.before:.4f} before, "
        f"{fit.after:.4f} after; {errors}"
    )


def calibration_state(calibrate: bool, temperature: float) -> dict[str, Any]:
    """Return the part of a task's state; models that are not calibrated have none."""
    return {STATE: temperature} if calibrate else {}


def restored_temperature(state: Mapping[str, Any]) -> float:
    """Return the temperature of a saved model.

    Raises:
        UserError: it is no number that calibration chooses.
    """
    stored = StoredValues(state)
    return stored.number(STATE, LOWEST / 2, 2 * HIGHEST) if STATE in stored else 1.0
