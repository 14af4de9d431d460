"""Settings of a tagger by amount and kind of data; docs/own_data.md lists the rules."""

from nlpseq.data.report import DataReport
from nlpseq.task import Setting

from ..base.settings import epochs_for, has_case, lowercase


def tagger_settings(report: DataReport) -> list[Setting]:
    """Choose features of words and the length of training."""
    rows, text = report.rows, report.text("tokens", "text")
    unknown = text.unknown.get("word", 0.0)
    chosen = [*lowercase(text)]
    if has_case(text):
        chosen.append(Setting("embedding.casing_dim", 8, "capitals tell names, and lower case loses them"))
    if not text.spaceless:
        reason = f"{unknown:.0%} of the words of held-out texts are new: their spelling tells the tag"
        chosen.append(Setting("embedding.characters", "cnn", reason))
    batch = 32 if rows > 10_000 else 16
    chosen.append(Setting("training.batch_size", batch, f"{rows:,} sentences"))
    epochs = epochs_for(rows, batch, fewest=5, most=30)
    chosen.append(
        Setting("training.epochs", epochs, f"{rows:,} sentences: about 3,000 updates, 5 to 30 epochs")
    )
    return chosen
