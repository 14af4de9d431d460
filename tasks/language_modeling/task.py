"""Language modeling: predict each token from all tokens before it.

A split is one stream of tokens. Training reads it in `batch_size` contiguous columns, window by window, and
carries the detached state from each window to the next (truncated back-propagation through time).
Evaluation reads it from end to end, so that its scores depend on no batch size and no window length.

The state of a Transformer is a cache of its last `encoder.context` tokens, and the same code reads it: in
training, evaluation and generation a token sees the same number of tokens before it, wherever windows begin.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.batching import to_columns, window_lengths
from nlpseq.data.pretrained_vectors import load_vectors
from nlpseq.data.report import DataReport
from nlpseq.data.split import Split
from nlpseq.data.streams import TextStream
from nlpseq.data.text_pipeline import TextPipeline, pipeline_parts
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.tokenizer_training import AT_SPACES
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores
from nlpseq.models.model import Model
from nlpseq.predictor import Predictor
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline, Cursor, LossSum, Progress, Record, Setting, Shard, Task
from nlpseq.types import State

from ..base.decoding_config import check_decoding
from ..base.pipelines import (
    cutting_note,
    is_pretokenized,
    raw_text_notes,
    stream_parts,
    training_texts,
    unknown_counts,
)
from ..base.resolved_recipe import with_cutting
from .baselines import train_baselines
from .metrics import context_details, floor_perplexity
from .model import LanguageModel, build_language_model
from .predictor import LanguageModelPredictor
from .recipe import LanguageModelingRecipe
from .scoring import METRIC, StreamScorer, encode_stream, start_id
from .settings import language_model_settings

CUT_BEFORE = "a word model reads texts unchanged: cut punctuation off beforehand, or set tokenization.kind = 'bpe'"


class LanguageModeling(Task[LanguageModelingRecipe]):
    """Word, subword and character language models."""

    Config: ClassVar[type[Recipe]] = LanguageModelingRecipe
    fields: tuple[str, ...] = ("text",)
    contiguous: ClassVar[bool] = True
    metric = METRIC
    main_metric = "perplexity"
    base_recipe = "language_modeling/base"
    higher_is_better = False
    score_directions = MappingProxyType(
        {"nll_per_token": False, "bits_per_character": False, "bits_per_byte": False}
    )

    def __init__(self, recipe: LanguageModelingRecipe) -> None:
        super().__init__(recipe)
        self._streams: dict[str, TextStream] = {}
        self._vectors: Tensor | None = None

    @classmethod
    def settings(cls, report: DataReport) -> list[Setting]:
        """Choose tokenization, sizes and length of training."""
        return language_model_settings(report)

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokenization from train, encode the splits, look up the pretrained vectors."""
        texts = splits["train"].texts("text")
        cut = is_pretokenized(splits["train"], self.recipe.data.pretokenized)
        self._learn_tokens(texts, cut)
        for split in splits.values():
            self.stream(split)  # refuses a split without a token before the training, not after
        self.notes += raw_text_notes(splits["train"], texts, self.pipeline, CUT_BEFORE)
        for split in splits.values():
            self.notes += self.inspect(split)
        config = self.recipe.embedding
        if config.pretrained is not None:
            words = self.tokenizer.vocabulary
            counts = torch.bincount(self.stream(splits["train"]).ids, minlength=len(words)).tolist()
            vectors = load_vectors(config.pretrained, words, config.dim, folders, counts=counts)
            self._vectors = vectors.weight
            self.notes.append(str(vectors.coverage))

    def _learn_tokens(self, texts: Sequence[str], pretokenized: bool) -> None:
        config = self.recipe.tokenization
        parts = stream_parts(config, pretokenized=pretokenized)
        self.tokenizer = Tokenizer.from_config(
            config,
            training_texts(texts, parts, config.kind),
            parts["raw"] or AT_SPACES,
            marked=parts["pretokenized"],
        )
        self._set_pipeline(parts)
        if self.pipeline.whole_words:
            self.notes.append(cutting_note(texts, self.pipeline))

    def inspect(self, split: Split) -> list[str]:
        """Report also the share of unknown tokens."""
        ids = self.stream(split).ids
        unknown = int((ids == self.tokenizer.unk_id).sum())
        self.unknown_tokens[split.name], notes = unknown_counts(
            split.name, unknown, len(ids), self.tokenizer.kind
        )
        return super().inspect(split) + notes

    def resolved_recipe(self) -> LanguageModelingRecipe:
        """Return the recipe with the cutting of texts that `prepare` settled."""
        return with_cutting(self.recipe, self.pipeline)

    def state(self) -> dict[str, Any]:
        """Return the pipeline."""
        return {"pipeline": self.pipeline.state()}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt; models of version 0.1 leave all to their tokenizer."""
        super().restore(tokenizer, state)
        self._set_pipeline(pipeline_parts(state.get("pipeline")))

    def _set_pipeline(self, parts: Mapping[str, Any]) -> None:
        self.pipeline = TextPipeline(self.tokenizer, **parts)
        self.tokenizer.spaceless = self.pipeline.raw is not None and self.pipeline.raw.spaceless

    def build_model(self) -> LanguageModel:
        """Build embedding, causal encoder and softmax layer."""
        return build_language_model(self.recipe, self.tokenizer, self._vectors)

    # Batches

    @property
    def start_id(self) -> int:
        """The token before the first one."""
        return start_id(self.tokenizer, self.recipe.tokenization)

    def stream(self, split: Split) -> TextStream:
        """Return a split as token ids; it is encoded once."""
        key = split.fingerprint
        if key not in self._streams:
            self._streams[key] = encode_stream(split, self.pipeline, self.recipe.tokenization)
        return self._streams[key]

    def _columns(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return inputs and targets (B, N); each row is a contiguous part of the stream."""
        stream, size = self.stream(split), self.recipe.training.batch_size
        length, window = len(stream) // size, self.recipe.training.bptt_length
        if length < window:
            raise UserError(
                f"{split.origin}: {len(stream)} tokens of {split.name} in {size} columns give {length} "
                f"each, less than one window of {window}: lower training.batch_size or bptt_length"
            )
        inputs, targets = stream.training_pair()
        return to_columns(inputs, size), to_columns(targets, size)

    def _window_lengths(self, length: int, seed: int, epoch: int) -> list[int]:
        config = self.recipe.training
        return window_lengths(length, config.bptt_length, config.random_windows, seed, epoch)

    def steps_per_epoch(self, split: Split) -> int:
        """Count the windows of the first epoch; with random lengths, other epochs differ slightly."""
        inputs, _ = self._columns(split)
        return len(self._window_lengths(inputs.size(1), self.recipe.seed, 0))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """Yield the windows of one epoch from `start` on; the first window has a fresh state."""
        inputs, targets = self._columns(split)
        index = torch.arange(inputs.size(0))
        begin = 0
        for number, length in enumerate(self._window_lengths(inputs.size(1), seed, start.epoch)):
            if number >= start.batch:
                window = slice(begin, begin + length)
                source = Tokens.unpadded(inputs[:, window])
                yield Batch(source, targets[:, window], index, first=number == 0)
            begin += length

    # Training

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum the nll over the tokens of a window; in training with label smoothing and penalties."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        config, target = self.recipe.training, batch.target
        outputs, state = model.encode(batch.source, carry or None)  # (B, T, H)
        smoothing = config.label_smoothing if model.training else 0.0
        total = model.head.loss(outputs.flatten(0, 1), target.flatten(), smoothing)
        if model.training:
            total = total + target.numel() * self._activation_penalties(outputs)
        return LossSum.counted(total, target.numel()), state

    def _activation_penalties(self, outputs: Tensor) -> Tensor:
        """Compute activation and temporal activation regularization.  Merity et al. (2017), section 4.

        Both are computed from the outputs that the head reads, after dropout. The paper computes the temporal
        one before dropout, which with a locked mask differs only by a factor.
        """
        config, penalty = self.recipe.training, outputs.new_zeros(())
        if config.activation_penalty:
            penalty = penalty + config.activation_penalty * outputs.square().mean()
        if config.temporal_penalty and outputs.size(1) > 1:
            penalty = penalty + config.temporal_penalty * outputs.diff(dim=1).square().mean()
        return penalty

    # Evaluation

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Score each text by its nll."""
        assert isinstance(model, Model)
        scorer = StreamScorer(model, self.tokenizer, self.recipe, device)
        return scorer.records(split, self.stream(split), shard, limit)

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return how far a Transformer looks back."""
        return context_details(self.recipe.encoder)

    def known_scores(self, split: Split) -> Scores:
        """Return the perplexity of the source of the data, if it is known."""
        return floor_perplexity(split, self.stream(split), self.tokenizer, self.recipe.tokenization)

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Count unigrams, and n-grams with modified Kneser-Ney smoothing."""
        ending = "\n" if self.recipe.tokenization.add_eos else ""
        return train_baselines(splits, self.stream, self.tokenizer, ending=ending)

    # Use

    def predictor(self, model: nn.Module, device: torch.device) -> Predictor[Any]:
        """Return a predictor that continues prompts and scores texts."""
        assert isinstance(model, Model)
        return LanguageModelPredictor(self.pipeline, self.recipe, model, device)

    def check_options(self) -> None:
        """Check `[decoding]`, by which samples are generated after training."""
        check_decoding(self.recipe.decoding)

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """Generate a few texts as `[decoding]` of the recipe says; greedy search has only one."""
        config = self.recipe.decoding
        number = {"greedy": 1, "beam": min(3, config.beam_size), "sample": 3}[config.method]
        assert isinstance(model, Model)
        predictor = LanguageModelPredictor(self.pipeline, self.recipe, model, device)
        return predictor.generate("", num_samples=number, seed=self.recipe.seed)
