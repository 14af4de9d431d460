"""Values of options that argparse has no type for."""

import argparse


def count(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a whole number above 0")
    return int(text)


def seeds(text: str) -> tuple[int, ...]:
    """Different whole numbers, with commas between."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = (-1,)
    if min(found) < 0 or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"{text!r}: write different whole numbers, like 13,14,15")
    return found


def names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r}: write names with commas between")
    return found
