"""Settings of a tagger by amount and kind of data; docs/own_data.md lists the rules."""

from nlpseq.data.report import DataReport
from nlpseq.task import Setting

from ..base.settings import epochs_for, has_case, lowercase, updates_of

FEW_UNKNOWN = 0.005
LARGE = 10_000  # sentences
UPDATES = 5500
"""Measured on 1,750 sentences, see docs/small_data.md."""


def tagger_settings(report: DataReport) -> list[Setting]:
    """Choose features of words and the length of training."""
    rows, text = report.rows, report.text("tokens", "text")
    unknown = text.unknown.get("word", 0.0)
    chosen = [*lowercase(text)]
    if has_case(text):
        chosen.append(
            Setting("embedding.casing_dim", 8, "capitals tell names, and lower case loses them")
        )
    if unknown <= FEW_UNKNOWN:
        reason = f"{unknown:.1%} of the words of held-out texts are new: spelling is not needed"
        chosen.append(Setting("embedding.characters", "none", reason))
    batch = 32 if rows > LARGE else 16
    if rows > LARGE:
        chosen.append(Setting("training.batch_size", batch, f"{rows:,} sentences: larger updates"))
    epochs = epochs_for(rows, batch, updates=UPDATES, fewest=5, most=50)
    reason = f"{rows:,} sentences: about {updates_of(rows, batch, epochs):,} updates"
    chosen.append(Setting("training.epochs", epochs, reason))
    return chosen
