"""Translation and summarization: an encoder, a decoder with attention, text in and text out.

Any encoder that gives one vector for each token reads the source. Training reads gold targets, or, by scheduled
sampling, partly the model's own tokens; it minimizes the nll, or maximizes a reward of whole outputs. Evaluation
decodes every source as `[decoding]` of the recipe says, and scores the texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nlpseq import model_directory
from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.features import CharacterTable, Features
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.word_tokenizer import tokenize_words
from nlpseq.errors import TextError, UserError
from nlpseq.models.decoder import Decoder, Memory
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.task import LossSum, Progress, Record, Scores, Shard
from nlpseq.types import State

from ..base.decoding_config import check_decoding
from ..base.text_recipe import check_same_layers
from ..base.text_task import TextTask
from .data_checks import check_positions, pair_notes
from .decoding import forbidden_ids
from .metrics import Seq2SeqScores, TextMetric, interval_details
from .model import Seq2SeqModel, build_seq2seq, coverage_loss
from .pairs import Pair, PairReader, hide_common, truncate_targets
from .predictor import Seq2SeqPredictor
from .recipe import Seq2SeqRecipe
from .reward_training import RewardObjective, evaluation_mode
from .scheduled_sampling import decode
from .search import OutputSearch, search_batches


class Seq2Seq(TextTask[Seq2SeqRecipe, Pair]):
    """Text to text with an encoder, a decoder and attention.

    Attributes:
        predictor_type: class of the predictors.
        text_metric: scores outputs against references.
        pairs: makes features and pairs of texts.
    """

    Config: ClassVar[type[Recipe]] = Seq2SeqRecipe
    fields: ClassVar[tuple[str, ...]] = ("source", "target")
    higher_is_better = True
    predictor_type: ClassVar[type[Seq2SeqPredictor]] = Seq2SeqPredictor

    pairs: PairReader

    def __init__(self, recipe: Seq2SeqRecipe, text_metric: TextMetric) -> None:
        super().__init__(recipe)
        self.text_metric = text_metric
        self.metric = Seq2SeqScores(text_metric)
        self._target_texts: Sequence[str] = ()
        self._sample_texts: list[str] = []
        self._truncated: dict[
            str, int
        ] = {}  # number of truncated sources, by fingerprint of the split

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn the tokens of both sides from train, encode every split."""
        self.prepare_features(splits["train"], folders)
        for split in splits.values():
            self.notes += self.inspect(split)
        samples = splits.get("validation", splits["train"])
        self._sample_texts = [text for text in samples.texts("source")[:3] if text.strip()]

    def _first_tokenizer(self, texts: Sequence[str]) -> Tokenizer:
        """Learn the tokenizer of sources, which is that of both sides if the vocabulary is joint."""
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
        source, model = model_directory.load_task_and_model(model_directory.locate(run))
        if type(source) is not type(self):
            raise UserError(f"objective.init_from: {run} is of another task, {source.recipe.task}")
        check_same_layers(
            self.recipe,
            source.recipe,
            "objective.init_from",
            sections=("encoder", "decoder"),
            tokenization_keys=("joint", "split"),
        )
        self.target_tokenizer = source.target_tokenizer
        self.restore(source.tokenizer, source.state())
        self._initial = dict(model.state_dict())
        self.notes.append(f"weights start from {Path(run).name}")

    def _set_reader(self, characters: CharacterTable | None) -> None:
        super()._set_reader(characters)
        config = self.recipe.tokenization
        self.pairs = PairReader(
            self.reader,
            self.target,
            copying=self.recipe.decoder.copying,
            vocab_size=self.target_size,
            max_source=config.max_source_length,
            too_long=config.too_long,
            by_rule=config.by_rule,
        )

    @property
    def target(self) -> Tokenizer:
        """The tokenizer of targets."""
        return self.target_tokenizer or self.tokenizer

    @property
    def target_size(self) -> int:
        """V, tokens that an output may have."""
        joint = self.target_tokenizer is None
        return len(self.target) - (self.extension if joint else 0)

    @property
    def forbidden(self) -> tuple[int, ...]:
        """The ids that no output contains."""
        return forbidden_ids(self.target, self.recipe.decoder.copying)

    def inspect(self, split: Split) -> list[str]:
        """Report empty sides and truncated texts."""
        notes = super().inspect(split)
        examples, config = self.examples(split), self.recipe.tokenization
        notes += pair_notes(split, examples, self._truncated[split.fingerprint], config)
        check_positions(split, examples, self.recipe.decoder, config)
        return notes

    # Examples

    def texts(self, split: Split) -> Sequence[str]:
        """Return the sources of a split, cut into words if the recipe says so."""
        return self._cut(list(split.texts("source")))

    def _cut(self, texts: list[str]) -> list[str]:
        return (
            [tokenize_words(text) for text in texts] if self.recipe.tokenization.by_rule else texts
        )

    def features(self, split: Split) -> list[Features]:
        """Return the features of the sources.

        Raises:
            UserError: a source is too long, and `tokenization.too_long = "refuse"`.
        """
        try:
            features, truncated = self.pairs.encode_sources(list(split.texts("source")))
        except TextError as error:
            raise UserError(
                f"{split.origin}, {split.name}: source {error.index + 1} {error.reason}, or set "
                "tokenization.too_long=truncate"
            ) from error
        self._truncated[split.fingerprint] = len(truncated)
        return features

    def targets(self, split: Split) -> Sequence[Pair]:
        """Return the pair of each source."""
        return self.pairs.make_pairs(list(split.texts("source")), list(split.texts("target")))

    def collate(
        self, features: Sequence[Features], targets: Sequence[Pair]
    ) -> tuple[Tokens, Tokens]:
        """Pad both sides to a batch."""
        return self.pairs.collate(features, targets)

    def target_length(self, target: Pair) -> int:
        """Return the number of tokens of a target, its end included."""
        return len(target.ids)

    def learnable(self, features: Features, target: Pair) -> bool:
        """Leave out targets without a token: they teach only to generate nothing."""
        return bool(target.text.strip()) and len(target.ids) > 1

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
        assert isinstance(batch.target, Tokens)
        objective, decoder = self.recipe.objective, model.head
        source, target = batch.source, batch.target
        if model.training:
            source, target = self._training_sides(source, target)
        memory, state = decoder.start(model.encode(source), source)
        total = self._likelihood_loss(decoder, memory, state, target, progress)
        if not model.training or objective.kind == "likelihood":
            return LossSum(total, target.lengths.sum()), ()
        with evaluation_mode(model):
            at_test = decoder.start(model.encode(source), source)
        longest = self.recipe.decoding.max_new_tokens
        rewards = RewardObjective(objective, self.target, self.forbidden, longest)
        reward_loss = rewards.loss(decoder, memory, state, target, at_test=at_test)
        sentences = torch.tensor(batch.size, device=total.device)
        return LossSum(objective.likelihood_weight * total + reward_loss, sentences), ()

    def _training_sides(self, source: Tokens, target: Tokens) -> tuple[Tokens, Tokens]:
        """Truncate targets and hide common words, as the recipe says."""
        recipe = self.recipe
        if recipe.tokenization.max_target_length:
            target = truncate_targets(target, recipe.tokenization.max_target_length)
        if recipe.decoder.copy_dropout:
            sizes = {"vocab_size": self.target_size, "unk_id": self.tokenizer.unk_id}
            source, target = hide_common(source, target, recipe.decoder.copy_dropout, **sizes)
        return source, target

    def _likelihood_loss(
        self, decoder: Decoder, memory: Memory, state: State, target: Tokens, progress: Progress
    ) -> Tensor:
        """Sum the nll of targets; in training with label smoothing and the coverage loss."""
        recipe, training = self.recipe, decoder.training
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
        weight = recipe.objective.coverage_weight
        if training and weight:
            total = total + weight * coverage_loss(decoded.weights, target.mask)
        return total

    def logged(self, progress: Progress) -> Scores:
        """Return the teacher forcing ratio."""
        return {"teacher_forcing_ratio": self.recipe.scheduled_sampling.ratio(progress)}

    # Evaluation

    def reference(self, source: str, target: str, further: Any = None) -> Any:
        """Make the reference of `text_metric`; `further` is an item of `further_targets`."""
        return target

    def further_targets(self, split: Split) -> Sequence[Any] | None:
        """Return further references of a split, if the data have them."""
        return None

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Decode each source, and score its output and the nll of its target."""
        assert isinstance(model, Model)
        search = OutputSearch(self.pairs, self.forbidden, model, device)
        further = self.further_targets(split)
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

    def evaluation_batches(
        self, lengths: Sequence[int], targets: Sequence[int] | None
    ) -> list[list[int]]:
        """Group examples that are searched together."""
        recipe = self.recipe
        return search_batches(lengths, targets, recipe.decoding, recipe.training, self.target_size)

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return confidence intervals of the scores, and how the scores were computed."""
        return interval_details(records, self.text_metric, detokenized=self.pairs.detokenizes)

    def check_options(self) -> None:
        """Check `[decoding]`, by which outputs are generated when a split is scored."""
        check_decoding(self.recipe.decoding)

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """Return a few sources of validation with the model's outputs."""
        predictions = self.predictor(model, device).predict(self._sample_texts)
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
