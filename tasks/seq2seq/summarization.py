"""Summarization with attention, scored by ROUGE beside the Lead-k baseline."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.summarization import (
    ROUGES,
    SummaryScores,
    SummaryTarget,
    best_lead,
    lead,
    lead_lengths,
    words_of,
)
from nlpseq.recipe import Recipe

from .predictor import Seq2SeqPredictor, SummarizationPredictor
from .recipe import Seq2SeqRecipe
from .task import Seq2Seq

MOST_PAIRS = 500  # of validation, by which k is chosen


class Summarization(Seq2Seq):
    """Summarization of texts.

    Attributes:
        lead: k of the Lead-k baseline, chosen on validation by ROUGE-L.
    """

    Config: ClassVar[type[Recipe]] = Seq2SeqRecipe
    main_metric = "rougeL"
    hub_task = "summarization"
    predictor_type: ClassVar[type[Seq2SeqPredictor]] = SummarizationPredictor

    def __init__(self, recipe: Seq2SeqRecipe) -> None:
        super().__init__(recipe, SummaryScores())
        self.lead = 0

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokens of both sides from train, encode every split, choose k of Lead-k."""
        super().prepare(splits, folders)
        if "validation" in splits:
            pairs = [(pair.source, pair.text) for _, pair in self.examples(splits["validation"])]
            sample = pairs[:: math.ceil(len(pairs) / MOST_PAIRS)]
            self.lead = best_lead(
                sample, lead_lengths(max(len(words_of(text)) for _, text in sample))
            )
            self.notes.append(f"the Lead-k baseline takes the first {self.lead} words")

    def state(self) -> dict[str, Any]:
        """Return also k of the Lead-k baseline."""
        return super().state() | {"lead": self.lead}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        self.lead = int(state["lead"])

    def reference(self, source: str, target: str, further: Any = None) -> Any:
        """Return the reference with its source, to measure how much was copied."""
        return SummaryTarget(target, source)

    def baselines(self, split: Split) -> Scores:
        """Return the ROUGE of Lead-k."""
        if not self.lead:
            return {}
        scores = self.text_metric.score(
            sum_statistics(
                self.text_metric.statistics(
                    lead(pair.source, self.lead), self.reference(pair.source, pair.text)
                )
                for _, pair in self.examples(split)
            )
        )
        return {f"lead_{self.lead}_{name}": scores[name] for name in ROUGES}
