"""Wording of messages and tables; values that are quoted are cut to a bounded length."""

import reprlib

GAP = " [...] "


def shorten(text: str, limit: int) -> str:
    """Return a text with a gap in place of its middle if it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    rest = limit - len(GAP)
    return f"{text[: rest - rest // 3]}{GAP}{text[len(text) - rest // 3 :]}"


def abbreviate(value: object, limit: int = 80) -> str:
    """Return a value as Python writes it, cut to `limit` characters, however long or deep it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 2 * limit
    short.maxdict = short.maxlist = short.maxtuple = 12
    try:
        text = short.repr(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python writes
        text = f"{type(value).__name__} of very many digits"
    return shorten(text, limit)


def format_count(count: float, noun: str, plural: str = "") -> str:
    """Return a count with its noun: `1 epoch`, `2.5 epochs`, `1,200 steps`, `2 entities`."""
    if isinstance(count, float):
        number = f"{round(count, 2):g}" if count >= 0.01 else f"{count:.2g}"
    else:
        number = f"{count:,}"
    return f"{number} {noun if count == 1 else plural or f'{noun}s'}"
