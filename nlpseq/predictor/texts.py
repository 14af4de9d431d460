"""Checking of the texts that a predictor is given."""

from collections.abc import Iterable, Mapping

from nlpseq.errors import TextError, UserError
from nlpseq.files import is_utf8


def as_texts(texts: object) -> list[str]:
    """Return texts as a list of strings, from a list, tuple, generator, array, Series or column.

    Raises:
        UserError: `texts` is a single string, bytes, a mapping, a table or a set, or cannot be iterated over.
        TextError: an item is no string (None, NaN) or is not valid Unicode; the error names its index.
    """
    fault = _fault(texts)
    if fault:
        raise UserError(f"predict takes a list of texts, {fault}")
    if hasattr(texts, "to_pylist"):  # pyarrow's arrays hold scalars
        texts = texts.to_pylist()
    assert isinstance(texts, Iterable)
    checked = []
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            advice = "; drop or fill missing texts first" if _is_missing(text) else ""
            raise TextError(index, f"{text!r:.60} is not a string{advice}")
        if not is_utf8(text):
            raise TextError(index, f"{text!r:.60} is not valid Unicode")
        checked.append(str(text))  # numpy's strings too
    return checked


def _fault(texts: object) -> str:
    """Return why this is no sequence of texts; empty if it is one."""
    name = type(texts).__name__
    if isinstance(texts, str):
        return f"not one text; write [{texts!r:.60}]"
    if isinstance(texts, bytes | bytearray | memoryview):
        return f"not {name}; decode it, and give a list"
    if isinstance(texts, Mapping) or hasattr(texts, "columns") or hasattr(texts, "column_names"):
        return f"not a {name}; give one of its columns"
    if isinstance(texts, set | frozenset):
        return f"not a {name}, which has no order; give a list"
    try:
        iter(texts)  # type: ignore[call-overload]
    except TypeError:  # numpy's 0-d arrays have __iter__ and raise as well
        return f"not {texts!r:.60}"
    return ""


def _is_missing(value: object) -> bool:
    """Return whether a value stands for a missing one: None, NaN of any library, pandas' NA and NaT."""
    return value is None or str(value) in ("nan", "<NA>", "NaT")
