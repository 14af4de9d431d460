"""What translation and summarization share: an encoder, a decoder with attention, text in and text out.

A source is read by any encoder that gives a vector a token. Training reads gold targets, or, by scheduled
sampling, partly what the model itself says; it minimises the nll, or maximises a reward of whole outputs.
Evaluation decodes every source as the recipe's `[decoding]` says and scores the texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from nlpseq import model_directory
from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.features import Features
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.word_tokenizer import detokenizer_signature, raw_words
from nlpseq.errors import TextError, UserError
from nlpseq.layers.embedding import Embedding
from nlpseq.metrics.resampling import bootstrap_interval
from nlpseq.models.builders import build_decoder, build_embedding, build_encoder
from nlpseq.models.decoder import Decoder
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe, TransformerDecoderConfig
from nlpseq.task import LossSum, Progress, Record, Scores, Shard
from nlpseq.types import State

from ..base.text_recipe import check_same_reading
from ..base.text_task import TextTask
from .metrics import Seq2SeqScores, TextMetric
from .pairs import Pair, PairReader, cut_targets, hide_common
from .predictor import Seq2SeqPredictor
from .recipe import Seq2SeqRecipe
from .reward_training import as_at_test, attended_again, reward_loss
from .scheduled_sampling import decode
from .search import Translator, search_batches

Seq2SeqModel = Model[Decoder]


class Seq2Seq(TextTask[Seq2SeqRecipe, Pair]):
    """Text to text with an encoder, a decoder and attention.

    Attributes:
        pairs: makes features and pairs of texts.
    """

    Config: ClassVar[type[Recipe]] = Seq2SeqRecipe
    fields: ClassVar[tuple[str, ...]] = ("source", "target")
    higher_is_better = True

    pairs: PairReader

    def __init__(self, recipe: Seq2SeqRecipe, text_metric: TextMetric) -> None:
        super().__init__(recipe)
        self.text_metric = text_metric
        self.metric = Seq2SeqScores(text_metric)
        self._target_texts: Sequence[str] = ()
        self._shown: list[str] = []
        self._truncated: dict[str, int] = {}  # sources of a split, by its fingerprint

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokens of both sides from train, read every split."""
        self.prepare_features(splits["train"], folders)
        for split in splits.values():
            self.notes += self.inspect(split)
        shown = splits.get("validation", splits["train"])
        self._shown = [text for text in shown.texts("source")[:3] if text.strip()]

    def _first_tokenizer(self, texts: Sequence[str]) -> Tokenizer:
        """Of the source, or of both sides."""
        config, targets = self.recipe.tokenization, self._target_texts
        if config.joint:
            return Tokenizer.from_config(config, [*texts, *targets])
        self.target_tokenizer = Tokenizer.from_config(config, targets)
        return Tokenizer.from_config(config, texts)

    def prepare_features(self, train: Split, folders: Sequence[Path]) -> None:
        """Learn tokens and characters from train, or take those of `objective.init_from`."""
        run = self.recipe.objective.init_from
        if run is None:
            self._target_texts = self._cut(list(train.texts("target")))
            super().prepare_features(train, folders)
            return
        source, model = model_directory.read(model_directory.locate(run))
        if type(source) is not type(self):
            raise UserError(f"objective.init_from: {run} is of another task, {source.recipe.task}")
        check_same_reading(
            self.recipe,
            source.recipe,
            "objective.init_from",
            layers=("encoder", "decoder"),
            equal=("joint", "split"),
        )
        self.target_tokenizer = source.target_tokenizer
        self.restore(source.tokenizer, source.state())
        self._initial = dict(model.state_dict())
        self.notes.append(f"weights start from {Path(run).name}")

    def _set_reader(self, characters: Any) -> None:
        super()._set_reader(characters)
        config = self.recipe.tokenization
        self.pairs = PairReader(
            self.reader,
            self.target,
            copying=self.recipe.decoder.copying,
            vocab_size=self.target_size,
            max_source=config.max_source_length,
            by_rule=config.by_rule,
        )

    @property
    def target(self) -> Tokenizer:
        """The tokenizer of targets."""
        return self.target_tokenizer or self.tokenizer

    @property
    def target_size(self) -> int:
        """Tokens V that an output may have."""
        joint = self.target_tokenizer is None
        return len(self.target) - (self.extension if joint else 0)

    def inspect(self, split: Split) -> list[str]:
        """Sides that are empty, sources that were cut."""
        notes = super().inspect(split)
        examples = self.examples(split)
        sources = sum(not len(features) for features, _ in examples)
        targets = sum(not pair.text.strip() for _, pair in examples)
        if sources or targets:
            notes.append(
                f"{split.name}: {sources} sources and {targets} targets are empty; they are not learnt "
                "from, and an empty source is answered by an empty text"
            )
        if cut := self._truncated[split.fingerprint]:
            limit = self.recipe.tokenization.max_source_length
            notes.append(
                f"{split.name}: of {cut} long sources only the first {limit} tokens are read"
            )
        limit = self.recipe.tokenization.max_target_length
        if split.name == "train" and limit:
            long = sum(len(pair.ids) > limit for _, pair in examples)
            notes.append(f"train: of {long} long targets only the first {limit} tokens are learnt")
        self._check_positions(split, limit if split.name == "train" else 0)
        return notes

    def _check_positions(self, split: Split, limit: int) -> None:
        """See that a decoder that learns its positions has enough of them for the targets that it reads."""
        decoder = self.recipe.decoder
        if not isinstance(decoder, TransformerDecoderConfig) or decoder.positions != "learned":
            return
        for place, (_, pair) in enumerate(self.examples(split)):
            length = min(len(pair.ids), limit or len(pair.ids))
            if length > decoder.max_length:
                raise UserError(
                    f"{split.origin}, {split.name}: target {place + 1} has {length} tokens with its end, and "
                    f"decoder.max_length = {decoder.max_length}: raise that, or shorten the target"
                )

    # Examples

    def texts(self, split: Split) -> Sequence[str]:
        """The sources of a split, cut into words where the recipe says so."""
        return self._cut(list(split.texts("source")))

    def _cut(self, texts: list[str]) -> list[str]:
        return [raw_words(text) for text in texts] if self.recipe.tokenization.by_rule else texts

    def features(self, split: Split) -> list[Features]:
        """Features of the sources.

        Raises:
            UserError: one is too long, and `tokenization.too_long = "refuse"`.
        """
        try:
            features, long = self.read(list(split.texts("source")))
        except TextError as error:
            raise UserError(
                f"{split.origin}, {split.name}: source {error.index + 1} {error.reason}, or set "
                "tokenization.too_long=truncate"
            ) from error
        self._truncated[split.fingerprint] = len(long)
        return features

    def read(self, texts: Sequence[str]) -> tuple[list[Features], list[int]]:
        """Features of sources, and the places of those that are too long and were cut.

        Raises:
            TextError: one is too long, and `tokenization.too_long = "refuse"`.
        """
        config = self.recipe.tokenization
        features, long = self.pairs.sources(texts)
        if long and config.too_long == "refuse":
            limit = config.max_source_length
            raise TextError(
                long[0],
                f"has more than tokenization.max_source_length = {limit} tokens; shorten it",
            )
        return features, long

    def targets(self, split: Split) -> Sequence[Pair]:
        """What belongs to each source."""
        return self.pairs.pairs(list(split.texts("source")), list(split.texts("target")))

    def collate(
        self, features: Sequence[Features], targets: Sequence[Pair]
    ) -> tuple[Tokens, Tokens]:
        """Both sides of a batch."""
        return self.pairs.collate(features, targets)

    def target_length(self, target: Pair) -> int:
        """With the end of the text."""
        return len(target.ids)

    def learnable(self, features: Features, target: Pair) -> bool:
        """A target without a token teaches nothing but to be silent."""
        return bool(target.text.strip()) and len(target.ids) > 1

    # Model and loss

    def build_model(self) -> Seq2SeqModel:
        """Embedding, encoder, decoder; one table of vectors where the sides share it."""
        recipe, target = self.recipe, self.target
        embedding = self.build_embedding()
        encoder = build_encoder(recipe.encoder, embedding.dim)
        if recipe.shares_embedding:
            other = Embedding(embedding.tokens, dropout=recipe.embedding.dropout)
        else:
            plain = recipe.embedding.model_copy(
                update={"characters": "none", "casing_dim": 0, "frozen": False}
            )
            other = build_embedding(
                plain, vocab_size=self.target_size, pad_id=target.pad_id, unk_id=target.unk_id
            )
        decoder = build_decoder(
            recipe.decoder,
            recipe.encoder,
            encoder,
            other,
            vocab_size=self.target_size,
            tied=recipe.head.tied,
        )
        return Model(embedding, encoder, decoder)

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
        """Sum of the nll over target tokens; in training the objective that the recipe names.

        With a reward it is a sum over sentences, and they are counted instead of tokens.
        """
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tokens)
        recipe, decoder, training = self.recipe, model.head, model.training
        source, target = batch.source, batch.target
        if training and recipe.tokenization.max_target_length:
            target = cut_targets(target, recipe.tokenization.max_target_length)
        if training and recipe.decoder.copy_dropout:
            sizes = {"vocab_size": self.target_size, "unk_id": self.tokenizer.unk_id}
            source, target = hide_common(source, target, recipe.decoder.copy_dropout, **sizes)
        memory, state = decoder.start(model.encode(source), source)
        ratio = recipe.scheduled_sampling.ratio(progress) if training else 1.0
        decoded = decode(
            decoder,
            memory,
            state,
            target,
            self.target.bos_id,
            recipe.scheduled_sampling,
            ratio,
            self.forbidden,
        )
        smoothing = recipe.training.label_smoothing if training else 0.0
        total = decoder.loss(decoded, memory, target, smoothing)
        objective = recipe.objective
        if training and objective.coverage_weight:
            total = total + objective.coverage_weight * attended_again(decoded.weights, target.mask)
        if not training or objective.kind == "likelihood":
            return LossSum(total, target.lengths.sum()), ()
        with as_at_test(model):
            at_test = decoder.start(model.encode(source), source)
        reward = reward_loss(
            decoder,
            memory,
            state,
            target,
            objective,
            at_test=at_test,
            bos_id=self.target.bos_id,
            eos_id=self.target.eos_id,
            pad_id=self.target.pad_id,
            forbidden=self.forbidden,
            max_length=recipe.decoding.max_new_tokens,
        )
        sentences = torch.tensor(batch.size, device=total.device)
        return LossSum(objective.likelihood_weight * total + reward, sentences), ()

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Tokens that no output is made of."""
        target = self.target
        outside = {target.pad_id, target.bos_id}
        if self.recipe.decoder.copying or target.kind != "word":
            outside.add(target.unk_id)
        return tuple(sorted(outside - {target.eos_id}))

    def logged(self, progress: Progress) -> Scores:
        """The teacher forcing ratio."""
        return {"teacher_forcing_ratio": self.recipe.scheduled_sampling.ratio(progress)}

    # Evaluation

    def reference(self, source: str, target: str, further: Any = None) -> Any:
        """What `text_metric` compares an output with; `further` is what `further_targets` gave."""
        return target

    def further_targets(self, split: Split) -> Sequence[Any] | None:
        """What else outputs of a split are compared with, where the data have it."""
        return None

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Decode each source, score its text, and the nll of its target."""
        assert isinstance(model, Model)
        translator = Translator(self, model, device)
        further = self.further_targets(split)
        # Samples of their own numbers: whether and what is validated must not change what is trained.
        draws = torch.Generator(device).manual_seed(self.recipe.seed)

        def record(place: int, pair: Pair, output: str, nll: float, tokens: int) -> Record:
            extra = None if further is None else further[place]
            reference = self.reference(pair.source, pair.text, extra)
            statistics = self.metric.statistics((output, nll, tokens), reference)
            return Record(place, statistics, pair.text, output)

        examples = self.examples(split)
        for place in self.empty(split, shard, limit):
            yield record(place, examples[place][1], "", 0.0, 0)
        for places, _, pairs in self.iter_shard(split, shard, limit):
            started = translator.start([examples[place][0] for place in places], pairs)
            nll = translator.nll(started, pairs)
            found = translator.search(started, pairs, self.recipe.decoding, generator=draws)
            outputs = [one[0].text for one in found]
            for place, pair, output, value in zip(places, pairs, outputs, nll, strict=True):
                yield record(place, pair, output, value, len(pair.ids))

    def evaluation_batches(
        self, lengths: Sequence[int], targets: Sequence[int] | None
    ) -> list[list[int]]:
        """Those that are searched together."""
        recipe = self.recipe
        return search_batches(lengths, targets, recipe.decoding, recipe.training, self.target_size)

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Intervals of the scores over examples, and how the scores were computed."""
        vectors = np.array([record.statistics for record in records])
        signatures = dict(self.text_metric.signatures)
        if self.pairs.detokenizes:
            signatures["outputs"] = detokenizer_signature()
        return {
            "confidence_intervals": bootstrap_interval(vectors, self.metric.score),
            "signatures": signatures,
        }

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """A few sources of validation with what the model makes of them."""
        answers = self.predictor(model, device).predict(self._shown)
        return [f"{answer['text']} -> {answer['output']}" for answer in answers]

    def predictor(self, model: nn.Module, device: torch.device) -> Seq2SeqPredictor:
        """Answer raw texts."""
        assert isinstance(model, Model)
        return Seq2SeqPredictor(self, model, device)
