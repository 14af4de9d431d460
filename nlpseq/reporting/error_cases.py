"""Cases of an error report as HTML: what was expected and predicted, and the text, shaded or with its spans."""

from collections.abc import Mapping, Sequence
from typing import Any

from nlpseq.reporting.error_tables import (
    Case,
    format_value,
    plain_prediction,
    plain_target,
    value_label,
)
from nlpseq.reporting.formats import format_number
from nlpseq.safe_text import for_html

Shading = Mapping[tuple[int, int], Sequence[str]]
"""HTML of the texts of a case, by fold and index."""
_LONG = 1200  # characters; a longer text scrolls


class CaseWriter:
    """Writes cases of one report.

    Args:
        report: `ErrorReport.to_json()`.
        shading: shaded texts, already HTML; of cases without one the plain text is shown.
    """

    def __init__(self, report: Mapping[str, Any], shading: Shading) -> None:
        self.report = report
        self.kind: str = report["kind"]
        self.shading = shading

    def card(self, case: Case, value: str = "", suggested: str | None = None) -> str:
        """Return a case.

        Args:
            case: of the report.
            value: HTML that says why it is shown, such as a confidence.
            suggested: likely true class of a label error, instead of the prediction.
        """
        pair = pair_of(self.kind, case)
        key = "" if pair is None else f' data-pair="{for_html(pair)}"'
        return (
            f'<article class="case"{key}>\n<div class="meta">{self._verdict(case, suggested)}{value}'
            f'<span class="ids">{self._ids(case)}</span></div>\n{self._body(case)}</article>\n'
        )

    def value(self, case: Case) -> str:
        """Return what the list of worst cases is sorted by."""
        if case["value"] is None:
            return ""
        name, value = value_label(self.report), format_value(self.report, case["value"])
        if self.report["value"] == "confidence":
            return probability(name, case["value"])
        return f'<span class="value"><span class="name">{for_html(name)}</span> {for_html(value)}</span>'

    def _verdict(self, case: Case, suggested: str | None) -> str:
        if self.kind not in ("classes", "label sets", "numbers"):
            return ""
        target = plain_target(case["target"])
        other = plain_prediction(self.kind, case) if suggested is None else suggested
        names = ("label", "likely") if suggested is not None else ("target", "predicted")
        sides = [chip(names[0], target, "gold"), chip(names[1], other, "wrong")]
        if suggested is not None:
            sides = [chip(names[0], target, "wrong"), chip(names[1], other, "gold")]
        elif self.kind == "classes" and target == other:
            sides = [chip(names[0], target, "gold")]
        return '<span class="arrow">→</span>'.join(sides)

    def _ids(self, case: Case) -> str:
        parts = [f"fold {case['fold']}"] if case["fold"] else []
        parts += [f"example {case['index']}"]
        parts += [f"{name} {value}" for name, value in case["columns"].items() if value is not None]
        return " · ".join(for_html(part) for part in parts)

    def _body(self, case: Case) -> str:
        texts = [text if isinstance(text, str) else " ".join(text) for text in case["texts"]]
        if not texts:
            return '<p class="text none">text not stored</p>\n'
        if case["spans"]:
            return row("gold", spans_html(case, "gold")) + row(
                "model", spans_html(case, "predicted")
            )
        shaded = self.shading.get((case["fold"], case["index"]))
        parts = [*shaded] if shaded and len(shaded) == len(texts) else [for_html(t) for t in texts]
        if self.kind == "texts":
            output = (
                for_html(plain_prediction(self.kind, case)) or '<span class="none">empty</span>'
            )
            reference = row("reference", for_html(plain_target(case["target"])))
            return row("source", parts[0]) + reference + row("output", output)
        return "".join(paragraph(part, len(text)) for part, text in zip(parts, texts, strict=True))


def pair_of(kind: str, case: Case) -> str | None:
    """Return the pair of classes by which cases are filtered; None: there is none."""
    if kind != "classes":
        return None
    return f"{plain_target(case['target'])} → {plain_prediction(kind, case)}"


def spans_html(case: Case, side: str) -> str:
    """Return the text of a case with its wrong spans marked: those of the reference or of the model.

    Args:
        case: of a tagger.
        side: `gold` or `predicted`.
    """
    text = case["texts"][0]
    spans = sorted(error[side] for error in case["spans"] if error[side] is not None)
    name = "gold" if side == "gold" else "wrong"
    separator = "" if isinstance(text, str) else " "
    parts: list[str] = []
    end = 0
    for start, stop, kind in spans:
        if start < end or stop > len(text):  # nested, or the text is not the tagged one
            continue
        parts += [_joined(text[end:start])] if start > end else []
        label = f"<small>{for_html(kind)}</small>"
        parts.append(f'<mark class="{name}">{_joined(text[start:stop])}{label}</mark>')
        end = stop
    parts += [_joined(text[end:])] if end < len(text) else []
    return separator.join(parts)


def _joined(part: str | Sequence[str]) -> str:
    return for_html(part if isinstance(part, str) else " ".join(part))


def chip(title: str, text: str, kind: str) -> str:
    """Return a label on a coloured ground; `title` says which label it is."""
    return f'<span class="chip {kind}" title="{title}">{for_html(text) or "none"}</span>'


def probability(name: str, value: float) -> str:
    """Return a probability as a bar and a number."""
    return (
        f'<span class="name">{for_html(name)}</span><span class="meter"><i style="--share:{value:.3f}"></i></span>'
        f'<span class="value">{format_number(round(float(value), 3))}</span>'
    )


def row(name: str, content: str) -> str:
    """Return a named line of a case."""
    return f'<div class="row"><span class="name">{name}</span><p class="text" dir="auto">{content}</p></div>\n'


def paragraph(content: str, length: int) -> str:
    """Return a text, which scrolls if it is long."""
    kind = "text long" if length > _LONG else "text"
    return f'<p class="{kind}" dir="auto">{content}</p>\n'
