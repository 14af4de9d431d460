"""Settings of translation and summarization by amount and kind of data; docs/own_data.md lists the rules."""

from nlpseq.data.report import DataReport
from nlpseq.task import Setting

from ..base.settings import epochs_for, updates_of

SHORTER = 0.6  # median length of a summary, as a share of its text
SHARED = 0.4  # share of a summary's words that its text has
UPDATES = 3000
SMALL, LARGE = 20_000, 100_000  # pairs


def summarizes(report: DataReport) -> str:
    """Return why pairs are texts with summaries, '' if they are translations."""
    pairs = report.train.pairs
    if pairs is None or pairs.median_ratio >= SHORTER or pairs.shared_words < SHARED:
        return ""
    return (
        f"targets have {pairs.median_ratio:.0%} of the words of their sources in the median, and "
        f"{pairs.shared_words:.0%} of their words are words of the source"
    )


def pair_settings(report: DataReport) -> list[Setting]:
    """Choose tokens, lengths and the length of training."""
    rows, texts = report.rows, report.train.texts
    size = 4000 if rows < SMALL else 8000 if rows < LARGE else 16_000
    chosen = [
        Setting("tokenization.kind", "bpe", "outputs spell words that train lacks"),
        Setting(
            "tokenization.vocabulary_size", size, f"{rows:,} pairs: pieces that are seen often"
        ),
    ]
    source, target = texts["source"], texts["target"]
    if source.words.largest > 2 * max(source.words.very_high, 50):
        longest = 2 * max(source.words.very_high, 50)
        reason = f"99% of the sources have at most {source.words.very_high} words, the longest {source.words.largest}"
        chosen.append(Setting("tokenization.max_source_length", longest, reason))
    if target.words.largest > 2 * max(target.words.very_high, 50):
        longest = 2 * max(target.words.very_high, 50)
        reason = f"99% of the targets have at most {target.words.very_high} words, the longest {target.words.largest}"
        chosen.append(Setting("tokenization.max_target_length", longest, reason))
    most = max(20, round(1.6 * target.words.very_high))
    chosen.append(
        Setting("decoding.max_new_tokens", most, "a little more than 99% of the targets have")
    )
    epochs = epochs_for(rows, 32, updates=UPDATES, fewest=4, most=25)
    reason = f"{rows:,} pairs: about {updates_of(rows, 32, epochs):,} updates"
    chosen.append(Setting("training.epochs", epochs, reason))
    return chosen
