"""Wording of notes about the data."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 text`, `2,415 texts`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
