"""Tagging heads over an encoder's outputs (B, T, H): each token alone (softmax), or whole paths (CRF).

Both have a linear layer, the same interface and the same hard constraints, and never return a forbidden path. The
softmax head learns each token alone, then decodes the best allowed path: Viterbi over its log-probabilities, with
the constraints as the only other scores.

A mask (B, T) is True at real tokens, padding on the right; None: there is no padding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers.crf import (
    ChainConstraints,
    ConstrainedChain,
    LinearChainCRF,
    Spans,
    between,
    path_scores,
    span_log_probs,
)
from nlpseq.layers.linear_chain import Chain, Lattice, Paths, best_paths, path_sums


class Tagger(nn.Module):
    """The base class of tagging heads: from outputs (B, T, H) to tags.

    Args:
        input_dim: H.
        num_tags: K.
    """

    def __init__(self, input_dim: int, num_tags: int) -> None:
        super().__init__()
        self.projection = nn.Linear(input_dim, num_tags)

    def nll(self, outputs: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the nll (B,) of tags (B, T), in nats, summed over the real tokens of each row."""
        raise NotImplementedError

    def lattice(self, outputs: Tensor, mask: Tensor | None = None) -> Lattice:
        """Return the scores from which paths and their probabilities are computed; without gradient."""
        raise NotImplementedError

    def decode(self, outputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the best allowed path of each row (B, T), 0 at padding."""
        return best_paths(self.lattice(outputs, mask)).tags[:, 0]

    def n_best(self, outputs: Tensor, mask: Tensor | None = None, n: int = 1) -> Paths:
        """Return the n best allowed paths of each row and their log-probabilities, the best first."""
        raise NotImplementedError

    def marginals(self, outputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return P(y_t = k | x), (B, T, K), 0 at padding."""
        raise NotImplementedError

    def at_temperature(self, lattice: Lattice, temperature: float) -> Lattice:
        """Return the lattice whose probabilities are those of scores divided by a temperature."""
        raise NotImplementedError

    def tag_probs(self, lattice: Lattice) -> Tensor:
        """Return `marginals` from a lattice: (B, T, K)."""
        raise NotImplementedError

    def path_log_probs(self, lattice: Lattice, tags: Tensor) -> Tensor:
        """Return the log-probability (B,) of paths: `tags` (B, T), 0 at padding."""
        raise NotImplementedError

    def span_log_probs(
        self, lattice: Lattice, paths: Tensor, spans: Spans, closing: Tensor | None = None
    ) -> Tensor:
        """Return the log-probability (E,) that each span has the tags of its path (B, T), and ends there.

        See `LinearChainCRF.span_log_probs` for `closing` (K, K).
        """
        raise NotImplementedError


class CRFTagger(Tagger):
    """A linear-chain CRF over the linear layer's emissions."""

    def __init__(
        self, input_dim: int, num_tags: int, constraints: ChainConstraints | None = None
    ) -> None:
        super().__init__(input_dim, num_tags)
        self.crf = LinearChainCRF(num_tags, constraints)

    def nll(self, outputs: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the nll of whole paths; inf for a path that is not allowed."""
        return self.crf.nll(self.projection(outputs), tags, mask)

    def lattice(self, outputs: Tensor, mask: Tensor | None = None) -> Lattice:
        """Return the emissions and the scores of the CRF."""
        return self.crf.lattice(self.projection(outputs), mask)

    def n_best(self, outputs: Tensor, mask: Tensor | None = None, n: int = 1) -> Paths:
        """Return the n most probable paths and their log-probabilities."""
        return self.crf.n_best(self.projection(outputs), mask, n)

    def marginals(self, outputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the marginals over all paths; without gradient."""
        return self.crf.marginals(self.projection(outputs), mask)

    def at_temperature(self, lattice: Lattice, temperature: float) -> Lattice:
        """Divide emissions and the scores of the CRF."""
        if temperature == 1:
            return lattice
        start, transitions, end, mixing = lattice.chain
        chain = Chain(start / temperature, transitions / temperature, end / temperature, mixing)
        return lattice._replace(emissions=lattice.emissions / temperature, chain=chain)

    def tag_probs(self, lattice: Lattice) -> Tensor:
        """Sum over all paths."""
        return path_sums(lattice).marginals

    def path_log_probs(self, lattice: Lattice, tags: Tensor) -> Tensor:
        """Return the score of whole paths less log Z."""
        return path_scores(lattice, tags) - path_sums(lattice).log_z

    def span_log_probs(
        self, lattice: Lattice, paths: Tensor, spans: Spans, closing: Tensor | None = None
    ) -> Tensor:
        """Sum over all paths through the span."""
        return span_log_probs(lattice, paths, spans, closing)


class SoftmaxTagger(Tagger):
    """A softmax for each token; the constraints only apply to the search for a path.

    Args:
        input_dim: H.
        num_tags: K.
        constraints: the allowed tags and transitions; None: all.
        label_smoothing: probability mass of a target that is spread evenly over the tags.
    """

    def __init__(
        self,
        input_dim: int,
        num_tags: int,
        constraints: ChainConstraints | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(input_dim, num_tags)
        self.constraints = ConstrainedChain(num_tags, constraints)
        self.label_smoothing = label_smoothing

    def log_probs(self, outputs: Tensor) -> Tensor:
        """Return the log-probabilities (B, T, K) of each token's tags, in float32 at least."""
        logits = self.projection(outputs)
        return F.log_softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32))

    def nll(self, outputs: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the cross-entropy of each token alone, with label smoothing in training."""
        if mask is not None:
            tags = tags.masked_fill(~mask, -100)
        smoothing = self.label_smoothing if self.training else 0.0
        log_probs = self.log_probs(outputs).transpose(1, 2)  # (B, K, T)
        losses = F.cross_entropy(
            log_probs, tags, reduction="none", ignore_index=-100, label_smoothing=smoothing
        )
        return losses.sum(1)

    def lattice(self, outputs: Tensor, mask: Tensor | None = None) -> Lattice:
        """Return the log-probabilities of tokens; they include the mass of forbidden paths."""
        return Lattice.of(self.log_probs(outputs), self.constraints.constraints_only(), mask)

    def n_best(self, outputs: Tensor, mask: Tensor | None = None, n: int = 1) -> Paths:
        """Return the n most probable allowed paths; probabilities include the mass of forbidden paths."""
        return best_paths(self.lattice(outputs, mask), n)

    def marginals(self, outputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the softmax, without constraints."""
        probs = self.log_probs(outputs).exp()
        return probs if mask is None else probs.masked_fill(~mask.unsqueeze(2), 0)

    def at_temperature(self, lattice: Lattice, temperature: float) -> Lattice:
        """Divide the log-probabilities of each token, and normalize them again."""
        if temperature == 1:
            return lattice
        log_probs = (lattice.emissions / temperature).log_softmax(2)
        return lattice._replace(
            emissions=log_probs.masked_fill(~lattice.padding.mask.unsqueeze(2), 0)
        )

    def tag_probs(self, lattice: Lattice) -> Tensor:
        """Return the softmax, without constraints."""
        return lattice.emissions.exp().masked_fill(~lattice.padding.mask.unsqueeze(2), 0)

    def path_log_probs(self, lattice: Lattice, tags: Tensor) -> Tensor:
        """Sum over tokens."""
        return path_scores(lattice, tags)

    @torch.no_grad()
    def span_log_probs(
        self, lattice: Lattice, paths: Tensor, spans: Spans, closing: Tensor | None = None
    ) -> Tensor:
        """Multiply the probabilities of the tokens, and that of a closing tag after them."""
        log_probs, (rows, begins, ends) = lattice.emissions, spans
        length = log_probs.shape[1]
        chosen = log_probs.gather(2, paths.unsqueeze(2)).squeeze(2)  # (B, T)
        inner = chosen[rows].masked_fill(~between(begins, ends, length), 0).sum(1)
        if closing is None:
            return inner
        following = log_probs[rows, ends.clamp(max=length - 1)]  # (E, K)
        following = following.masked_fill(~closing[paths[rows, ends - 1]], -math.inf).logsumexp(1)
        return inner + following.masked_fill(ends == lattice.padding.lengths[rows], 0)
