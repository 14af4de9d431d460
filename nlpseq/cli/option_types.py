"""Types of option values that argparse does not have."""

import argparse

from nlpseq.wording import abbreviate

_MOST = 2**31 - 1


def positive_int(text: str) -> int:
    """Parse a whole number from 1 to 2**31 - 1."""
    digits = text.lstrip("0") if text.isdecimal() else ""
    if not digits or len(digits) > len(str(_MOST)) or int(digits) > _MOST:
        raise argparse.ArgumentTypeError(
            f"{abbreviate(text)}: write a whole number above 0"
            + f", at most {_MOST:,}" * bool(digits)
        )
    return int(digits)


def boolean(text: str) -> bool:
    """Parse yes or no, true or false."""
    values = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"{text!r}: write true or false")
    return values[text.lower()]


def seed_list(text: str) -> tuple[int, ...]:
    """Parse different seeds separated by commas."""
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = (-1,)
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(f"{text!r}: write different whole numbers, like 13,14,15")
    return seeds


def name_list(text: str) -> tuple[str, ...]:
    """Parse names separated by commas."""
    names = tuple(part.strip() for part in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}: write names separated by commas")
    return names


def distinct_name_list(text: str) -> tuple[str, ...]:
    """Parse different names separated by commas."""
    names = tuple(part.strip() for part in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r}: write different names, like rnn,lstm,gru")
    return names
