"""Output layers: from hidden states to probabilities of the next token.

Both have three methods: `loss` (a sum, in nats, for training), `nll` (per token, for evaluation) and `log_probs` (for
generation). The first two never hold the logits of all N tokens at once.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cpu import is_cpu_inference, reads_values_for_free
from nlpseq.layers.linear_cross_entropy import linear_cross_entropy, linear_log_probs, linear_nll


class SoftmaxLayer(nn.Module):
    """Full softmax over the vocabulary, optionally tied to the embedding (Press & Wolf, 2017).

    A tied layer scores a token by its embedding; if the hidden size differs from the embedding's, a projection
    without bias comes first (Inan et al., 2017).

    Args:
        input_dim: H, components of an input vector.
        vocab_size: V.
        tied_to: (V, E) weight of the embedding to share, or None for a weight of its own.
        bias: whether to learn a bias (V,).
    """

    def __init__(
        self,
        input_dim: int,
        vocab_size: int,
        *,
        tied_to: nn.Parameter | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.tied = tied_to is not None
        self.weight = (
            nn.Parameter(torch.empty(vocab_size, input_dim)) if tied_to is None else tied_to
        )
        if self.weight.shape[0] != vocab_size:
            raise ValueError(f"tied_to has {self.weight.shape[0]} rows, vocab_size is {vocab_size}")
        weight_dim = self.weight.shape[1]
        self.projection: nn.Module = nn.Identity()
        if weight_dim != input_dim:
            self.projection = nn.Linear(input_dim, weight_dim, bias=False)
        self.bias = nn.Parameter(torch.empty(vocab_size)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight as nn.Linear does, unless it is tied, and set the bias to zero."""
        if not self.tied:
            bound = self.weight.shape[1] ** -0.5
            nn.init.uniform_(self.weight, -bound, bound)
        if isinstance(self.projection, nn.Linear):
            self.projection.reset_parameters()
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def loss(self, outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Return the negative log-likelihood in nats, summed over tokens.

        Args:
            outputs: (N, H) hidden states.
            targets: (N,) token ids.
            label_smoothing: probability mass of the target that is spread evenly over the vocabulary.
        """
        inputs = self.projection(outputs)  # (N, E)
        return linear_cross_entropy(inputs, self.weight, self.bias, targets, label_smoothing)

    @torch.no_grad()
    def nll(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the nll (N,) of each target, without gradient; outputs (N, H), targets (N,)."""
        return linear_nll(self.projection(outputs), self.weight, self.bias, targets)

    def log_probs(self, outputs: Tensor) -> Tensor:
        """Return log-probabilities (B, V) of the next token, in float32 at least; outputs (B, H)."""
        inputs: Tensor = self.projection(outputs)
        if is_cpu_inference(inputs):
            rows = inputs.reshape(-1, inputs.size(-1))
            log_probs = linear_log_probs(rows, self.weight, self.bias)
            return log_probs.view(*inputs.shape[:-1], len(self.weight))
        logits = F.linear(inputs, self.weight, self.bias)  # (B, V)
        if logits.dtype.itemsize < 4:
            logits = logits.float()
        return logits.log_softmax(dim=-1)

    def extra_repr(self) -> str:
        """Return the sizes that `print` shows."""
        vocab_size, weight_dim = self.weight.shape
        return f"{weight_dim}, {vocab_size}, tied={self.tied}, bias={self.bias is not None}"


class AdaptiveSoftmaxLayer(nn.Module):
    """Adaptive softmax (Grave et al., 2017): rare words are in clusters with smaller projections.

    Token ids must be sorted by falling frequency. Parameters and `log_probs` are those of
    torch.nn.AdaptiveLogSoftmaxWithLoss; `loss` and `nll` compute its head and clusters by `linear_cross_entropy`. There
    is no label smoothing: it would need the scores of all words, which this layer avoids.

    Args:
        input_dim: H.
        vocab_size: V.
        cutoffs: rising ids at which the clusters start, for example (2000, 6000).
        div_value: factor by which the projection of each cluster is smaller than the previous one.
        bias: whether the head has a bias.

    Raises:
        UserError: cutoffs that do not rise from at least 1 to less than `vocab_size`.
    """

    def __init__(
        self,
        input_dim: int,
        vocab_size: int,
        *,
        cutoffs: tuple[int, ...],
        div_value: float = 4.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        edges = (0, *cutoffs, vocab_size)
        if not cutoffs or any(low >= high for low, high in pairwise(edges)):
            raise UserError(
                f"head.cutoffs must rise and lie between 1 and {vocab_size - 1} (the vocabulary has "
                f"{vocab_size} entries), but it is {list(cutoffs)}"
            )
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(
            input_dim, vocab_size, list(cutoffs), div_value=div_value, head_bias=bias
        )

    def reset_parameters(self) -> None:
        """Draw the weights as torch does."""
        self.softmax.reset_parameters()

    def loss(self, outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Return the nll in nats, summed over tokens; outputs (N, H), targets (N,).

        Raises:
            UserError: `label_smoothing` is not 0.
        """
        if label_smoothing > 0:
            raise UserError(
                "training.label_smoothing does not go with an adaptive softmax: "
                "set it to 0 or choose the full softmax"
            )
        total = outputs.new_zeros((), dtype=torch.float32)
        if not reads_values_for_free(targets):
            return total + self._loss_of_all_rows(outputs, targets)
        for inputs, weight, bias, ids, _ in self._parts(outputs, targets):
            total = total + linear_cross_entropy(inputs, weight, bias, ids)
        return total

    def _loss_of_all_rows(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute `loss` with each cluster on all rows: to select its own rows would wait for a GPU.

        A row of another cluster is replaced by zeros, whose nll is log n with n words and has no gradient.
        """
        adaptive = self.softmax
        cluster_of, in_head = self._clusters(targets)
        total = linear_cross_entropy(outputs, adaptive.head.weight, adaptive.head.bias, in_head)
        for index, (project, words, first) in enumerate(self._tails(), start=1):
            others = cluster_of != index  # (N,)
            inputs = project(outputs).masked_fill(others.unsqueeze(1), 0)  # (N, E)
            ids = (targets - first).masked_fill(others, 0)
            nll = linear_cross_entropy(inputs, words.weight, None, ids)
            total = total + nll - others.sum() * math.log(words.out_features)
        return total

    @torch.no_grad()
    def nll(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the nll (N,) of each target, without gradient; outputs (N, H), targets (N,)."""
        if torch.compiler.is_compiling():
            return -self.log_probs(outputs).gather(1, targets.unsqueeze(1)).squeeze(1)
        (head, *clusters) = self._parts(outputs, targets)
        total = linear_nll(*head[:4])  # (N,)
        for inputs, weight, bias, ids, rows in clusters:
            total.index_add_(0, rows, linear_nll(inputs, weight, bias, ids))
        return total

    def log_probs(self, outputs: Tensor) -> Tensor:
        """Return log-probabilities (B, V) of the next token; outputs (B, H)."""
        log_probs: Tensor = self.softmax.log_prob(outputs)
        return log_probs

    def _parts(
        self, outputs: Tensor, targets: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]]:
        """Split into plain softmaxes; yield inputs, weight, bias, ids and the rows of the batch for each.

        The head scores frequent words and clusters; each cluster reads only the rows whose target it has.
        """
        adaptive = self.softmax
        cluster_of, in_head = self._clusters(targets)
        every_row = torch.arange(targets.size(0), device=targets.device)
        yield outputs, adaptive.head.weight, adaptive.head.bias, in_head, every_row
        for index, (project, words, first) in enumerate(self._tails(), start=1):
            rows = (cluster_of == index).nonzero().squeeze(1)  # (n,)
            inputs = project(outputs.index_select(0, rows))  # (n, E)
            ids = targets.index_select(0, rows) - first
            yield inputs, words.weight, None, ids, rows

    def _clusters(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cluster (N,) of each target, 0 for frequent words, and its id in the head (N,)."""
        adaptive = self.softmax
        cluster_of = torch.zeros_like(targets)
        for first in adaptive.cutoffs[:-1]:
            cluster_of = cluster_of + (targets >= first)
        return cluster_of, torch.where(
            cluster_of == 0, targets, adaptive.shortlist_size + cluster_of - 1
        )

    def _tails(self) -> Iterator[tuple[nn.Module, nn.Linear, int]]:
        """Yield the projection and the words of each cluster, and the id of its first word."""
        for tail, first in zip(self.softmax.tail, self.softmax.cutoffs[:-1], strict=True):
            assert isinstance(tail, nn.Sequential)
            project, words = tail[0], tail[1]
            assert isinstance(words, nn.Linear)
            yield project, words, first
