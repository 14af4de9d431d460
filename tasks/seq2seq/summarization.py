"""Summarization with attention: ROUGE, and the Lead-k baseline beside it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.metrics.base import Scores
from nlpseq.metrics.summarization import (
    ROUGES,
    SummaryScores,
    SummaryTarget,
    best_lead,
    lead,
    leads,
    words_of,
)
from nlpseq.recipe import Recipe

from .recipe import Seq2SeqRecipe
from .task import Seq2Seq

MOST_PAIRS = 500  # of validation, to choose k by


class Summarization(Seq2Seq):
    """Texts to short texts.

    Attributes:
        lead: k of the Lead-k baseline, chosen on validation by ROUGE-L.
    """

    Config: ClassVar[type[Recipe]] = Seq2SeqRecipe
    main_metric = "rougeL"
    hub_task = "summarization"

    def __init__(self, recipe: Seq2SeqRecipe) -> None:
        super().__init__(recipe, SummaryScores())
        self.lead = 0

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokens of both sides from train, read every split, choose k of Lead-k."""
        super().prepare(splits, folders)
        if "validation" in splits:
            pairs = [(pair.source, pair.text) for _, pair in self.examples(splits["validation"])]
            some = pairs[:: math.ceil(len(pairs) / MOST_PAIRS)]
            self.lead = best_lead(some, leads(max(len(words_of(text)) for _, text in some)))
            self.notes.append(f"the Lead-k baseline takes the first {self.lead} words")

    def state(self) -> dict[str, Any]:
        """Also k."""
        return super().state() | {"lead": self.lead}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Take back what `prepare` had learnt."""
        super().restore(tokenizer, state)
        self.lead = int(state["lead"])

    def reference(self, source: str, target: str, further: Any = None) -> Any:
        """The reference, and the source, to see what was copied."""
        return SummaryTarget(target, source)

    def baselines(self, split: Split) -> Scores:
        """ROUGE of Lead-k."""
        if not self.lead:
            return {}
        vectors = [
            self.text_metric.statistics(
                lead(pair.source, self.lead), self.reference(pair.source, pair.text)
            )
            for _, pair in self.examples(split)
        ]
        scores = self.text_metric.score([math.fsum(part) for part in zip(*vectors, strict=True)])
        return {f"lead_{self.lead}_{name}": scores[name] for name in ROUGES}
