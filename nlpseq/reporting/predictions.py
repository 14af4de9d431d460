"""Predictions as they are printed or written: text, JSON, CoNLL or HTML."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nlpseq.errors import UserError
from nlpseq.reporting import highlight

Answer = Mapping[str, Any]


# What a kind of answer is called, and the forms that fit it beside JSON.
_KINDS = {
    "entities": ("entities", ("text", "conll", "html")),
    "label": ("a classification", ("text", "html")),
    "output": ("written texts", ("text", "html")),
}


def render(
    answers: Iterable[Sequence[Answer]], form: str | None, *, explain: bool, terminal: bool
) -> Iterator[str]:
    """Answers as what is printed, one piece a chunk.

    Args:
        answers: chunks of what a predictor gave.
        form: text, json, conll or html; None: text where there is something to colour and a
            terminal to show it, and for written texts; else json.
        explain: shade texts by the weights of an encoder that attends.
        terminal: the pieces are shown on one (then in its colours), not kept in a file.

    Raises:
        UserError: the form does not fit these answers, or there are no weights to explain by.
    """
    palette = highlight.Palette()
    for number, chunk in enumerate(answers):
        form = form or _default(chunk[0], explain=explain, terminal=terminal)
        for answer in chunk:
            _check(answer, form, explain=explain)
        pieces: Iterable[str]
        match form:
            case "json":
                pieces = (json.dumps(answer, ensure_ascii=False) + "\n" for answer in chunk)
            case "conll":
                pieces = (_conll(answer) for answer in chunk)
            case "text" if "output" in chunk[0]:
                pieces = (_output(answer, terminal=terminal) + "\n" for answer in chunk)
            case "text":
                pieces = highlight.printed(chunk, palette, explain=explain, terminal=terminal)
            case _:
                pieces = (highlight.as_html(answer, palette, explain=explain) for answer in chunk)
        yield (highlight.PAGE_START if form == "html" and not number else "") + "".join(pieces)
    if form == "html":
        yield highlight.PAGE_END


def in_short(answer: Answer) -> str:
    """The answer alone, in one line: `positive (0.98)`, `Ada Lovelace PER, Paris LOC`, or what was written."""
    if "entities" in answer:
        found = [f"{entity['text']} {entity['type']}" for entity in answer["entities"]]
        return ", ".join(found) or "none"
    if "label" in answer:
        label = answer["label"]
        return f"{label} ({answer['probabilities'][label]:.2f})" if label is not None else "none"
    return _output(answer, terminal=True)


def _default(answer: Answer, *, explain: bool, terminal: bool) -> str:
    if "output" in answer:
        return "text"
    return "text" if terminal and ("entities" in answer or explain) else "json"


def _check(answer: Answer, form: str, *, explain: bool) -> None:
    """Refuse a form that does not fit, and an explanation where the model has none."""
    key = next((key for key in _KINDS if key in answer), "")
    kind, forms = _KINDS.get(key, ("these answers", ()))
    if explain and key != "label":
        raise UserError(f"--explain does not fit {kind}: it shows what a classifier attends to")
    if form != "json" and (form not in forms or (explain and form == "conll")):
        raise UserError(f"--format {form} does not fit {kind}: use {', '.join(('json', *forms))}")
    if explain and answer["label"] is not None and "weights" not in answer:
        raise UserError(
            "--explain: this model does not attend, so there are no weights to show; train one "
            "that does, for example with head.pooling=attention"
        )


def _output(answer: Answer, *, terminal: bool) -> str:
    """What was written, as one line; a terminal is not shown what could command it."""
    line = " ".join(answer["output"].splitlines())
    return highlight.safe(line) if terminal else line


def _conll(answer: Answer) -> str:
    """`token tag` lines and an empty one behind them; of an empty text only that."""
    rows = zip(answer["tokens"], answer["tags"], strict=True)
    return "".join(f"{token} {tag}\n" for token, tag in rows) + "\n"
