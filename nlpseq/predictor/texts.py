"""Checking of the texts that a predictor is given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nlpseq.errors import TextError, UserError
from nlpseq.files import is_utf8


def as_texts(texts: object) -> list[str]:
    """Return texts as a list of strings, from a list, tuple, generator, array, Series or column.

    Raises:
        UserError: `texts` is a single string, bytes, a mapping, a table or a set, or cannot be iterated over.
        TextError: an item is no string (None, NaN) or is not valid Unicode; the error names its index.
    """
    return [_as_text(text, index) for index, text in enumerate(_items(texts))]


def as_cut_texts(texts: object) -> list[str | list[str]]:
    """Return texts that are cut into words already: strings, or lists of words.

    Raises:
        UserError: as `as_texts`.
        TextError: an item is neither a string nor a list of strings, or is not valid Unicode.
    """
    return [
        [_as_text(word, index) for word in text]
        if isinstance(text, Sequence) and not isinstance(text, str | bytes)
        else _as_text(text, index)
        for index, text in enumerate(map(_as_list, _items(texts)))
    ]


def _as_list(value: object) -> object:
    """Return an array or Series in a cell as a list, and anything else unchanged."""
    for method in ("tolist", "to_list"):  # of numpy and pandas, and of polars
        if not isinstance(value, str) and callable(convert := getattr(value, method, None)):
            converted: object = convert()
            return converted
    return value


def as_pairs(
    pairs: object, *, pretokenized: bool = False
) -> list[tuple[str | list[str], str | list[str]]]:
    """Return pairs of texts as a list of tuples.

    Args:
        pairs: a list, tuple, generator or array with two texts in each item.
        pretokenized: a text may be a list of words.

    Raises:
        UserError: as `as_texts`.
        TextError: an item is no pair of strings, or is not valid Unicode; the error names its index.
    """
    checked = []
    for index, pair in enumerate(_items(pairs, "pairs of texts, such as [(text, text2)]")):
        pair = _as_list(pair)  # a row of a numpy array
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TextError(
                index, f"{pair!r:.60} is not a pair; the model reads two texts: (text, text2)"
            )
        first, second = (_as_side(text, index, pretokenized=pretokenized) for text in pair)
        checked.append((first, second))
    return checked


def _as_side(text: object, index: int, *, pretokenized: bool) -> str | list[str]:
    if pretokenized and isinstance(text, list | tuple):
        return [_as_text(word, index) for word in text]
    return _as_text(text, index)


def joined(text: str | Sequence[str]) -> str:
    """Return a text as one string: words with a space between them."""
    return text if isinstance(text, str) else " ".join(text)


def _items(texts: object, wanted: str = "texts") -> Iterable[object]:
    if fault := _fault(texts, wanted):
        raise UserError(f"predict takes a list of {wanted}, {fault}")
    if hasattr(texts, "to_pylist"):  # pyarrow's arrays hold scalars
        texts = texts.to_pylist()
    assert isinstance(texts, Iterable)
    return texts


def _as_text(text: object, index: int) -> str:
    if not isinstance(text, str):
        advice = "; drop or fill missing texts first" if _is_missing(text) else ""
        if isinstance(text, list | tuple):
            advice = "; texts that are cut into words need pretokenized=True"
        raise TextError(index, f"{text!r:.60} is not a string{advice}")
    if not is_utf8(text):
        raise TextError(index, f"{text!r:.60} is not valid Unicode")
    return str(text)  # numpy's strings too


def _columns_to_give(table: Any, wanted: str) -> str:
    """Return the advice to give a column of a table, or two of them for pairs."""
    if wanted != "texts":
        return "give two of its columns as pairs: list(zip(table['text'], table['text2']))"
    if hasattr(table, "collect"):  # a lazy frame
        return "give one of its columns, collected"
    names: Any = table
    if not isinstance(table, Mapping):
        names = getattr(table, "column_names", None) or getattr(table, "columns", None)
    names = () if names is None else names
    shown = ", ".join(repr(name) for name in list(names)[:5])
    return "give one of its columns" + (f": {shown}" if shown else "")


def _fault(texts: object, wanted: str) -> str:
    """Return why this is no sequence of texts; empty if it is one."""
    name = type(texts).__name__
    if isinstance(texts, str):
        return f"not one text; write [{texts!r:.60}]"
    if isinstance(texts, bytes | bytearray | memoryview):
        return f"not {name}; decode it, and give a list"
    # Asked of the class: the columns of a lazy frame are computed.
    if isinstance(texts, Mapping) or any(
        hasattr(type(texts), attribute) for attribute in ("columns", "column_names")
    ):
        return f"not a {name}; {_columns_to_give(texts, wanted)}"
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
