"""Constraints of a search: the only place that forbids or forces tokens.

The model gives the probability of each token, the constraints say which tokens are allowed. They set log-probabilities
to -inf and leave the others unchanged: the log-probability of a string does not depend on what else is allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from nlpseq.decoding.options import BeamOptions, SamplingOptions
from nlpseq.errors import UserError

FREE = -1  # in `prefix`: no token is forced here


@dataclass(frozen=True)
class SearchConstraints:
    """The constraints of R rows: at first one for each sentence, later the live ones (`select`).

    A prefix wins over all other constraints: its tokens are taken even if they are forbidden, repeat an n-gram or end
    the sentence too early. Lengths include the end of sentence, but not the prompt.

    **A row without an allowed token ends**: the end of sentence is allowed again with its own log-probability, or 0 if
    the model gives it none, so that the hypothesis ends with what it has. Without an end of sentence the row has to
    continue, and all ids except the forbidden ones are allowed again. No other token to which the model gives -inf is
    ever chosen.

    Attributes:
        forbidden: (F,) ids that are never chosen; the model must give the others some probability.
        eos_id: the end of sentence, if there is one.
        no_repeat_ngram: n, if no n-gram may occur twice among the chosen tokens; 0: no constraint.
        min_lengths: (R,) length below which the end of sentence is not allowed; None: no constraint.
        prefix: (R, P) first tokens of each row, `FREE` after them; None: no constraint.
        min_steps: the largest of `min_lengths`, or 0.
        prefix_length: P, or 0.
        vocab_needed: one more than the largest id of `prefix`.
    """

    forbidden: Tensor
    eos_id: int | None = None
    no_repeat_ngram: int = 0
    min_lengths: Tensor | None = None
    prefix: Tensor | None = None
    min_steps: int = 0
    prefix_length: int = 0
    vocab_needed: int = 0

    @classmethod
    def of(
        cls,
        sentences: int,
        device: torch.device,
        options: SamplingOptions | BeamOptions,
        eos_id: int | None = None,
        forbidden: Sequence[int] = (),
        prefix: Sequence[Sequence[int]] | None = None,
        min_lengths: Sequence[int] | None = None,
    ) -> Self:
        """Build the constraints of a search.

        Args:
            sentences: N.
            device: device of the log-probabilities.
            options: gives `no_repeat_ngram` and `min_new_tokens`.
            eos_id: the end of sentence; without it there is no minimum length.
            forbidden: ids that are never chosen.
            prefix: N lists of ids, which may be empty.
            min_lengths: N numbers instead of `min_new_tokens`.

        Raises:
            ValueError: prefixes or lengths of another number than sentences; a negative length or id.
        """
        shortest = per_sentence("min_lengths", min_lengths, options.min_new_tokens, sentences, 0)
        min_steps = max(shortest, default=0) if eos_id is not None else 0
        prefix = prefix or [[]] * sentences
        if len(prefix) != sentences:
            raise ValueError(f"prefix has {len(prefix)} lists for {sentences} sentences")
        given = [token for ids in prefix for token in ids]
        if min(given, default=0) < 0:
            raise ValueError(f"prefix: {min(given)} is no token id")
        widest = max(map(len, prefix), default=0)
        padded = [[*ids, *[FREE] * (widest - len(ids))] for ids in prefix]
        return cls(
            forbidden=torch.tensor(forbidden, dtype=torch.long, device=device),
            eos_id=eos_id,
            no_repeat_ngram=options.no_repeat_ngram,
            min_lengths=torch.tensor(shortest, device=device) if min_steps > 1 else None,
            prefix=torch.tensor(padded, device=device) if widest else None,
            min_steps=min_steps,
            prefix_length=widest,
            vocab_needed=1 + max(given, default=FREE),
        )

    def apply(self, log_probs: Tensor, histories: Tensor, length: int) -> Tensor:
        """Set the log-probabilities of tokens that are not allowed to -inf, in place.

        Args:
            log_probs: (R, V), overwritten. V may be larger than the model's vocabulary: a pointer-generator has a
                column for each copied word.
            histories: (R, length - 1) chosen tokens of each row; used by `no_repeat_ngram` only.
            length: length of the rows with the token that is chosen next, from 1.

        Returns:
            `log_probs`, -inf where a token is not allowed.

        Raises:
            UserError: a prefix has an id of V or more.
        """
        early = self.min_lengths if length < self.min_steps else None
        repeats = 0 < self.no_repeat_ngram < length
        forced = self.prefix if length <= self.prefix_length else None
        if early is None and forced is None and not repeats:
            return self._without_forbidden(log_probs)
        given = log_probs.clone()
        self._without_forbidden(log_probs)
        if early is not None and self.eos_id is not None:
            log_probs[:, self.eos_id].masked_fill_(early > length, -torch.inf)
        if repeats:
            _forbid_repeats(log_probs, histories, self.no_repeat_ngram)
        if forced is not None:
            self._check_vocabulary(log_probs)
            _force(log_probs, given, forced[:, length - 1])
        stuck = log_probs.amax(dim=1) == -torch.inf  # (R,)
        if self.eos_id is None:
            allowed = self._without_forbidden(given)
            return log_probs.copy_(torch.where(stuck.unsqueeze(1), allowed, log_probs))
        end = given[:, self.eos_id]
        end = end.masked_fill(end == -torch.inf, 0.0)
        log_probs[:, self.eos_id] = torch.where(stuck, end, log_probs[:, self.eos_id])
        return log_probs

    def select(self, rows: Tensor) -> Self:
        """Return the constraints of the selected rows (R',)."""
        if self.min_lengths is None and self.prefix is None:
            return self
        lengths, prefix = self.min_lengths, self.prefix
        return replace(
            self,
            min_lengths=None if lengths is None else lengths[rows],
            prefix=None if prefix is None else prefix[rows],
        )

    def _without_forbidden(self, log_probs: Tensor) -> Tensor:
        if len(self.forbidden):
            log_probs.index_fill_(1, self.forbidden, -torch.inf)
        return log_probs

    def _check_vocabulary(self, log_probs: Tensor) -> None:
        if self.vocab_needed > log_probs.shape[1]:
            raise UserError(
                f"prefix: the id {self.vocab_needed - 1} is not one of the "
                f"{log_probs.shape[1]} that can be chosen"
            )


def per_sentence(
    name: str, given: Sequence[int] | None, default: int, sentences: int, least: int
) -> list[int]:
    """Return a limit for each sentence: the given ones, or the options' number for all.

    Raises:
        ValueError: another number of limits than sentences, or a limit below `least`.
    """
    if given is None:
        return [default] * sentences
    if len(given) != sentences:
        raise ValueError(f"{name} has {len(given)} numbers for {sentences} sentences")
    if min(given, default=least) < least:
        raise ValueError(f"{name} must be at least {least}, and {min(given)} is among them")
    return list(given)


def _force(log_probs: Tensor, given: Tensor, tokens: Tensor) -> None:
    """Allow (in place) only tokens (R,), with their values in `given`, in rows where they are not `FREE`."""
    free, target = (tokens == FREE).unsqueeze(1), tokens.clamp(min=0).unsqueeze(1)  # (R, 1)
    value = torch.where(free, log_probs.gather(1, target), given.gather(1, target))
    log_probs.masked_fill_(~free, -torch.inf).scatter_(1, target, value)


def _forbid_repeats(log_probs: Tensor, histories: Tensor, n: int) -> None:
    """Forbid (in place) each token that would repeat an n-gram of histories (R, t >= n)."""
    ngrams = histories.unfold(1, n, 1)  # (R, t - n + 1, n)
    before = histories[:, histories.shape[1] - n + 1 :].unsqueeze(1)  # (R, 1, n - 1)
    seen = (ngrams[:, :, :-1] == before).all(dim=2)  # (R, t - n + 1)
    # Add penalties: a token may end several n-grams, of which only some match.
    penalty = torch.zeros_like(seen, dtype=log_probs.dtype).masked_fill_(seen, -torch.inf)
    log_probs.scatter_add_(1, ngrams[:, :, -1], penalty)
