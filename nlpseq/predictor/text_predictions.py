"""Predictions for a whole text or a pair of texts: a class, labels, a number; with what explains them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from nlpseq.predictor.prediction import DrawnPrediction, Prediction
from nlpseq.reporting import highlight
from nlpseq.safe_text import for_terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainablePrediction(DrawnPrediction):
    """A prediction for a whole text, or for a pair of texts, to which single tokens contribute.

    Attributes:
        text2: the second text of a pair; None for a single text.
        tokens: what the model read, where it attends.
        weights: attention on each token; in a hierarchical network they sum to 1 in each sentence.
        sentences: of a hierarchical network.
        sentence_weights: attention on each sentence.
        truncated: only the first tokens of a text were read.
        attributions: contribution of each token to the prediction, if it was asked for; negative: against it.
        attribution_method: by which they were computed, such as `integrated gradients`.
        tokens2: as `tokens`, of the second text; so are the next four.
    """

    explainable: ClassVar[bool] = True
    _omitted_if_empty: ClassVar[frozenset[str]] = frozenset(
        {
            "tokens",
            "weights",
            "sentences",
            "sentence_weights",
            "attributions",
            "attribution_method",
            "tokens2",
            "weights2",
            "sentences2",
            "sentence_weights2",
            "attributions2",
            "truncated",
        }
    )
    _of_tokens: ClassVar[frozenset[str]] = _omitted_if_empty

    text2: str | None = None
    tokens: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    sentences: tuple[str, ...] = ()
    sentence_weights: tuple[float, ...] = ()
    attributions: tuple[float, ...] = ()
    attribution_method: str = ""
    tokens2: tuple[str, ...] = ()
    weights2: tuple[float, ...] = ()
    sentences2: tuple[str, ...] = ()
    sentence_weights2: tuple[float, ...] = ()
    attributions2: tuple[float, ...] = ()
    truncated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object: the text or texts, what is predicted, and then what was asked for."""
        values = Prediction.to_json(self)
        if self.text2 is None:
            del values["text2"]
        asked_for = {name: values.pop(name) for name in [*values] if name in self._omitted_if_empty}
        return values | asked_for

    def label_parts(self) -> list[highlight.Label]:
        """Return what is predicted, to be drawn before the text."""
        raise NotImplementedError

    def parts(self, *, explain: bool = False) -> Iterable[highlight.Part]:
        """Return the label and the text; if `explain`, its tokens shaded by attributions, else attention."""
        labels: list[highlight.Part] = []
        for label in self.label_parts():
            labels += [highlight.Plain("", indent="  "), label] if labels else [label]
        if not explain:
            drawn = [*labels, highlight.Plain(self.text, indent="  ")]
            if self.text2 is not None:
                drawn += [highlight.Second(), highlight.Plain(self.text2, indent="  ")]
            return drawn
        if self.attributions:
            # both texts have one scale
            tokens, values = self.tokens + self.tokens2, self.attributions + self.attributions2
            shaded = highlight.shade_signed(tokens, values)
            note = highlight.Note(self.attribution_method)
            return [*labels, note, *_cut(shaded, len(self.tokens), paired=self.text2 is not None)]
        first = (self.tokens, self.weights, self.sentences, self.sentence_weights)
        shaded_texts: list[highlight.Part] = [*labels, *highlight.shade(*first)]
        if self.text2 is None:
            return shaded_texts
        other = (self.tokens2, self.weights2, self.sentences2, self.sentence_weights2)
        return [*shaded_texts, highlight.Second(), *highlight.shade(*other)]

    def has_explanation(self) -> bool:
        """Return whether there are attributions or weights of attention to show."""
        return bool(self.attributions or self.weights)

    def _repr_html_(self) -> str:
        return highlight.snippet(self.to_html(explain=bool(self.attributions or self.weights)))


def _cut(shaded: highlight.ShadedTokens, count: int, *, paired: bool) -> list[highlight.Part]:
    """Cut shaded tokens after the first `count`, which are those of the first text of a pair."""
    if not paired:
        return [shaded]
    first, second = shaded.tokens[:count], shaded.tokens[count:]
    return [replace(shaded, tokens=first), highlight.Second(), replace(shaded, tokens=second)]


@dataclass(frozen=True, slots=True)
class Classification(ExplainablePrediction):
    """The class of a text, or of a pair of texts.

    Attributes:
        label: the likeliest class.
        probabilities: of every class.
    """

    kind: ClassVar[str] = "a classification"

    label: str
    probabilities: Mapping[str, float]

    @property
    def confidence(self) -> float:
        """The probability of the label."""
        return self.probabilities[self.label]

    def to_record(self, *, tokens: bool = False, probabilities: bool = True) -> dict[str, Any]:
        """Return the JSON object that a file holds, with `confidence` after `label`."""
        record = Prediction.to_record(self, tokens=tokens, probabilities=probabilities)
        values = {}
        for name, value in record.items():
            values[name] = value
            if name == "label":
                values["confidence"] = self.confidence
        return values

    def label_parts(self) -> list[highlight.Label]:
        """Return the label and its probability."""
        return [highlight.Label(self.label, self.probabilities[self.label])]

    def summary(self) -> str:
        """Return the label and its probability: `positive (0.98)`."""
        return for_terminal(f"{self.label} ({self.probabilities[self.label]:.2f})", one_line=True)


@dataclass(frozen=True, slots=True)
class LabelledText(ExplainablePrediction):
    """The labels of a text, or of a pair of texts; there may be none or several.

    Attributes:
        labels: those whose probability reaches their threshold, the likeliest first.
        probabilities: of every label.
    """

    kind: ClassVar[str] = "labels"

    labels: tuple[str, ...]
    probabilities: Mapping[str, float]

    def label_parts(self) -> list[highlight.Label]:
        """Return the labels and their probabilities."""
        labels = [highlight.Label(label, self.probabilities[label]) for label in self.labels]
        return labels or [highlight.Label(None)]

    def summary(self) -> str:
        """Return the labels and their probabilities: `price (0.98), service (0.71)`."""
        parts = [f"{label} ({self.probabilities[label]:.2f})" for label in self.labels]
        return for_terminal(", ".join(parts), one_line=True) or "none"


@dataclass(frozen=True, slots=True)
class Regression(ExplainablePrediction):
    """The number that is predicted for a text, or for a pair of texts."""

    kind: ClassVar[str] = "a number"

    number: float

    def label_parts(self) -> list[highlight.Label]:
        """Return the number."""
        return [highlight.Label(self.summary(), None)]

    def summary(self) -> str:
        """Return the number with four digits, or without decimals if it is large."""
        return f"{self.number:.0f}" if abs(self.number) >= 1000 else f"{self.number:.4g}"
