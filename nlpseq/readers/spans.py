"""Texts with spans by offset, as annotation tools and libraries write them: one reader for all, by their form.

- doccano: `{"text": ..., "label": [[start, end, "TYPE"]]}`, or `"entities": [{"start_offset", "end_offset", "label"}]`
- Prodigy: `{"text": ..., "spans": [{"start", "end", "label"}]}`
- Label Studio: its JSON export (`data`, `annotations`), and JSON-MIN
- spaCy: `[text, {"entities": [[start, end, "TYPE"]]}]`, the same in `{"annotations": [...]}`, and `Doc.to_json()`

The file is a JSON array, one JSON object, or JSON lines. The columns are `text`, `spans` and `line` (of JSON lines),
and those other columns that hold single values.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.readers.json_files import parse_json
from nlpseq.readers.local_files import read_text
from nlpseq.readers.reader import Columns, FileContent, Reader, ReadOptions
from nlpseq.readers.span_forms import SPAN_COLUMNS, as_spans

_OWN = ("text", "spans", "line")
_DEFAULTS = ReadOptions()


class _Notes:
    """Counts of what was left out."""

    def __init__(self) -> None:
        self.unlabelled = self.annotators = 0

    def __str__(self) -> str:
        parts = []
        if self.unlabelled:
            parts.append(f"{self.unlabelled:,} tasks without an annotation left out")
        if self.annotators:
            parts.append(f"{self.annotators:,} tasks with several annotations, the first is used")
        return "; ".join(parts)


def read_spans(file: Path, *, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read texts with spans in any of the forms."""
    notes = _Notes()
    rows: list[dict[str, Any]] = []
    for where, line, item in _items(file, read_text(file, options.encoding)):
        try:
            row = _row(item, notes)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error
        if row is not None:
            rows.append(row | ({"line": line} if line else {}))
    if not rows:
        raise UserError(f"{file}: no text with spans in it")
    names = dict.fromkeys(name for row in rows for name in row if name not in _OWN)
    kept = [name for name in names if _is_flat(row.get(name) for row in rows)]
    shown = [name for name in _OWN if name in rows[0]] + kept
    columns: Columns = {name: [row.get(name) for row in rows] for name in shown}
    return FileContent(columns, str(notes))


def is_span_item(item: Any) -> bool:
    """Return whether the first item of a JSON file is of Label Studio or spaCy, which other readers cannot read."""
    if _is_pair(item):
        return _is_span_list(item[1].get("entities"))
    if not isinstance(item, Mapping):
        return False
    results = item.get("annotations", item.get("completions"))
    if not isinstance(results, list):
        return False
    return isinstance(item.get("data"), Mapping) or any(map(_is_pair, results[:10]))


def _is_span_list(value: Any) -> bool:
    return isinstance(value, list) and as_spans(value) is not None


def _items(file: Path, content: str) -> Iterator[tuple[str, int, Any]]:
    """Yield each item of a JSON array or of JSON lines: its position for messages, its line (or 0), and itself."""
    try:
        whole = parse_json(content)
    except ValueError as error:
        first = content.lstrip()[:1]
        lines = [line for line in content.split("\n") if line.strip()]
        if first not in ("{", "[") or (len(lines) > 1 and not _is_json(lines[0])):
            raise UserError(f"{file}: not JSON: {error}") from error
        yield from _lines(file, content)
        return
    if (
        isinstance(whole, dict)
        and isinstance(whole.get("annotations"), list)
        and "text" not in whole
    ):
        if "data" not in whole:
            whole = whole["annotations"]
    if isinstance(whole, dict) or _is_pair(whole):
        yield f"{file}, line 1", 1, whole
        return
    if not isinstance(whole, list):
        raise UserError(f"{file}: neither a JSON array nor JSON objects")
    for number, item in enumerate(whole, start=1):
        yield f"{file}, item {number}", 0, item


def _is_json(line: str) -> bool:
    try:
        parse_json(line)
    except ValueError:
        return False
    return True


def _lines(file: Path, content: str) -> Iterator[tuple[str, int, Any]]:
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"{file}, line {number}", number, parse_json(line)
        except ValueError as error:
            raise UserError(f"{file}, line {number}: not JSON: {error}") from error


def _is_pair(item: Any) -> bool:
    """Return whether an item is a pair of spaCy: a text and its annotations."""
    return (
        isinstance(item, list)
        and len(item) == 2
        and isinstance(item[0], str)
        and isinstance(item[1], Mapping)
    )


def _row(item: Any, notes: _Notes) -> dict[str, Any] | None:
    """Return text, spans and other values of an item; None if nobody has annotated it.

    Raises:
        ValueError: the item has none of the forms.
    """
    if item is None:
        return None  # an empty line in exports of annotation tools of spaCy
    if _is_pair(item):
        text, annotations = item
        return {"text": text, "spans": _checked(annotations.get("entities", []))}
    if not isinstance(item, Mapping):
        raise ValueError(f"{item!r:.60} is neither an object nor a text with its entities")
    if isinstance(item.get("data"), Mapping):
        return _label_studio(item, notes)
    if "paragraphs" in item:
        raise ValueError(
            "the JSON of spaCy 2 (paragraphs) has no text: convert it to BIO tags, data.format=conll"
        )
    if not isinstance(item.get("text"), str):
        raise ValueError(f"there is no 'text', only {', '.join(map(str, item)) or 'nothing'}")
    name = next((name for name in SPAN_COLUMNS if isinstance(item.get(name), list)), None)
    others = {key: value for key, value in item.items() if key not in ("text", name)}
    if name is None and "annotator" in item:
        return {**others, "text": item["text"], "spans": []}  # JSON-MIN leaves out what has no span
    if name is None:
        raise ValueError(
            f"there is no list of spans: no key {', '.join(SPAN_COLUMNS[:4])}, only {', '.join(item)}"
        )
    return {**others, "text": item["text"], "spans": _checked(item[name])}


def _checked(value: Any) -> list[dict[str, Any]]:
    spans = as_spans(value)
    if spans is None:
        raise ValueError(f"{value!r:.60} is no list of spans")
    return spans


def _label_studio(item: Mapping[str, Any], notes: _Notes) -> dict[str, Any] | None:
    """Return a task of Label Studio by its first annotation that was not skipped."""
    data = item["data"]
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    given = item.get("annotations", item.get("completions")) or []
    annotations = [one for one in given if not one.get("was_cancelled")]
    if not annotations:
        notes.unlabelled += 1
        return None
    notes.annotators += len(annotations) > 1
    spans = [
        part
        for part in annotations[0].get("result", [])
        if isinstance(part.get("value"), Mapping) and "start" in part["value"]
    ]
    if "text" not in texts and len(texts) != 1:
        raise ValueError(f"no text in 'data', which has {', '.join(data) or 'nothing'}")
    text = texts.get("text", next(iter(texts.values()), ""))
    others = {
        name: value for name, value in {**data, "id": item.get("id")}.items() if value != text
    }
    return {**others, "text": text, "spans": _checked(spans)}


def _is_flat(values: Iterator[Any]) -> bool:
    """Return whether a column holds single values of one type."""
    kinds = {type(value) for value in values if value is not None}
    return len(kinds) == 1 and kinds <= {str, int, float, bool}


READERS = (
    Reader(
        "spans",
        read_spans,
        "a text with spans by offset: doccano, Label Studio, spaCy, Prodigy (JSON or JSON lines)",
        "text, spans, line",
        options=("encoding",),
    ),
)
