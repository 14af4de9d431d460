"""Settings of tasks with one vector for a text, such as classification; docs/own_data.md lists the rules."""

import math

from nlpseq.data.report import DataReport
from nlpseq.task import Setting

from .settings import lowercase

MANY_UNKNOWN = 0.25
LONG = 400  # words
FEW, LARGE = 500, 50_000  # texts
BATCH, FEWEST_UPDATES, MOST_EPOCHS = 16, 600, 60


def vector_settings(report: DataReport) -> list[Setting]:
    """Choose tokenization, sizes and length of training."""
    rows, text = report.rows, report.text("text")
    chosen: list[Setting] = []
    unknown = text.unknown.get("word", 0.0)
    if unknown > MANY_UNKNOWN and not text.lists:
        reason = f"{unknown:.0%} of the words of held-out texts are new: read them by their pieces"
        chosen.append(Setting("tokenization.kind", "unigram", reason))
        chosen.append(Setting("tokenization.vocabulary_size", 8000, "pieces that are seen often"))
    chosen += lowercase(text)
    if text.words.median > LONG:
        reason = (
            f"{text.words.median:,} words in the median: a recurrent network reads them one by one"
        )
        chosen.append(Setting("encoder.kind", "cnn", reason))
    if "text2" in report.train.texts:
        reason = "features of both texts decide about a pair"
        chosen.append(Setting("head.pair", "features", reason))
    if rows > LARGE:
        chosen.append(Setting("training.batch_size", 64, f"{rows:,} texts: fewer, larger updates"))
    chosen.append(
        Setting("training.epochs", _epochs(rows), f"{rows:,} texts: more data need fewer epochs")
    )
    return chosen


def _epochs(rows: int) -> int:
    """Return 20 epochs of 500 texts, 10 of 2,000, 5 of 6,000; of fewer texts so many that 600 updates are made."""
    if rows < FEW:
        return min(round(FEWEST_UPDATES * BATCH / max(rows, 1)), MOST_EPOCHS)
    return max(round(20 * math.pow(FEW / rows, 0.55)), 2)
