"""The tables of an error report as dataclasses; `to_json` is what `nlpseq errors --json` prints."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nlpseq.reporting.error_tables import error_lines, error_tables
from nlpseq.reporting.notebook import table_html
from nlpseq.safe_text import for_html

Text = str | tuple[str, ...]
"""A text, or its tokens."""


@dataclass(frozen=True)
class SpanError:
    """A span that is wrong: gold, predicted, or both.

    Attributes:
        kind: `missed`, `spurious`, `wrong type`, `wrong boundary`, or `wrong type and boundary`.
        gold: (start, end, type) in tokens, or in characters of a raw text; None: spurious.
        predicted: the same of the model; None: missed.
        gold_text: text of the gold span.
        predicted_text: text of the predicted span.
    """

    kind: str
    gold: tuple[int, int, str] | None
    predicted: tuple[int, int, str] | None
    gold_text: str = ""
    predicted_text: str = ""


@dataclass(frozen=True)
class Case:
    """An example that is shown.

    Attributes:
        index: of the example in its split.
        texts: that the model read: one, or two of a pair; (): not stored, and the data are not available.
        columns: ids and further columns of the user.
        target: reference, as in the stored predictions.
        prediction: of the model.
        value: what the cases of a list are sorted by: confidence, score, nll per token, error.
        fold: of a cross-validation; 0: none.
        spans: wrong spans.
    """

    index: int
    texts: tuple[Text, ...]
    columns: Mapping[str, Any]
    target: Any
    prediction: Any
    value: float | None = None
    fold: int = 0
    spans: tuple[SpanError, ...] = ()


@dataclass(frozen=True)
class Confusion:
    """A pair of classes, tags or types that the model confuses.

    Attributes:
        target: the reference.
        prediction: of the model.
        count: number of mistakes.
        share: of all examples (or tokens) with this target.
        cases: some of them.
    """

    target: str
    prediction: str
    count: int
    share: float
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True)
class TypeErrors:
    """Errors by type of span, by label of several, or by plain tag; a count that has no meaning is 0.

    Attributes:
        type: name of the type.
        gold: number of references.
        predicted: number of predictions.
        correct: of both.
        missed: references that no prediction overlaps.
        spurious: predictions that overlap no reference.
        wrong_type: the same boundaries, another type.
        wrong_boundary: overlaps a reference of the same type.
        wrong_both: overlaps a reference of another type.
    """

    type: str
    gold: int
    predicted: int
    correct: int
    missed: int = 0
    spurious: int = 0
    wrong_type: int = 0
    wrong_boundary: int = 0
    wrong_both: int = 0


@dataclass(frozen=True)
class ErrorSlice:
    """Examples that share a property, such as a length of 4 to 7 words.

    Attributes:
        name: the values of the property.
        examples: their number.
        mistakes: number of wrong ones; None where examples are not just right or wrong.
        score: main score on them; None if undefined.
    """

    name: str
    examples: int
    mistakes: int | None
    score: float | None


@dataclass(frozen=True)
class LabelIssue:
    """A label that is likely wrong.

    Attributes:
        case: the example; `value` is the probability of its label.
        suggested: the class that the model holds for right.
        margin: probability of the given label less that of the suggested one.
    """

    case: Case
    suggested: str
    margin: float


@dataclass(frozen=True)
class LabelErrors:
    """Likely label errors by confident learning.

    Attributes:
        estimated: estimated number of wrong labels; None: not computed.
        issues: the likeliest, first.
        count: number of all issues.
        note: why there are none, or what they rest on.
    """

    estimated: float | None = None
    issues: tuple[LabelIssue, ...] = ()
    count: int = 0
    note: str = ""


@dataclass(frozen=True)
class Conflict:
    """Equal texts with different references."""

    texts: tuple[Text, ...]
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class ErrorReport:
    """The errors of a run on a split.

    Attributes:
        run: its directory.
        task: name of the task.
        split: that was scored.
        kind: of predictions: classes, tags, spans, texts, likelihoods, numbers or label sets.
        examples: their number.
        mistakes: number of wrong ones; None where examples are not just right or wrong.
        score: name of the main score.
        scores: of the split.
        value: name of what `worst` is sorted by.
        worst: the most confident mistakes, or the examples with the worst scores.
        confusions: by pair of classes, tags or types, the most frequent first.
        types: by type of span, label or tag.
        slices: by length and by rare words.
        label_errors: by confident learning.
        conflicts: equal texts with different references.
        train_conflicts: texts that train has with other classes; the first cases of each are from train.
        notes: what could not be computed, and why.
    """

    run: str
    task: str
    split: str
    kind: str
    examples: int
    mistakes: int | None
    score: str
    scores: Mapping[str, float]
    value: str
    worst: tuple[Case, ...]
    confusions: tuple[Confusion, ...] = ()
    types: tuple[TypeErrors, ...] = ()
    slices: Mapping[str, tuple[ErrorSlice, ...]] = field(default_factory=dict)
    label_errors: LabelErrors = LabelErrors()
    conflicts: tuple[Conflict, ...] = ()
    train_conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return asdict(self)

    def cases(self) -> list[Case]:
        """Return every case of the report once."""
        shown = [*self.worst, *(case for pair in self.confusions for case in pair.cases)]
        shown += [issue.case for issue in self.label_errors.issues]
        shown += [case for conflict in self.conflicts for case in conflict.cases]
        return list({(case.fold, case.index): case for case in shown}.values())

    def _repr_html_(self) -> str:
        content = self.to_json()
        lines = "".join(f"<p>{for_html(line)}</p>" for line in error_lines(content))
        return lines + "".join(
            f"<h4>{for_html(table.title)}</h4>{table_html(table.rows)}"
            for table in error_tables(content)
        )
