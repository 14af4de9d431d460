"""Translation and summarization: an encoder, a decoder with attention, text in and text out.

Any encoder that gives one vector for each token reads the source. Training reads gold targets, or, by scheduled
sampling, partly the model's own tokens; it minimizes the nll, or maximizes a reward of whole outputs. Evaluation
decodes every source as `[decoding]` of the recipe says, and scores the texts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from nlpseq.data.batch import Batch
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text
from nlpseq.errors import UserError
from nlpseq.metrics.base import sum_statistics
from nlpseq.models.model import Model
from nlpseq.predictor import joined
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline, LossSum, Progress, Record, Scores, Shard
from nlpseq.types import State

from ..base.decoding_config import check_decoding
from ..base.pipelines import (
    are_lists,
)
from .baselines import rule_baseline
from .metrics import Seq2SeqScores, TextMetric, interval_details
from .model import Seq2SeqModel, build_seq2seq
from .objective import PairLoss
from .pair_task import PairTask
from .pairs import Pair
from .predictor import Seq2SeqPredictor
from .recipe import Seq2SeqRecipe
from .references import (
    Further,
    count_references,
    further_references,
)
from .search import OutputSearch, search_batches


class Seq2Seq(PairTask):
    """Text to text with an encoder, a decoder and attention.

    Attributes:
        predictor_type: class of the predictors.
        text_metric: scores outputs against references.
    """

    Config: ClassVar[type[Recipe]] = Seq2SeqRecipe
    higher_is_better = True
    predictor_type: ClassVar[type[Seq2SeqPredictor]] = Seq2SeqPredictor

    def __init__(self, recipe: Seq2SeqRecipe, text_metric: TextMetric) -> None:
        super().__init__(recipe)
        self._set_metric(text_metric)
        self._sample_texts: list[Text] = []
        self._samples_are_cut = False

    def _set_metric(self, text_metric: TextMetric) -> None:
        self.text_metric = text_metric
        self.metric = Seq2SeqScores(text_metric)
        losses = {"perplexity": False, "nll_per_token": False}
        self.score_directions = {**text_metric.directions, **losses}

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokens of both sides from train, encode every split."""
        self.prepare_features(splits["train"], folders)
        self.pairs.learn_detokenizer(pair for _, pair in self.examples(splits["train"]))
        self.choose_scoring(self._reference_texts(splits["train"]))
        for split in splits.values():
            self.notes += self.inspect(split)
        samples = splits.get("validation", splits["train"])
        self._samples_are_cut = self.is_pretokenized(samples) or are_lists(self.texts(samples))
        self._sample_texts = [text for text in self.texts(samples)[:3] if joined(text).strip()]

    # Model and loss

    def build_model(self) -> Seq2SeqModel:
        """Build embedding, encoder and decoder."""
        return build_seq2seq(self.recipe, self.build_embedding(), self.target, self.target_size)

    def load_initial_weights(self, model: nn.Module) -> None:
        """Load the weights of the run that `objective.init_from` names, if any.

        Raises:
            UserError: the model of that run has other layers than this recipe.
        """
        if not self._initial:
            return
        try:
            model.load_state_dict(self._initial)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(
                f"objective.init_from: the recipe's model is another than that run's: {reason}"
            ) from error

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum the nll over target tokens; in training the objective of the recipe.

        With a reward, the sum is over sentences, and the count is the number of sentences.
        """
        assert isinstance(model, Model)
        pair_loss = PairLoss(self.recipe, self.target, self.target_size, self.forbidden)
        return pair_loss(model, batch, progress, unk_id=self.tokenizer.unk_id), ()

    def logged(self, progress: Progress) -> Scores:
        """Return the teacher forcing ratio."""
        return {"teacher_forcing_ratio": self.recipe.scheduled_sampling.ratio(progress)}

    # Evaluation

    def choose_scoring(self, references: Sequence[str]) -> None:
        """Choose how scores cut texts into words, by the script of references; not by default."""

    def _reference_texts(self, split: Split) -> list[str]:
        return [pair.text for _, pair in self.examples(split)]

    def reference(self, source: str, target: str, further: Further | None = None) -> Any:
        """Make the reference of `text_metric`; `further` is an item of `further_targets`."""
        return target

    def further_targets(self, split: Split) -> Sequence[Further] | None:
        """Return further references of a split, if the data have them."""
        return further_references(split)

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Decode each source, and score its output and the nll of its target."""
        assert isinstance(model, Model)
        search = OutputSearch(self.pairs, self.forbidden, model, device)
        self.choose_scoring(self._reference_texts(split))
        further = self.further_targets(split)
        self.text_metric.num_references = count_references(further)
        # Samples have their own random numbers: validation must not change what is trained.
        generator = torch.Generator(device).manual_seed(self.recipe.seed)

        def record(index: int, pair: Pair, output: str, nll: float, tokens: int) -> Record:
            extra = None if further is None else further[index]
            reference = self.reference(pair.source, pair.text, extra)
            statistics = self.metric.statistics((output, nll, tokens), reference)
            return Record(index, statistics, pair.text, output)

        examples = self.examples(split)
        for index in self.empty_indices(split, shard, limit):
            yield record(index, examples[index][1], "", 0.0, 0)
        for indices, _, pairs in self.iter_shard(split, shard, limit):
            sources = search.encode([examples[index][0] for index in indices], pairs)
            nll = search.nll(sources, pairs)
            outputs = search.search(sources, pairs, self.recipe.decoding, generator=generator)
            for index, pair, best, value in zip(indices, pairs, outputs, nll, strict=True):
                yield record(index, pair, best[0].text, value, len(pair.ids))

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        """Return the scores of outputs that equal their references."""
        total = sum_statistics(
            self.text_metric.statistics(record.target, self.reference("", record.target))
            for record in records
        )
        return self.text_metric.score(total) if total else {}

    def rule_baseline(self, name: str, label: str, output: Callable[[str], str]) -> Baseline:
        """Return the baseline whose outputs are `output(source)`."""

        def pairs(split: Split) -> list[tuple[str, str]]:
            sources = map(joined, self.texts(split))
            return [*zip(sources, self._reference_texts(split), strict=True)]

        def references(split: Split) -> Iterator[Any]:
            further = self.further_targets(split) or [Further()] * len(split)
            for (source, target), extra in zip(pairs(split), further, strict=True):
                yield self.reference(source, target, extra)

        return rule_baseline(name, label, output, pairs, references, self.metric)

    def evaluation_batches(
        self, lengths: Sequence[int], targets: Sequence[int] | None
    ) -> list[list[int]]:
        """Group examples that are searched together."""
        recipe = self.recipe
        return search_batches(lengths, targets, recipe.decoding, recipe.training, self.target_size)

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return confidence intervals of the scores, and how the scores were computed."""
        return interval_details(records, self.text_metric, outputs=self.pairs.signature)

    def check_options(self) -> None:
        """Check `[decoding]`, by which outputs are generated when a split is scored."""
        check_decoding(self.recipe.decoding)

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """Return a few sources of validation with the model's outputs."""
        predictor = self.predictor(model, device)
        predictions = predictor.predict(self._sample_texts, pretokenized=self._samples_are_cut)
        return [f"{prediction.text} -> {prediction.output}" for prediction in predictions]

    def predictor(self, model: nn.Module, device: torch.device) -> Seq2SeqPredictor:
        """Return a predictor of outputs for raw texts."""
        assert isinstance(model, Model)
        return self.predictor_type(
            self.pairs,
            self.recipe,
            self.forbidden,
            model,
            device,
            metric=self.text_metric,
            reference=self.reference,
        )
