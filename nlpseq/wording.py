"""Wording of messages and tables."""


def format_count(count: float, noun: str, plural: str = "") -> str:
    """Return a count with its noun: `1 epoch`, `2.5 epochs`, `1,200 steps`, `2 entities`."""
    if isinstance(count, float):
        number = f"{round(count, 2):g}" if count >= 0.01 else f"{count:.2g}"
    else:
        number = f"{count:,}"
    return f"{number} {noun if count == 1 else plural or f'{noun}s'}"
