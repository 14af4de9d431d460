"""Settings of a language model by amount and kind of data; docs/own_data.md lists the rules."""

from nlpseq.data.report import DataReport
from nlpseq.task import Setting

SMALL, LARGE = 300_000, 5_000_000  # words
MANY_UNKNOWN = 0.1


def language_model_settings(report: DataReport) -> list[Setting]:
    """Choose tokens, sizes and the length of training."""
    text = report.text("text")
    words = round(text.words.mean * text.rows)
    unknown = text.unknown.get("word", 0.0)
    if text.spaceless or (words < SMALL and text.rows == 1):
        chosen = [
            Setting("tokenization.kind", "character", "a text without spaces, or short and whole"),
            Setting("tokenization.min_frequency", 1, "every character of train is known"),
        ]
    elif unknown > MANY_UNKNOWN or text.rows == 1:
        reason = f"{unknown:.0%} of the words of held-out texts are new: pieces spell them"
        chosen = [
            Setting("tokenization.kind", "bpe", reason),
            Setting("tokenization.min_frequency", 1, "pieces have no rare words"),
            Setting(
                "tokenization.vocabulary_size",
                4000 if words < LARGE else 16_000,
                f"{words:,} words",
            ),
        ]
    else:
        chosen = [
            Setting(
                "tokenization.min_frequency", 2, "a word seen once is learnt as the unknown one"
            )
        ]
    epochs = 20 if words < SMALL else 12 if words < LARGE else 4
    chosen.append(Setting("training.epochs", epochs, f"{words:,} words"))
    return chosen
