"""Spans by offset in the forms of annotation tools and libraries, as `{"start", "end", "label"}`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SPAN_COLUMNS = ("spans", "entities", "label", "labels", "ents", "annotations")
"""Names of columns of spans, the first that a row has."""
_STARTS = ("start", "start_offset", "begin", "start_char")
_ENDS = ("end", "end_offset", "end_char")
_LABELS = ("label", "labels", "type", "entity_group", "entity", "tag")


def as_spans(value: Any) -> list[dict[str, Any]] | None:
    """Return the spans of a cell as `{"start", "end", "label"}`; None if it holds no list of spans.

    Raises:
        ValueError: a part of the list is no span.
    """
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if (
        isinstance(value, Mapping)
        and value
        and all(isinstance(part, list) for part in value.values())
    ):
        value = [
            dict(zip(value, parts, strict=True)) for parts in zip(*value.values(), strict=True)
        ]
    if not isinstance(value, list | tuple):
        return None
    looks = [_looks_like_span(item) for item in value]
    if value and not any(looks):
        return None
    return [span for item in value for span in _spans_of(item)]


def _looks_like_span(item: Any) -> bool:
    if isinstance(item, Mapping):
        item = item.get("value", item) if isinstance(item.get("value"), Mapping) else item
        return any(item.get(name) is not None for name in _STARTS)
    return isinstance(item, list | tuple) and len(item) >= 3 and _is_integer(item[0])


def _spans_of(item: Any) -> Iterator[dict[str, Any]]:
    """Yield a span for each label of a span in any form."""
    if isinstance(item, Mapping):
        item = item["value"] if isinstance(item.get("value"), Mapping) else item
        start, end, labels = (_first(item, names) for names in (_STARTS, _ENDS, _LABELS))
    elif isinstance(item, list | tuple) and len(item) >= 3:
        start, end, labels = item[:3]
    else:
        raise ValueError(f"{item!r:.60} is no span: it has no start, end and label")
    if not (_is_integer(start) and _is_integer(end)):
        raise ValueError(f"the span {item!r:.80} has no whole numbers as start and end")
    for label in labels if isinstance(labels, list | tuple) else [labels]:
        if not isinstance(label, str | int) or isinstance(label, bool) or not str(label).strip():
            raise ValueError(f"the span {item!r:.80} has no label")
        yield {"start": int(start), "end": int(end), "label": str(label).strip()}
    if isinstance(labels, list | tuple) and not labels:
        raise ValueError(f"the span {item!r:.80} has no label")


def _first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def as_span_column(values: Sequence[Any]) -> Sequence[Any]:
    """Return a column of spans such as `[[0, 3, "PER"]]` as records, which Arrow can hold; others unchanged."""
    first = next((value for value in values if isinstance(value, list | tuple) and value), None)
    if first is None or not isinstance(first[0], list | tuple):
        return values
    try:
        spans = [None if value is None else as_spans(value) for value in values]
    except ValueError:
        return values
    pairs = zip(spans, values, strict=True)
    return values if any(span is None and value is not None for span, value in pairs) else spans
