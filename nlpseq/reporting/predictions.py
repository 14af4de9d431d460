"""Predictions as they are printed or written: JSON lines, text, CoNLL or HTML."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nlpseq.errors import UserError
from nlpseq.predictor import FORMATS, DrawnPrediction, Prediction
from nlpseq.reporting import highlight
from nlpseq.reporting.prediction_records import TABLES, as_json
from nlpseq.safe_text import for_json, for_terminal


def render(
    chunks: Iterable[Sequence[Prediction]],
    format: str | None,
    *,
    explain: bool,
    terminal: bool,
    tokens: bool = False,
    probabilities: bool = True,
) -> Iterator[str]:
    """Yield predictions as text, one string for each chunk; HTML is one page over all chunks.

    Args:
        chunks: what a predictor returned, chunk by chunk; none is empty.
        format: a key of `FORMATS`; None for the default of the kind of prediction.
        explain: show contributions of tokens, or attention.
        terminal: the text is shown on a terminal, in its colours, and not kept in a file.
        tokens: JSON has what is said of each token.
        probabilities: JSON has the probabilities of all classes.

    Raises:
        UserError: the predictions do not have this format, or no attention weights to explain them.
    """
    renderer: Callable[[Prediction], str] | None = None
    for number, chunk in enumerate(chunks):
        if format is None:
            format = default_format(type(chunk[0]), explain=explain, terminal=terminal)
        if renderer is None:
            check_format(type(chunk[0]), format, explain=explain)
            renderer = (
                _json_renderer(tokens=tokens or explain, probabilities=probabilities)
                if format == "json"
                else _renderer(format, explain=explain, terminal=terminal)
            )
        if explain:
            check_explanations(chunk)
        start = highlight.PAGE_START if format == "html" and number == 0 else ""
        content = start + "".join(map(renderer, chunk))
        yield _on_terminal(content, format) if terminal else content
    if format == "html":
        yield highlight.PAGE_END


def _on_terminal(content: str, format: str) -> str:
    """Return predictions for a terminal; as text they have been made visible and coloured already."""
    if format == "text":
        return content
    return for_json(content) if format in ("json", "spans") else for_terminal(content)


def default_format(kind: type[Prediction], *, explain: bool = False, terminal: bool = False) -> str:
    """Return the format in which a kind of prediction is written unless another is chosen."""
    if terminal and explain:
        return "text"
    return kind.terminal_format if terminal else kind.default_format


def check_format(kind: type[Prediction], format: str | None, *, explain: bool = False) -> None:
    """Check that a kind of prediction has a format, and can be explained in it.

    Raises:
        UserError: it does not have the format, or is to be explained and cannot be.
    """
    if explain and not kind.explainable:
        raise UserError(
            f"--explain does not fit {kind.kind}: it shows what tokens contribute to the class of a text"
        )
    if format is not None and format not in (*kind.formats(), *TABLES):
        raise UserError(
            f"--format {format} does not fit {kind.kind}: use {', '.join((*kind.formats(), *TABLES))}"
        )


def check_explanations(chunk: Iterable[Prediction]) -> None:
    """Check that all predictions of a chunk have attributions or weights of attention.

    Raises:
        UserError: one has none.
    """
    if not all(prediction.has_explanation() for prediction in chunk):
        raise UserError(
            "--explain attention: this model does not attend, so there are no weights to show; use "
            "--explain gradients, or train one that does, for example with head.pooling=attention"
        )


def _json_renderer(*, tokens: bool, probabilities: bool) -> Callable[[Prediction], str]:
    """Return a function that renders a prediction as a line of JSON."""

    def render_one(prediction: Prediction) -> str:
        return as_json(prediction.to_record(tokens=tokens, probabilities=probabilities)) + "\n"

    return render_one


def _renderer(format: str, *, explain: bool, terminal: bool) -> Callable[[Prediction], str]:
    """Return a function that renders a prediction with the end of its last line."""
    palette = highlight.Palette()
    printer = highlight.TerminalPrinter() if terminal and format == "text" else None
    method, end = FORMATS[format].method, "\n" if format in ("text", "spans") else ""

    def render_one(prediction: Prediction) -> str:
        options: dict[str, Any] = {}
        if isinstance(prediction, DrawnPrediction):
            if printer is not None:
                return printer.render(prediction.parts(explain=explain), palette)
            if format in ("text", "html"):
                options["explain"] = explain
            if format == "html":
                options["palette"] = palette  # a type has one colour on the whole page
        content = getattr(prediction, method)(**options)
        if format == "spans":
            content = json.dumps(content, ensure_ascii=False)
        return f"{for_terminal(content) if terminal and format == 'text' else content}{end}"

    return render_one
