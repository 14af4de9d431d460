"""Translation with attention, scored by BLEU, chrF and TER of raw text."""

from collections.abc import Sequence
from typing import Any, ClassVar

from nlpseq.data.split import Split
from nlpseq.metrics.translation import LowercasedTokenizer, TranslationScores, TranslationTarget
from nlpseq.recipe import Recipe

from .predictor import Seq2SeqPredictor, TranslationPredictor
from .recipe import TranslationRecipe
from .task import Seq2Seq

TOKENIZED = "tokenized"
"""Column of tokenized references."""


class Translation(Seq2Seq):
    """Translation of sentences into another language."""

    Config: ClassVar[type[Recipe]] = TranslationRecipe
    further_fields: ClassVar[tuple[str, ...]] = (TOKENIZED,)
    main_metric = "bleu"
    hub_task = "translation"
    predictor_type: ClassVar[type[Seq2SeqPredictor]] = TranslationPredictor

    def __init__(self, recipe: TranslationRecipe) -> None:
        language = recipe.evaluation.tokenized_language
        super().__init__(recipe, TranslationScores(language))
        self._tokenizer = LowercasedTokenizer(language) if language else None

    def inspect(self, split: Split) -> list[str]:
        """Report also missing tokenized references."""
        notes = super().inspect(split)
        if self._tokenizer and split.name != "train" and not _has_tokenized(split):
            notes.append(
                f"{split.name}: no column {TOKENIZED!r}; the tokenized BLEU uses the raw references, "
                "tokenized"
            )
        return notes

    def reference(self, source: str, target: str, further: Any = None) -> Any:
        """Return the raw reference, with its tokenized form if that is scored too."""
        if self._tokenizer is None:
            return target
        return TranslationTarget(target, further or self._tokenizer(target))

    def further_targets(self, split: Split) -> Sequence[Any] | None:
        """Return the tokenized references of the data."""
        scored = self._tokenizer is not None and _has_tokenized(split)
        return list(split.texts(TOKENIZED)) if scored else None


def _has_tokenized(split: Split) -> bool:
    return TOKENIZED in split.rows.column_names
