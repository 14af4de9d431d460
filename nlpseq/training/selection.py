"""The validation score that chooses the weights, and when the validation loss chooses instead.

`training.select_by` names the score; by default it is the main score of the task. Equal scores are ranked by the
validation loss. A score that even a perfect model could not raise above 0 chooses nothing: then the loss does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlpseq.errors import UserError, suggest
from nlpseq.reporting.formats import readable_name
from nlpseq.task import Record, Scores, Task

LOSS = "loss"
LOSSES = ("nll_per_token", LOSS)
"""Names of the validation loss among the scores, the first that is there."""
_AT_ONCE = 200
_REASONS = {
    "bleu": "no reference has the 4 tokens that BLEU counts",
    "f1": "they have no entity",
}


@dataclass(frozen=True)
class Criterion:
    """A validation score by which weights are compared.

    Attributes:
        name: name of the score; `loss` for the validation loss under either of its names.
        higher_is_better: direction of the score.
    """

    name: str
    higher_is_better: bool

    def value(self, scores: Scores) -> float:
        """Return the score; the worst value where it is not defined, as a correlation of equal numbers.

        Raises:
            UserError: it is the loss, and no example of validation has one.
        """
        if self.name != LOSS:
            return scores.get(self.name, -math.inf if self.higher_is_better else math.inf)
        loss = validation_loss(scores)
        if loss is None:
            raise UserError(
                "training.select_by = 'loss': no example of validation has a loss, since train lacks their "
                "classes or tags; choose another score or another validation split"
            )
        return loss

    def is_better(self, scores: Scores, best: Scores | None) -> bool:
        """Return whether scores are better than the best so far: equal ones if their loss is lower."""
        value = self.value(scores)
        if value != value:  # nan
            return False
        if best is None:
            return True
        before = self.value(best)
        if value != before:
            return value > before if self.higher_is_better else value < before
        loss, best_loss = validation_loss(scores), validation_loss(best)
        return loss is not None and best_loss is not None and loss < best_loss


BY_LOSS = Criterion(LOSS, higher_is_better=False)


def selection_criterion(task: Task[Any]) -> Criterion:
    """Return the score that `training.select_by` names, or the task's main score.

    Raises:
        UserError: the task has no such score, or neither of its directions is better.
    """
    directions = {task.main_metric: task.higher_is_better, **task.score_directions}
    name = task.recipe.training.select_by
    if name is None:
        return Criterion(task.main_metric, task.higher_is_better)
    if name in (LOSS, "nll"):
        return BY_LOSS
    if name not in directions:
        names = [*directions, LOSS]
        raise UserError(
            f"training.select_by: {name!r} is not a score that can choose weights"
            f"{suggest(name, names)} Available: {', '.join(dict.fromkeys(names))}"
        )
    return Criterion(name, directions[name])


def check_selection(task: Task[Any], *, validated: bool) -> None:
    """Check `training.select_by` before training.

    Raises:
        UserError: the task has no such score, or there is no validation split to choose by.
    """
    selection_criterion(task)
    name = task.recipe.training.select_by
    if name is not None and not validated:
        raise UserError(
            f"training.select_by = {name!r}: there is no validation split to choose weights by; "
            "hold one out with data.hold_out, or leave out training.select_by"
        )


def is_meaningless(task: Task[Any], criterion: Criterion, records: Sequence[Record]) -> bool:
    """Return whether even perfect predictions of these examples would score 0."""
    return criterion.higher_is_better and bool(_never_above_0(task, [criterion.name], records))


def meaningless_scores(task: Task[Any], records: Sequence[Record]) -> list[str]:
    """Return the scores of a split that even perfect predictions of its examples would not raise above 0."""
    directions = {task.main_metric: task.higher_is_better, **task.score_directions}
    return _never_above_0(task, [name for name, higher in directions.items() if higher], records)


def _never_above_0(task: Task[Any], names: Sequence[str], records: Sequence[Record]) -> list[str]:
    """Return those scores that are 0 for perfect predictions; mostly the first examples show that they can rise."""
    left, known = list(names), set[str]()
    for begin in range(0, len(records), _AT_ONCE):
        perfect = task.perfect_scores(records[begin : begin + _AT_ONCE])
        known |= {name for name in left if name in perfect}
        left = [name for name in left if not perfect.get(name, 0) > 0]
        if not left:
            break
    return [name for name in left if name in known]


def meaningless_note(criterion: Criterion, scores: Scores) -> str:
    """Return the line that says why the loss chooses the weights."""
    return f"{meaningless_line('validation', criterion.name)}; the lowest {_loss_name(scores)} chooses the weights"


def meaningless_line(split: str, *names: str) -> str:
    """Return the line that says why scores of a split mean nothing."""
    reason = next((f" ({_REASONS[name]})" for name in names if name in _REASONS), "")
    verb = "says" if len(names) == 1 else "say"
    listed = ", ".join(map(readable_name, names))
    return f"{split}: {listed} {verb} nothing on these data: a perfect model would have 0{reason}"


def zero_note(criterion: Criterion, scores: Scores, *, last: bool = False) -> str:
    """Return the line about a score that is 0 at the first validation, or was 0 at all; '' if it is not."""
    stuck = criterion.higher_is_better and criterion.value(scores) == 0
    if not stuck or validation_loss(scores) is None:
        return ""
    label, loss = readable_name(criterion.name), _loss_name(scores)
    if last:
        return f"validation: {label} was always 0; the lowest {loss} chose the weights"
    return f"validation: {label} is 0; until it moves, the lowest {loss} chooses the weights"


def validation_loss(scores: Scores) -> float | None:
    """Return the validation loss among scores, if it is there."""
    return next((scores[name] for name in LOSSES if name in scores), None)


def _loss_name(scores: Scores) -> str:
    return readable_name(next(name for name in LOSSES if name in scores))
