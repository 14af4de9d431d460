"""Settings of tasks with one vector for a text, such as classification; docs/own_data.md lists the rules."""

import math

from nlpseq.data.report import DataReport
from nlpseq.task import Setting

from .settings import lowercase

MANY_UNKNOWN = 0.4  # at 0.2 pieces lose 3 points, see docs/small_data.md
LONG, VERY_LONG = 50, 400  # words
ENOUGH_FOR_LONG = 10_000  # texts
FEW, LARGE = 500, 50_000  # texts
SENTENCE, SENTENCES = 10, range(4_000, 20_000)  # words, texts
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
    pairs = "text2" in report.train.texts
    average = text.words.median > LONG and rows < ENOUGH_FOR_LONG and not pairs
    if average:
        chosen += _average_of_words(text.words.median, rows)
    elif text.words.median > VERY_LONG:
        reason = (
            f"{text.words.median:,} words in the median: a recurrent network reads them one by one"
        )
        chosen.append(Setting("encoder.kind", "cnn", reason))
    if pairs:
        reason = "features of both texts decide about a pair"
        chosen.append(Setting("head.pair", "features", reason))
    if rows > LARGE:
        chosen.append(Setting("training.batch_size", 64, f"{rows:,} texts: fewer, larger updates"))
    epochs = _epochs_of_averages(rows) if average else _epochs(rows)
    chosen.append(
        Setting("training.epochs", epochs, f"{rows:,} texts: more data need fewer epochs")
    )
    return chosen


def sentence_settings(report: DataReport) -> list[Setting]:
    """Choose more dropout and attention for some thousand sentences; docs/small_data.md has the figures.

    In a text of a few words the one that is dropped may be the only one that tells the class.
    """
    rows, median = report.rows, report.text("text").words.median
    if not SENTENCE <= median <= LONG or rows not in SENTENCES or "text2" in report.train.texts:
        return []
    words = f"{rows:,} texts of {median:,} words in the median: no single word may decide"
    return [
        Setting("embedding.word_dropout", 0.3, words),
        Setting("embedding.dropout", 0.5, "word vectors are learnt from these texts alone"),
        Setting("head.pooling", "attention", "it finds the words that tell the class"),
    ]


def _average_of_words(median: float, rows: int) -> list[Setting]:
    """Return the settings of a deep averaging network without layers; docs/small_data.md has the figures."""
    reason = f"{rows:,} texts of {median:,} words in the median: a recurrent network learns them by heart"
    rate = "a linear model needs a high rate"
    spread = "every text has many words: no single one may decide"
    return [
        Setting("encoder.kind", "feedforward", f"{reason}, the mean of word vectors does not"),
        Setting("encoder.num_layers", 0, "word vectors are averaged as they are"),
        Setting("training.learning_rate", 2e-2, rate),
        Setting("embedding.word_dropout", 0.3, spread),
    ]


def _epochs_of_averages(rows: int) -> int:
    """Return 30 epochs of 500 texts or fewer, 19 of 2,000, 15 of 4,000."""
    return round(30 * math.pow(FEW / max(rows, FEW), 0.33))


def _epochs(rows: int) -> int:
    """Return 20 epochs of 500 texts, 10 of 2,000, 5 of 6,000; of fewer texts so many that 600 updates are made."""
    if rows < FEW:
        return min(round(FEWEST_UPDATES * BATCH / max(rows, 1)), MOST_EPOCHS)
    return max(round(20 * math.pow(FEW / rows, 0.55)), 2)
