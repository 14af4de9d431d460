"""Translation with attention, scored by BLEU, chrF and TER of raw text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.metrics.bleu_tokenizers import DEFAULT, build_bleu, choose_bleu_tokenizer
from nlpseq.metrics.translation import LowercasedTokenizer, TranslationScores, TranslationTarget
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline

from .predictor import Seq2SeqPredictor, TranslationPredictor
from .recipe import TranslationRecipe
from .references import REFERENCES, Further
from .task import Seq2Seq

TOKENIZED = "tokenized"
"""Column of tokenized references."""


class Translation(Seq2Seq):
    """Translation of sentences into another language.

    Attributes:
        bleu_tokenizer: sacrebleu's tokenizer for BLEU, by the recipe or by the script of targets.
    """

    Config: ClassVar[type[Recipe]] = TranslationRecipe
    further_fields: ClassVar[tuple[str, ...]] = (*REFERENCES, TOKENIZED)
    main_metric = "bleu"
    example_score: ClassVar[str] = "chrf"  # BLEU of most single sentences is 0
    hub_task = "translation"
    predictor_type: ClassVar[type[Seq2SeqPredictor]] = TranslationPredictor

    def __init__(self, recipe: TranslationRecipe) -> None:
        evaluation = recipe.evaluation
        language = self._language = evaluation.tokenized_language
        self.bleu_tokenizer = evaluation.bleu_tokenizer
        scores = TranslationScores(language, bleu_tokenizer=self.bleu_tokenizer or DEFAULT)
        super().__init__(recipe, scores)
        if language:
            self.score_directions = {**self.score_directions, "bleu_lowercased_tokenized": True}
        self._tokenizer = LowercasedTokenizer(language) if language else None

    def choose_scoring(self, references: Sequence[str]) -> None:
        """Choose BLEU's tokenizer, unless the recipe or the training data have done so."""
        if self.bleu_tokenizer is None:
            choice = choose_bleu_tokenizer(references)
            self._set_bleu_tokenizer(choice.name)
            self.notes += [choice.note] if choice.note else []

    def _set_bleu_tokenizer(self, name: str) -> None:
        self.bleu_tokenizer = name
        language = self._language
        directions = self.score_directions
        self._set_metric(TranslationScores(language, bleu_tokenizer=name))
        self.score_directions = directions

    def check_options(self) -> None:
        """Check also BLEU's tokenizer, by which validation is scored."""
        super().check_options()
        if self.bleu_tokenizer is not None:
            build_bleu(self.bleu_tokenizer)

    def state(self) -> dict[str, Any]:
        """Return also the name of BLEU's tokenizer."""
        name = self.bleu_tokenizer
        return super().state() | ({"bleu_tokenizer": name} if name else {})

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        if self.bleu_tokenizer is None and "bleu_tokenizer" in state:
            self._set_bleu_tokenizer(str(state["bleu_tokenizer"]))

    def inspect(self, split: Split) -> list[str]:
        """Report also missing tokenized references."""
        notes = super().inspect(split)
        if self._tokenizer and split.name != "train" and not _has_tokenized(split):
            notes.append(
                f"{split.name}: no column {TOKENIZED!r}; the tokenized BLEU uses the raw references, "
                "tokenized"
            )
        return notes

    def reference(self, source: str, target: str, further: Further | None = None) -> Any:
        """Return the raw references, with the tokenized form of the first if that is scored too."""
        references, tokenized = further or Further()
        if self._tokenizer is not None:
            tokenized = tokenized or self._tokenizer(target)
        return TranslationTarget(target, tokenized, references)

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Return the copy of the source."""
        yield self.rule_baseline("copy", "the source itself", str)

    def further_targets(self, split: Split) -> Sequence[Further] | None:
        """Return further references, and the tokenized form of the first from the data."""
        further = super().further_targets(split)
        if self._tokenizer is None or not _has_tokenized(split):
            return further
        items = further or [Further()] * len(split)
        return [
            item._replace(tokenized=text)
            for item, text in zip(items, split.texts(TOKENIZED), strict=True)
        ]


def _has_tokenized(split: Split) -> bool:
    return TOKENIZED in split.rows.column_names
