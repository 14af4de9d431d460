"""Predictions: a frozen dataclass for each kind, which renders itself.

`to_json` is there always; a kind that has further methods of `FORMATS` can be written in these formats too.
A new kind is one class in this file. Attributes have the names used in JSON.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, NamedTuple

from nlpseq.reporting import highlight


class Format(NamedTuple):
    """A format for predictions: the method that renders one, and the usual suffix of a file."""

    method: str
    suffix: str


_LINE_END = re.compile("\r\n|[\r\n]")

FORMATS = {
    "json": Format("to_json", ".jsonl"),
    "text": Format("to_text", ".txt"),
    "conll": Format("to_conll", ".conll"),
    "html": Format("to_html", ".html"),
    "spans": Format("to_spans", ".spans.jsonl"),
}


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction for one text.

    Attributes:
        text: the text as the user gave it.
        kind: the name of the kind in messages, with its article.
        default_format: the format in which it is written unless another is chosen.
        terminal_format: the same on a terminal.
        one_line: `to_text` returns one line even for a text of several lines.
        explainable: attributions or attention weights can be part of the prediction; see `has_explanation`.
    """

    kind: ClassVar[str] = "a prediction"
    default_format: ClassVar[str] = "json"
    terminal_format: ClassVar[str] = "json"
    one_line: ClassVar[bool] = False
    explainable: ClassVar[bool] = False
    _omitted_if_empty: ClassVar[frozenset[str]] = frozenset()
    _of_tokens: ClassVar[frozenset[str]] = frozenset()

    text: str

    @classmethod
    def formats(cls) -> list[str]:
        """Return the names of the formats that this kind has."""
        return [name for name, (method, _) in FORMATS.items() if hasattr(cls, method)]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with the attributes; optional ones are left out where they are empty."""
        return {
            field.name: _as_json(getattr(self, field.name))
            for field in fields(self)
            if not (field.name in self._omitted_if_empty and not getattr(self, field.name))
        }

    def to_record(self, *, tokens: bool = False, probabilities: bool = True) -> dict[str, Any]:
        """Return the JSON object that a file holds.

        Args:
            tokens: add what is said of each token, which may take ten times the space of the text.
            probabilities: add those of all classes.
        """
        left_out = set() if tokens else {*self._of_tokens}
        if not probabilities and isinstance(getattr(self, "probabilities", None), Mapping):
            left_out.add("probabilities")
        return {name: value for name, value in self.to_json().items() if name not in left_out}

    def to_columns(self, *, tokens: bool = False, probabilities: bool = True) -> dict[str, Any]:
        """Return the values for the columns of a table; arguments are those of `to_record`."""
        return self.to_record(tokens=tokens, probabilities=probabilities)

    def summary(self) -> str:
        """Return the prediction without its text in one line."""
        return json.dumps({**self.to_json(), "text": "..."}, ensure_ascii=False)

    def has_explanation(self) -> bool:
        """Return whether there are attention weights to show, or no text that needs any."""
        return False


@dataclass(frozen=True, slots=True)
class DrawnPrediction(Prediction):
    """A prediction drawn from parts: text, colours on a terminal and HTML come from `parts` alone."""

    terminal_format: ClassVar[str] = "text"

    def parts(self, *, explain: bool = False) -> Iterable[highlight.Part]:
        """Return the parts to draw; `explain` adds attention weights."""
        raise NotImplementedError

    def to_text(self, *, explain: bool = False) -> str:
        """Return the prediction as text without colour."""
        return highlight.plain(self.parts(explain=explain))

    def to_html(self, *, explain: bool = False, palette: highlight.Palette | None = None) -> str:
        """Return a paragraph of HTML; predictions on one page share a palette."""
        return highlight.paragraph(self.parts(explain=explain), palette or highlight.Palette())

    def _repr_html_(self) -> str:
        return highlight.snippet(self.to_html())


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
        return f"{self.label} ({self.probabilities[self.label]:.2f})"


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
        return ", ".join(parts) or "none"


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


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled span of a text.

    Attributes:
        text: the characters from `start` to `end` in the text as the user gave it.
        type: its label, such as PER.
        start: index of its first character.
        end: index after its last character.
        confidence: probability that exactly these words are an entity of this type.
    """

    text: str
    type: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class TaggedText(DrawnPrediction):
    """The entities in a text, and the tag of each token in the BIO scheme."""

    kind: ClassVar[str] = "entities"
    _of_tokens: ClassVar[frozenset[str]] = frozenset({"tokens", "tags"})

    entities: tuple[Entity, ...]
    tokens: tuple[str, ...]
    tags: tuple[str, ...]

    def parts(self, *, explain: bool = False) -> Iterable[highlight.Part]:
        """Return the text with its entities marked."""
        end = 0
        for entity in sorted(self.entities, key=lambda entity: entity.start):
            yield highlight.Plain(self.text[end : entity.start])
            marked = self.text[entity.start : entity.end]
            yield highlight.Mark(marked, entity.type, entity.confidence)
            end = entity.end
        yield highlight.Plain(self.text[end:])

    def to_conll(self) -> str:
        """Return a line `token tag` for each token, and an empty line at the end."""
        rows = zip(self.tokens, self.tags, strict=True)
        return "".join(f"{token} {tag}\n" for token, tag in rows) + "\n"

    def to_spans(self) -> dict[str, Any]:
        """Return the text and its entities by offset, as doccano and `data.format = "spans"` read them."""
        label = [[entity.start, entity.end, entity.type] for entity in self.entities]
        return {"text": self.text, "label": label}

    def summary(self) -> str:
        """Return the entities and their types: `Ada Lovelace PER, Paris LOC`."""
        return ", ".join(f"{entity.text} {entity.type}" for entity in self.entities) or "none"


@dataclass(frozen=True, slots=True)
class TaggedWords(TaggedText):
    """Plain tags of the words of a text, such as parts of speech; there are no entities.

    Attributes:
        offsets: begin and end of each token in the text as the user gave it.
        confidences: probability of each tag.
    """

    kind: ClassVar[str] = "tagged words"
    _omitted_if_empty: ClassVar[frozenset[str]] = frozenset({"entities"})
    _of_tokens: ClassVar[frozenset[str]] = frozenset({"offsets", "confidences"})

    @classmethod
    def formats(cls) -> list[str]:
        """Return the names of the formats, without that of spans."""
        return [name for name in TaggedText.formats() if name != "spans"]

    offsets: tuple[tuple[int, int], ...] = ()
    confidences: tuple[float, ...] = ()

    def parts(self, *, explain: bool = False) -> Iterable[highlight.Part]:
        """Return the text with a tag at each token."""
        before = 0
        rows = zip(self.tokens, self.tags, self.offsets, self.confidences, strict=True)
        for token, tag, (start, end), confidence in rows:
            yield highlight.Plain(self.text[before:start])
            yield highlight.Mark(token, tag, confidence)
            before = end
        yield highlight.Plain(self.text[before:])

    def summary(self) -> str:
        """Return the tokens with their tags: `the/DET cat/NOUN`."""
        return highlight.safe(" ".join(map("/".join, zip(self.tokens, self.tags, strict=True))))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One output of a beam: its text, the score that ranks it, and its log-probability in nats."""

    output: str
    score: float
    log_prob: float


@dataclass(frozen=True, slots=True)
class GeneratedText(Prediction):
    """The output for a source text.

    Attributes:
        output: the generated text; empty for a source without a token.
        score: the score that ranks it; None for a source without a token.
        truncated: only the beginning of the source was read.
        hypotheses: the best outputs of the beam, if `num_return` is above 1.
    """

    kind: ClassVar[str] = "generated text"
    default_format: ClassVar[str] = "text"
    terminal_format: ClassVar[str] = "text"
    one_line: ClassVar[bool] = True
    _omitted_if_empty: ClassVar[frozenset[str]] = frozenset({"hypotheses", "truncated"})

    output: str
    score: float | None
    truncated: bool = False
    hypotheses: tuple[Hypothesis, ...] = ()

    def to_text(self) -> str:
        """Return the output as one line."""
        return _LINE_END.sub(" ", self.output.rstrip("\r\n"))

    def to_html(self) -> str:
        """Return a paragraph of HTML: the source and its output, or all hypotheses."""
        outputs = [(output.output, output.score) for output in self.hypotheses or (self,)]
        return highlight.output_paragraph(self.text, outputs)

    def to_columns(self, *, tokens: bool = False, probabilities: bool = True) -> dict[str, Any]:
        """Return the values for the columns of a table; `truncated` is one in every row."""
        record = self.to_record(tokens=tokens, probabilities=probabilities)
        hypotheses = {name: record.pop(name) for name in ("hypotheses",) if name in record}
        return {**record, "truncated": self.truncated, **hypotheses}

    def summary(self) -> str:
        """Return the output as one line that is safe to print on a terminal."""
        return highlight.safe(self.to_text())

    def _repr_html_(self) -> str:
        return highlight.snippet(self.to_html())


@dataclass(frozen=True, slots=True)
class TextScore(DrawnPrediction):
    """The score of a text by a language model: nll in nats, tokens, perplexity (None without a token)."""

    kind: ClassVar[str] = "the score of a text"

    nll: float
    tokens: int
    perplexity: float | None

    def parts(self, *, explain: bool = False) -> Iterable[highlight.Part]:
        """Return the perplexity and the text."""
        if self.perplexity is None:
            return [highlight.Label(None, missing="no token")]
        label = highlight.Label("perplexity", self.perplexity)
        return [label, highlight.Plain(self.text, indent="  ")]

    def summary(self) -> str:
        """Return the perplexity: `perplexity 20.09`."""
        return "none" if self.perplexity is None else f"perplexity {self.perplexity:.2f}"


@dataclass(frozen=True, slots=True)
class TokenPredictions(Prediction):
    """The likeliest token at each position given the tokens before it, and its probability."""

    kind: ClassVar[str] = "predicted tokens"
    terminal_format: ClassVar[str] = "text"

    tokens: tuple[str, ...]
    predictions: tuple[str, ...]
    probabilities: tuple[float, ...]

    def to_text(self) -> str:
        """Return each token with the one that is predicted after it: `a>b b>c`."""
        return " ".join(map(">".join, zip(self.tokens, self.predictions, strict=True)))

    def summary(self) -> str:
        """Return the predicted tokens."""
        return highlight.safe(" ".join(self.predictions))


@dataclass(frozen=True, slots=True)
class AttendedText(Prediction):
    """An output and what each of its tokens attended to.

    Attributes:
        output: the generated text.
        source_tokens: S tokens of the source.
        output_tokens: T tokens of the output, with `</s>` for its end.
        weights: (T, S) attention weights.
    """

    kind: ClassVar[str] = "attention weights"

    output: str
    source_tokens: tuple[str, ...]
    output_tokens: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]

    def to_html(self) -> str:
        """Return the source, the output and a table of the weights as HTML."""
        pair = highlight.output_paragraph(self.text, [(self.output, None)])
        return pair + highlight.weight_table(self.source_tokens, self.output_tokens, self.weights)

    def _repr_html_(self) -> str:
        return highlight.snippet(self.to_html())


def _as_json(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value
