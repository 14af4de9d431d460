"""The output layer: hidden states to the probabilities of the next token.

Over a vocabulary of words most of the time and memory of a language model goes here, so the loss never holds
the logits of all N tokens at once. `linear_cross_entropy` walks through the rows in chunks whose logits stay
in cache and, when gradients are wanted, takes them from the same probabilities on the way:

    logits = x W' + b        loss = sum of log Z - logits[target]        G = softmax(logits) - onehot(target)
    dx = G W                 dW += G' x                                  db += sum of G over rows

Three matrix products are all that a softmax layer needs, and nothing is computed twice; the backward pass only
hands the gradients over. Both layers below have the same three methods: `loss` (a sum, in nats, to train on),
`nll` (per token, to evaluate) and `log_probs` (to generate).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nlpseq.errors import UserError

CHUNK_ELEMENTS = (
    2**21
)  # 8 MB of float32 logits: measured best on a CPU, where a chunk then stays in cache
MIN_CHUNK_ROWS = 128  # below this a product with W is bound by reading W


class SoftmaxLayer(nn.Module):
    """Full softmax over the vocabulary, optionally tied to the embedding (Press & Wolf, 2017).

    A tied layer scores a token by its own embedding; where the hidden size differs from the embedding's, a
    bias-free projection comes between (Inan et al., 2017).

    Args:
        input_dim: H, size of the vectors that come in.
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
        """Initialise an own weight as nn.Linear does and the bias to zero; a tied weight is left alone."""
        if not self.tied:
            bound = self.weight.shape[1] ** -0.5
            nn.init.uniform_(self.weight, -bound, bound)
        if isinstance(self.projection, nn.Linear):
            self.projection.reset_parameters()
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def loss(self, outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Sum over tokens of the negative log-likelihood, in nats.

        Args:
            outputs: (N, H) hidden states.
            targets: (N,) token ids.
            label_smoothing: share of the target's mass spread evenly over the vocabulary.
        """
        inputs = self.projection(outputs)  # (N, E)
        return linear_cross_entropy(inputs, self.weight, self.bias, targets, label_smoothing)

    @torch.no_grad()
    def nll(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Negative log-likelihood (N,) of each target; outputs (N, H), targets (N,). No gradient."""
        return linear_nll(self.projection(outputs), self.weight, self.bias, targets)

    def log_probs(self, outputs: Tensor) -> Tensor:
        """Log-probabilities (B, V) of the next token; outputs (B, H)."""
        logits = F.linear(self.projection(outputs), self.weight, self.bias)  # (B, V)
        return logits.log_softmax(dim=-1)

    def extra_repr(self) -> str:
        """Sizes, as nn.Module prints them."""
        vocab_size, weight_dim = self.weight.shape
        return f"{weight_dim}, {vocab_size}, tied={self.tied}, bias={self.bias is not None}"


class AdaptiveSoftmaxLayer(nn.Module):
    """Adaptive softmax (Grave et al., 2017): rare words share clusters with smaller projections.

    Token ids must be ordered by falling frequency. The parameters and `log_probs` are those of
    torch.nn.AdaptiveLogSoftmaxWithLoss; `loss` and `nll` run its head and its clusters through
    `linear_cross_entropy`. Label smoothing would touch every word, which is what this layer avoids.

    Args:
        input_dim: H.
        vocab_size: V.
        cutoffs: rising ids at which the clusters begin, for example (2000, 6000).
        div_value: each cluster's projection is this many times smaller than the one before.
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
        """Initialise as torch does."""
        self.softmax.reset_parameters()

    def loss(self, outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Sum over tokens of the negative log-likelihood, in nats; outputs (N, H), targets (N,).

        Raises:
            UserError: `label_smoothing` is not 0.
        """
        if label_smoothing > 0:
            raise UserError(
                "training.label_smoothing does not go with an adaptive softmax: "
                "set it to 0 or choose the full softmax"
            )
        total = outputs.new_zeros((), dtype=torch.float32)
        for inputs, weight, bias, ids, _ in self._parts(outputs, targets):
            total = total + linear_cross_entropy(inputs, weight, bias, ids)
        return total

    @torch.no_grad()
    def nll(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Negative log-likelihood (N,) of each target; outputs (N, H), targets (N,). No gradient."""
        total = outputs.new_zeros(targets.shape, dtype=_working_dtype(outputs.dtype))
        for inputs, weight, bias, ids, rows in self._parts(outputs, targets):
            total.index_add_(0, rows, linear_nll(inputs, weight, bias, ids).to(total.dtype))
        return total

    def log_probs(self, outputs: Tensor) -> Tensor:
        """Log-probabilities (B, V) of the next token; outputs (B, H)."""
        log_probs: Tensor = self.softmax.log_prob(outputs)
        return log_probs

    def _parts(
        self, outputs: Tensor, targets: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]]:
        """Split into plain softmaxes: (inputs, weight, bias, ids, rows of the batch) of each.

        The head chooses among the frequent words and the clusters; each cluster sees its own rows.
        """
        adaptive = self.softmax
        shortlist, edges = adaptive.shortlist_size, adaptive.cutoffs
        cluster_of = torch.bucketize(targets, targets.new_tensor(edges[:-1]), right=True)  # (N,)
        in_head = torch.where(cluster_of == 0, targets, shortlist + cluster_of - 1)
        every_row = torch.arange(len(targets), device=targets.device)
        yield outputs, adaptive.head.weight, adaptive.head.bias, in_head, every_row
        for index, tail in enumerate(adaptive.tail):
            assert isinstance(tail, nn.Sequential)
            project, words = tail
            rows = (cluster_of == index + 1).nonzero().squeeze(1)  # (n,)
            inputs = project(outputs.index_select(0, rows))  # (n, E)
            ids = targets.index_select(0, rows) - edges[index]
            yield inputs, words.weight, None, ids, rows


def linear_cross_entropy(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    label_smoothing: float = 0.0,
    chunk_size: int | None = None,
) -> Tensor:
    """Cross-entropy of a linear layer, summed over rows, without ever holding all the logits.

    Equals `F.cross_entropy(F.linear(inputs, weight, bias), targets, reduction="sum", label_smoothing=...)`.
    Products run in autocast's type where it is on; sums, exponentials and the gradient of the weight are kept
    in float32 at least. It can be differentiated once.

    Args:
        inputs: (N, D).
        weight: (V, D).
        bias: (V,) or None.
        targets: (N,) ids in [0, V).
        label_smoothing: share of the target's mass spread evenly over the vocabulary.
        chunk_size: rows at a time; by default as many as keep the logits in cache.

    Returns:
        A scalar, in nats.
    """
    if torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in (inputs, weight, bias)
    ):
        rows = chunk_size or _chunk_rows(*inputs.shape[:1], *weight.shape[:1])
        loss: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
            inputs, weight, bias, targets, label_smoothing, rows
        )
        return loss
    return linear_nll(inputs, weight, bias, targets, label_smoothing, chunk_size).sum()


@torch.no_grad()
def linear_nll(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    label_smoothing: float = 0.0,
    chunk_size: int | None = None,
) -> Tensor:
    """Per-row loss (N,) of `linear_cross_entropy`, without a gradient; the arguments are the same."""
    rows = chunk_size or _chunk_rows(len(inputs), len(weight))
    chunks = _Chunks(inputs, weight, bias, targets, label_smoothing, rows)
    for start, stop in chunks.spans:
        chunks.exponentials(start, stop)
    return chunks.nll


class _Chunks:
    """Operands in the type of the products, one buffer of logits, and the loss of each row."""

    def __init__(
        self,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        label_smoothing: float,
        rows: int,
    ) -> None:
        dtype = inputs.dtype
        if torch.is_autocast_enabled(inputs.device.type) and dtype != torch.float64:
            dtype = torch.get_autocast_dtype(inputs.device.type)
        self.inputs, self.weight = inputs.detach().to(dtype), weight.detach().to(dtype)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.targets, self.label_smoothing = targets, label_smoothing
        self.working = _working_dtype(dtype)
        self.spans = [(low, min(low + rows, len(inputs))) for low in range(0, len(inputs), rows)]
        self.buffer = inputs.new_empty((min(rows, len(inputs)), len(weight)), dtype=dtype)
        self.nll = inputs.new_empty(targets.shape, dtype=self.working)

    def exponentials(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Exponentials (n, V) of the shifted logits and their sums (n, 1); fills in `nll`."""
        inputs, targets = self.inputs[start:stop], self.targets[start:stop].unsqueeze(1)  # (n, 1)
        logits = self.buffer[: stop - start]
        if self.bias is None:
            torch.mm(inputs, self.weight.t(), out=logits)  # (n, V)
        else:
            torch.addmm(self.bias, inputs, self.weight.t(), out=logits)
        logits = logits.to(self.working)
        logits.sub_(logits.amax(dim=1, keepdim=True))  # so that exp cannot overflow
        expected = logits.gather(1, targets)
        if self.label_smoothing:
            expected = torch.lerp(expected, logits.mean(dim=1, keepdim=True), self.label_smoothing)
        sums = logits.exp_().sum(dim=1, keepdim=True)
        self.nll[start:stop] = (sums.log() - expected).squeeze(1)
        return logits, sums


class _LinearCrossEntropy(torch.autograd.Function):
    """Loss and gradients in one sweep; backward multiplies by the incoming gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        label_smoothing: float,
        rows: int,
    ) -> Tensor:
        device = inputs.device.type
        chunks = _Chunks(inputs, weight, bias, targets, label_smoothing, rows)
        wants_inputs, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        working, dtype = chunks.working, chunks.inputs.dtype
        d_inputs = torch.empty_like(chunks.inputs) if wants_inputs else None
        d_weight = torch.zeros_like(weight, dtype=working) if wants_weight else None
        d_bias = weight.new_zeros(len(weight), dtype=working) if wants_bias else None
        with torch.autocast(device, enabled=False):
            for start, stop in chunks.spans:
                exponentials, sums = chunks.exponentials(start, stop)
                d_logits = exponentials.div_(sums)  # (n, V), now probabilities
                _subtract_expected(d_logits, targets[start:stop], label_smoothing)
                if d_bias is not None:
                    d_bias.add_(d_logits.sum(dim=0))
                d_logits = d_logits.to(dtype)
                if d_inputs is not None:
                    torch.mm(d_logits, chunks.weight, out=d_inputs[start:stop])
                if d_weight is not None:
                    _add_product(d_weight, d_logits.t(), chunks.inputs[start:stop])
        ctx.save_for_backward(
            None if d_inputs is None else d_inputs.to(inputs.dtype),
            None if d_weight is None else d_weight.to(weight.dtype),
            None if d_bias is None or bias is None else d_bias.to(bias.dtype),
        )
        return chunks.nll.sum()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        gradients = ctx.saved_tensors
        # Asking for the value is free on a CPU and would wait for the queue on a GPU.
        if grad_output.device.type != "cpu" or grad_output.item() != 1.0:
            gradients = [None if g is None else g * grad_output.to(g.dtype) for g in gradients]
        return (*gradients, None, None, None)


def _subtract_expected(probabilities: Tensor, targets: Tensor, label_smoothing: float) -> None:
    """Softmax (n, V) to the gradient of the logits, in place: minus the smoothed one-hot targets."""
    if label_smoothing:
        probabilities.sub_(label_smoothing / probabilities.shape[1])
    minus = probabilities.new_full((len(targets), 1), label_smoothing - 1.0)
    probabilities.scatter_add_(1, targets.unsqueeze(1), minus)


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add a matrix product in place; one of lower precision is added up in the precision of `total`."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total.add_(left @ right)


def _chunk_rows(rows: int, vocab_size: int) -> int:
    """Rows per chunk: few enough for the cache, many enough for the products, and evenly filled."""
    most = max(MIN_CHUNK_ROWS, CHUNK_ELEMENTS // vocab_size)
    chunks = max(1, -(-rows // most))
    return max(1, -(-rows // chunks))


def _working_dtype(dtype: torch.dtype) -> torch.dtype:
    """Type for sums and exponentials: float32 for half precision, else the type itself."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
