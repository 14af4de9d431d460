"""Summarization with attention, scored by ROUGE beside the Lead-k baseline."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from nlpseq.data.report import DataReport
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.scripts import Words, rouge_words
from nlpseq.metrics.summarization import (
    ROUGES,
    SummaryScores,
    SummaryTarget,
    best_lead,
    lead_lengths,
)
from nlpseq.metrics.words import lead, words_of
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline

from .predictor import Seq2SeqPredictor, SummarizationPredictor
from .recipe import Seq2SeqRecipe
from .references import Further
from .settings import summarizes
from .task import Seq2Seq

MOST_PAIRS = 500  # of validation, by which k is chosen


class Summarization(Seq2Seq):
    """Summarization of texts.

    Attributes:
        lead: k of the Lead-k baseline, chosen on validation by ROUGE-L.
        rouge_words: the words that ROUGE counts, by the script of the targets.
    """

    Config: ClassVar[type[Recipe]] = Seq2SeqRecipe
    main_metric = "rougeL"
    hub_task = "summarization"
    predictor_type: ClassVar[type[Seq2SeqPredictor]] = SummarizationPredictor

    def __init__(self, recipe: Seq2SeqRecipe) -> None:
        super().__init__(recipe, SummaryScores())
        self.rouge_words: Words | None = None
        self.lead = 0

    @classmethod
    def suits(cls, report: DataReport) -> str:
        """Return why pairs are texts with summaries, '' if they are translations."""
        return summarizes(report)

    def choose_scoring(self, references: Sequence[str]) -> None:
        """Choose the words that ROUGE counts, unless the training data have done so."""
        if self.rouge_words is None:
            self._set_rouge_words(rouge_words(references))
            if self.rouge_words == "unicode":
                self.notes.append(
                    "the targets are not of the letters a-z alone: ROUGE counts Unicode words, and "
                    "characters of scripts without spaces, without stemming"
                )

    def _set_rouge_words(self, words: Words) -> None:
        self.rouge_words = words
        self._set_metric(SummaryScores(words))

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokens of both sides from train, encode every split, choose k of Lead-k."""
        super().prepare(splits, folders)
        if "validation" in splits:
            pairs = [(pair.source, pair.text) for _, pair in self.examples(splits["validation"])]
            sample = pairs[:: math.ceil(len(pairs) / MOST_PAIRS)]
            self.lead = best_lead(
                sample,
                lead_lengths(max(len(words_of(text)) for _, text in sample)),
                self.rouge_words or "rouge-score",
            )
            self.notes.append(f"the Lead-k baseline takes the first {self.lead} words")

    def state(self) -> dict[str, Any]:
        """Return also k of the Lead-k baseline, and the words that ROUGE counts."""
        words = {"rouge_words": self.rouge_words} if self.rouge_words else {}
        return super().state() | {"lead": self.lead} | words

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        self.lead = int(state["lead"])
        if "rouge_words" in state:
            self._set_rouge_words(state["rouge_words"])

    def reference(self, source: str, target: str, further: Further | None = None) -> Any:
        """Return the references with their source, to measure how much was copied."""
        return SummaryTarget(target, source, (further or Further()).references)

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Return Lead-k."""
        if self.lead:
            name, label = f"lead_{self.lead}", f"first {self.lead} words (Lead-k)"
            yield self.rule_baseline(name, label, lambda source: lead(source, self.lead))

    def known_scores(self, split: Split) -> Scores:
        """Return the ROUGE of Lead-k."""
        if not self.lead:
            return {}
        examples = self.examples(split)
        further = self.further_targets(split) or [Further()] * len(examples)
        scores = self.text_metric.score(
            sum_statistics(
                self.text_metric.statistics(
                    lead(pair.source, self.lead), self.reference(pair.source, pair.text, extra)
                )
                for (_, pair), extra in zip(examples, further, strict=True)
            )
        )
        return {f"lead_{self.lead}_{name}": scores[name] for name in ROUGES}
