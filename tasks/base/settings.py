"""Settings by amount and kind of data that several tasks share; docs/own_data.md lists the rules."""

from collections.abc import Sequence

from nlpseq.data.report import TextReport
from nlpseq.task import Setting

_CASED = ("Latin", "Cyrillic", "Greek", "Armenian", "Georgian")


def epochs_for(rows: int, batch_size: int, *, updates: int, fewest: int, most: int) -> int:
    """Return the epochs that make about `updates` updates, between `fewest` and `most`."""
    steps = max(-(-rows // batch_size), 1)
    return min(max(round(updates / steps), fewest), most)


def updates_of(rows: int, batch_size: int, epochs: int) -> int:
    """Return the number of updates in so many epochs."""
    return epochs * max(-(-rows // batch_size), 1)


def has_case(text: TextReport) -> bool:
    """Return whether the script of most letters has capitals."""
    main = next(iter(text.scripts), "")
    return main in _CASED


def lowercase(text: TextReport) -> Sequence[Setting]:
    """Return lower case where the script has it: fewer words are seen once."""
    if not has_case(text):
        return ()
    return (
        Setting("tokenization.lowercase", True, "words at the start of a sentence are known ones"),
    )
