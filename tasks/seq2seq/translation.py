"""Translation with attention: BLEU, chrF and TER of raw text."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from nlpseq.data.split import Split
from nlpseq.metrics.translation import LowercasedTokenizer, TranslationScores, TranslationTarget
from nlpseq.recipe import EvaluationConfig, Recipe

from .recipe import Seq2SeqRecipe
from .task import Seq2Seq

TOKENIZED = "tokenized"


class TranslationEvaluationConfig(EvaluationConfig):
    """What is scored at the end of a run, and how."""

    tokenized_language: str | None = Field(
        None,
        description="target language, such as de: also score lower-cased tokenized text, as older papers "
        "do, against the data's column `tokenized` or, where it is missing, the reference made so",
    )


class TranslationRecipe(Seq2SeqRecipe):
    """A recipe of this task."""

    evaluation: TranslationEvaluationConfig = TranslationEvaluationConfig()


class Translation(Seq2Seq):
    """Sentences to sentences of another language."""

    Config: ClassVar[type[Recipe]] = TranslationRecipe
    further_fields: ClassVar[tuple[str, ...]] = (TOKENIZED,)
    main_metric = "bleu"
    hub_task = "translation"

    def __init__(self, recipe: TranslationRecipe) -> None:
        language = recipe.evaluation.tokenized_language
        super().__init__(recipe, TranslationScores(language))
        self._tokenizer = LowercasedTokenizer(language) if language else None

    def inspect(self, split: Split) -> list[str]:
        """Also whether the data have tokenized references."""
        notes = super().inspect(split)
        if self._tokenizer and split.name != "train" and not _has_tokenized(split):
            notes.append(
                f"{split.name}: no column {TOKENIZED!r}; the references of the tokenized BLEU are made "
                "of the raw ones"
            )
        return notes

    def reference(self, source: str, target: str, further: Any = None) -> Any:
        """The raw reference, with its tokenized form where that is scored too."""
        if self._tokenizer is None:
            return target
        return TranslationTarget(target, further or self._tokenizer(target))

    def further_targets(self, split: Split) -> Sequence[Any] | None:
        """The data's own tokenized references."""
        scored = self._tokenizer is not None and _has_tokenized(split)
        return list(split.texts(TOKENIZED)) if scored else None


def _has_tokenized(split: Split) -> bool:
    return TOKENIZED in split.rows.column_names
