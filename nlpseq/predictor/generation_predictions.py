"""Predictions of models that generate text: outputs, scores of texts, and weights of attention."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from nlpseq.predictor.prediction import DrawnPrediction, Prediction
from nlpseq.reporting import highlight
from nlpseq.safe_text import for_terminal

_LINE_END = re.compile("\r\n|[\r\n]")


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
        return for_terminal(self.to_text())

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
