"""The loss of a batch of pairs: nll of targets, with what the recipe adds in training."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.models.decoder import Decoder, Memory
from nlpseq.models.model import Model
from nlpseq.task import LossSum, Progress
from nlpseq.types import State

from .model import coverage_loss
from .pairs import hide_common, truncate_targets
from .recipe import Seq2SeqRecipe
from .reward_training import RewardObjective, evaluation_mode
from .scheduled_sampling import decode


class PairLoss:
    """The loss of a model of pairs.

    Args:
        recipe: its objective, scheduled sampling, and what training hides and truncates.
        target: tokenizer of targets.
        target_size: V, tokens that an output may have.
        forbidden: ids that no output contains.
    """

    def __init__(
        self, recipe: Seq2SeqRecipe, target: Tokenizer, target_size: int, forbidden: Sequence[int]
    ) -> None:
        self.recipe = recipe
        self.target = target
        self.target_size = target_size
        self.forbidden = tuple(forbidden)

    def __call__(
        self, model: Model[Any], batch: Batch, progress: Progress, *, unk_id: int
    ) -> LossSum:
        """Sum the nll over target tokens; in training the objective of the recipe.

        With a reward, the sum is over sentences, and the count is the number of sentences.

        Args:
            model: in training or evaluation mode.
            batch: sources and targets.
            progress: the point of training, for scheduled sampling.
            unk_id: id that the source's encoder reads in place of a hidden word.
        """
        assert isinstance(batch.target, Tokens)
        objective, decoder = self.recipe.objective, model.head
        source, target = batch.source, batch.target
        if model.training:
            source, target = self._training_sides(source, target, unk_id)
        memory, state = decoder.start(model.encode(source), source)
        total = self._likelihood(decoder, memory, state, target, progress)
        if not model.training or objective.kind == "likelihood":
            return LossSum(total, target.lengths.sum())
        with evaluation_mode(model):
            at_test = decoder.start(model.encode(source), source)
        longest = self.recipe.decoding.max_new_tokens
        rewards = RewardObjective(objective, self.target, self.forbidden, longest)
        reward_loss = rewards.loss(decoder, memory, state, target, at_test=at_test)
        return LossSum.counted(objective.likelihood_weight * total + reward_loss, batch.size)

    def _training_sides(self, source: Tokens, target: Tokens, unk_id: int) -> tuple[Tokens, Tokens]:
        """Truncate targets and hide common words, as the recipe says."""
        recipe = self.recipe
        if recipe.tokenization.max_target_length:
            target = truncate_targets(target, recipe.tokenization.max_target_length)
        if recipe.decoder.copy_dropout:
            sizes = {"vocab_size": self.target_size, "unk_id": unk_id}
            source, target = hide_common(source, target, recipe.decoder.copy_dropout, **sizes)
        return source, target

    def _likelihood(
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
            total = total + weight * coverage_loss(decoded.weights, target)
        return total
