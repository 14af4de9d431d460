"""Prediction: the base of all kinds, a frozen dataclass that renders itself; and one that is drawn from parts.

`to_json` is there always; a kind that has further methods of `FORMATS` can be written in these formats too.
Attributes have the names used in JSON.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, NamedTuple

from nlpseq.reporting import highlight
from nlpseq.safe_text import for_json


class Format(NamedTuple):
    """A format for predictions: the method that renders one, and the usual suffix of a file."""

    method: str
    suffix: str


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
        return for_json(json.dumps({**self.to_json(), "text": "..."}, ensure_ascii=False))

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


def _as_json(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value
