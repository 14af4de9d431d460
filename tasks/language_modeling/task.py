"""Language modelling: the next token from all before it.

A split is one stream of tokens. Training reads it in `batch_size` contiguous columns, window by window, and
carries the detached state from each window to the next (truncated back-propagation through time).
Evaluation reads it from end to end, so its figure depends on no batch size and no window length.

A Transformer's state is a cache of its last `encoder.context` tokens, and it is read by the same lines: in
training, evaluation and generation alike a token sees as many tokens before it, wherever windows begin.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.batching import columns, window_lengths
from nlpseq.data.pretrained_vectors import load_vectors
from nlpseq.data.split import Split
from nlpseq.data.streams import TextStream, pad
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.metrics.base import Scores
from nlpseq.metrics.perplexity import Perplexity
from nlpseq.models.builders import build_embedding, build_encoder
from nlpseq.models.model import Model
from nlpseq.recipe import (
    CausalEncoderConfig,
    CausalTransformerConfig,
    Count,
    EvaluationConfig,
    Integers,
    Recipe,
    RecurrentConfig,
    Section,
    TrainingConfig,
)
from nlpseq.task import Cursor, LossSum, Progress, Record, Shard, Task
from nlpseq.types import State

from .predictor import LanguageModel, LanguageModelPredictor

FREQUENCY_ORDERED = ("word", "character", "unigram")
Penalty = Annotated[float, Field(ge=0)]


class SoftmaxConfig(Section):
    """The output layer: one softmax over the vocabulary, or the adaptive one (Grave et al. 2017)."""

    kind: Literal["full", "adaptive"] = "full"
    tied: bool = Field(True, description="share the embedding's table (full softmax)")
    cutoffs: Integers = Field(
        (), description="adaptive: ranks at which a cluster of rarer tokens begins"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "adaptive" and not self.cutoffs:
            raise ValueError("kind = 'adaptive' needs cutoffs, for example [2000]")
        if self.kind == "full" and self.cutoffs:
            raise ValueError("cutoffs belong to kind = 'adaptive'")
        return self


class WindowedTrainingConfig(TrainingConfig):
    """Training in windows of a stream."""

    bptt_length: Count = Field(35, description="tokens of a window")
    random_windows: bool = Field(
        False, description="vary the length of windows (Merity et al. 2018)"
    )
    activation_penalty: Penalty = Field(0.0, description="weight of the mean square output (AR)")
    temporal_penalty: Penalty = Field(
        0.0, description="weight of the mean square change of it (TAR)"
    )


class StreamEvaluationConfig(EvaluationConfig):
    """How a split is read when it is scored."""

    documents: bool = Field(False, description="each text on its own instead of one stream")
    batch_size: Count = Field(1, description="documents read at once; changes nothing but speed")
    window: Count = Field(256, description="tokens encoded at once; changes nothing but memory")


class LanguageModelingRecipe(Recipe):
    """A recipe of this task."""

    encoder: CausalEncoderConfig = RecurrentConfig()
    head: SoftmaxConfig = SoftmaxConfig()
    training: WindowedTrainingConfig = WindowedTrainingConfig()
    evaluation: StreamEvaluationConfig = StreamEvaluationConfig()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if isinstance(self.encoder, RecurrentConfig) and self.encoder.bidirectional:
            raise ValueError(
                "encoder.bidirectional = true: a language model must not see the tokens that it predicts"
            )
        if self.embedding.characters != "none" or self.embedding.casing_dim:
            raise ValueError(
                "embedding.characters and casing_dim: a language model reads ids alone"
            )
        if self.encoder.init_from is not None:
            raise ValueError(
                "encoder.init_from: classifiers and taggers start from a language model, not one itself"
            )
        if self.head.kind == "adaptive" and self.training.label_smoothing > 0:
            raise ValueError("training.label_smoothing: not with head.kind = 'adaptive'")
        if self.head.kind == "adaptive" and self.tokenization.kind not in FREQUENCY_ORDERED:
            raise ValueError(
                "head.kind = 'adaptive' cuts a vocabulary by frequency, in which only the ids of "
                f"tokenization.kind = {', '.join(FREQUENCY_ORDERED)} are ordered"
            )
        if self.training.batch_tokens:
            raise ValueError("training.batch_tokens: windows have a fixed size, set batch_size")
        if self.decoding.coverage_penalty:
            raise ValueError("decoding.coverage_penalty: a language model has no source to cover")
        reason = "a language model reads its texts as they stand, white space separates words"
        self.tokenization.refuse(("split",), reason, "tokenization")
        return self


class LanguageModeling(Task[LanguageModelingRecipe]):
    """Word, subword and character language models."""

    Config: ClassVar[type[Recipe]] = LanguageModelingRecipe
    fields: ClassVar[tuple[str, ...]] = ("text",)
    metric = Perplexity()
    main_metric = "perplexity"
    higher_is_better = False

    def __init__(self, recipe: LanguageModelingRecipe) -> None:
        super().__init__(recipe)
        self._streams: dict[str, TextStream] = {}
        self._vectors: Tensor | None = None

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokenization from train, encode the splits, look up the pretrained vectors."""
        self.tokenizer = Tokenizer.from_config(
            self.recipe.tokenization, splits["train"].texts("text")
        )
        for split in splits.values():
            self.stream(split)  # one without a token is told of now, not after the training
        config = self.recipe.embedding
        if config.pretrained is not None:
            words = self.tokenizer.vocabulary
            counts = torch.bincount(self.stream(splits["train"]).ids, minlength=len(words)).tolist()
            vectors = load_vectors(config.pretrained, words, config.dim, folders, counts=counts)
            self._vectors = vectors.weight
            self.notes.append(str(vectors.coverage))

    def build_model(self) -> LanguageModel:
        """Embedding, causal encoder, softmax layer."""
        recipe, size = self.recipe, len(self.tokenizer)
        pad_id, unk_id = self.tokenizer.pad_id, self.tokenizer.unk_id
        embedding = build_embedding(recipe.embedding, vocab_size=size, pad_id=pad_id, unk_id=unk_id)
        if self._vectors is not None:
            embedding.tokens.load(self._vectors)
        encoder = build_encoder(recipe.encoder, embedding.dim)
        head: SoftmaxLayer | AdaptiveSoftmaxLayer
        if recipe.head.kind == "adaptive":
            head = AdaptiveSoftmaxLayer(encoder.output_dim, size, cutoffs=recipe.head.cutoffs)
        else:
            tied_to = embedding.tokens.weight if recipe.head.tied else None
            head = SoftmaxLayer(encoder.output_dim, size, tied_to=tied_to)
        return Model(embedding, encoder, head)

    # Data

    @property
    def start_id(self) -> int:
        """What stands before the first token: an end of text where texts have ends, else `<bos>`."""
        return self.tokenizer.eos_id if self.recipe.tokenization.add_eos else self.tokenizer.bos_id

    def stream(self, split: Split) -> TextStream:
        """A split as token ids; it is encoded once."""
        key = split.fingerprint
        if key not in self._streams:
            ending = [self.tokenizer.eos_id] if self.recipe.tokenization.add_eos else []
            self._streams[key] = TextStream.encode(split, self.tokenizer, self.start_id, ending)
        return self._streams[key]

    def _columns(self, split: Split) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, N), each row a contiguous part of the stream."""
        stream, size = self.stream(split), self.recipe.training.batch_size
        length, window = len(stream) // size, self.recipe.training.bptt_length
        if length < window:
            raise UserError(
                f"{split.origin}: {len(stream)} tokens of {split.name} in {size} columns give {length} "
                f"each, less than one window of {window}: lower training.batch_size or bptt_length"
            )
        inputs, targets = stream.training_pair()
        return columns(inputs, size), columns(targets, size)

    def _windows(self, length: int, seed: int, epoch: int) -> list[int]:
        config = self.recipe.training
        return window_lengths(length, config.bptt_length, config.random_windows, seed, epoch)

    def steps_per_epoch(self, split: Split) -> int:
        """Windows of the first epoch; with random lengths others differ by a few."""
        inputs, _ = self._columns(split)
        return len(self._windows(inputs.size(1), self.recipe.seed, 0))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """The windows of one epoch, from the start's on; the first of an epoch starts afresh."""
        inputs, targets = self._columns(split)
        index = torch.arange(inputs.size(0))
        place = 0
        for number, length in enumerate(self._windows(inputs.size(1), seed, start.epoch)):
            if number >= start.batch:
                window = slice(place, place + length)
                source = Tokens.unpadded(inputs[:, window])
                yield Batch(source, targets[:, window], index, first=number == 0)
            place += length

    # Training

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum of the nll over a window's tokens, with label smoothing and penalties in training."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        config, target = self.recipe.training, batch.target
        outputs, state = model.encode(batch.source, carry or None)  # (B, T, H)
        smoothing = config.label_smoothing if model.training else 0.0
        total = model.head.loss(outputs.flatten(0, 1), target.flatten(), smoothing)
        if model.training:
            total = total + target.numel() * self._activation_penalties(outputs)
        return LossSum(total, torch.tensor(target.numel(), device=target.device)), state

    def _activation_penalties(self, outputs: Tensor) -> Tensor:
        """Activation and temporal activation regularisation, after Merity et al. (2017).

        Both are taken of the outputs that the head reads, dropout included; the paper takes the
        temporal one before dropout, which with a locked mask differs only by a factor.
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
        """The nll of each text: every token counts, in the context of all tokens before it."""
        assert isinstance(model, Model)
        config, texts = self.recipe.evaluation, split.column("text")
        ending = "\n" if self.recipe.tokenization.add_eos else ""
        documents = self.stream(split).documents(config.documents, limit)
        documents = sorted(
            documents[shard.rank :: shard.world_size], key=lambda document: len(document.ids)
        )
        for first in range(0, len(documents), config.batch_size):
            group = documents[first : first + config.batch_size]
            nll = self._nll(model, [document.ids for document in group], device)
            for row, document in zip(nll, group, strict=True):
                for index, begin, end, whole in document.spans:
                    tokens = document.ids[1 + begin : 1 + end].tolist()
                    spelt = texts[index] + ending if whole else self.tokenizer.decode(tokens)
                    statistics = self.metric.statistics(row[begin:end].tolist(), spelt)
                    yield Record(index, statistics, texts[index])

    def _nll(
        self, model: LanguageModel, documents: Sequence[Tensor], device: torch.device
    ) -> Tensor:
        """The nll of every token of some documents (B, T), in windows; what is behind an end is noise."""
        ids = pad(documents, self.tokenizer.pad_id).to(device)  # (B, T + 1)
        inputs, targets = ids[:, :-1], ids[:, 1:]
        window, state, parts = self.recipe.evaluation.window, None, []
        for part, target in zip(inputs.split(window, 1), targets.split(window, 1), strict=True):
            # A causal encoder needs no mask: padding stands only behind what it could change.
            outputs, state = model.encode(Tokens.unpadded(part), state)
            parts.append(
                model.head.nll(outputs.flatten(0, 1), target.flatten()).view_as(target).cpu()
            )
        return torch.cat(parts, dim=1)

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """How far a Transformer looks back, which its scores depend on; a recurrent state has no end."""
        encoder = self.recipe.encoder
        if not isinstance(encoder, CausalTransformerConfig):
            return {}
        said = f"each token sees itself and the {encoder.context - 1} before it, in each layer"
        return {"context": encoder.context, "signatures": {"context": said}}

    def baselines(self, split: Split) -> Scores:
        """The perplexity of the source itself, where the data know their own probability.

        It is a floor only for a model that predicts the same strings: ends of texts included, every
        word known.
        """
        config, stream = self.recipe.tokenization, self.stream(split)
        closed = config.add_eos and not config.lowercase
        if "log_probability" not in split.rows.column_names or not closed:
            return {}
        if bool((stream.ids == self.tokenizer.unk_id).any()):
            return {}
        nll = -math.fsum(split.rows["log_probability"])
        return {"floor_perplexity": math.exp(nll / len(stream))}

    # Use

    def predictor(self, model: nn.Module, device: torch.device) -> Any:
        """Generate with a trained model, and score texts."""
        assert isinstance(model, Model)
        return LanguageModelPredictor(self, model, device)

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """A few texts in the recipe's way of decoding; greedy search has only one."""
        config = self.recipe.decoding
        number = {"greedy": 1, "beam": min(3, config.beam_size), "sample": 3}[config.method]
        assert isinstance(model, Model)
        predictor = LanguageModelPredictor(self, model, device)
        return predictor.generate("", num_samples=number, seed=self.recipe.seed)
