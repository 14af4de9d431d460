"""Cross-entropy of a linear layer, without holding the logits of all rows.

With a vocabulary of words most time and memory of a language model goes into its output layer. Here the N rows are
processed in chunks whose logits stay in cache, and the gradients come from the same probabilities:

    logits = x W' + b        loss = sum of log Z - logits[target]        G = softmax(logits) - onehot(target)
    dx = G W                 dW += G' x                                  db += sum of G over rows

So a softmax layer needs three matrix products and computes nothing twice; the backward pass only scales gradients.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nlpseq.layers.cpu import (
    multiplies_in_panels,
    overwrites_softmax_input,
    product_dtype,
    reads_values_for_free,
    without_autocast,
)
from nlpseq.layers.cpu.small_batch_matmul import (
    MOST_VOCABULARY_ROWS,
    linear_transposed,
    pays_off_for_few_rows,
)

CHUNK_ELEMENTS = 2**22  # 16 MB of float32 logits: fastest on a CPU, whose cache holds them
SMALL_ELEMENTS = 2**17  # half a MB of logits: torch's own functions need less Python
SMALLEST = 1e-30  # far above the smallest float32 with an exact logarithm
MIN_CHUNK_ROWS = 128  # with fewer rows a product with W is limited by reading W
PANEL = 1024  # columns of a product on a CPU: one product takes a sixth longer at 300 to 500 rows, a third at 64 (MKL)
LINE = 16  # float32 in a cache line: a product into rows that end inside one loses a third of its speed


def linear_cross_entropy(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    label_smoothing: float = 0.0,
    chunk_size: int | None = None,
) -> Tensor:
    """Compute the cross-entropy of a linear layer, summed over rows, without holding all logits.

    Equals `F.cross_entropy(F.linear(inputs, weight, bias), targets, reduction="sum", label_smoothing=...)`.
    Products use autocast's type where it is on; sums, probabilities and the gradient of the weight use float32 at
    least. The result can be differentiated once.

    Args:
        inputs: (N, D).
        weight: (V, D).
        bias: (V,) or None.
        targets: (N,) ids in [0, V).
        label_smoothing: probability mass of the target that is spread evenly over the vocabulary.
        chunk_size: rows in a chunk; by default as many as keep the logits in cache (torch's own functions, if
            there are few rows).

    Returns:
        A scalar, in nats.
    """
    if torch.compiler.is_compiling():  # the compiler cuts and joins loops by itself
        return _plain_nll(inputs, weight, bias, targets, label_smoothing).sum()
    leaves = (inputs, weight, bias)
    if not (torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in leaves)):
        return linear_nll(inputs, weight, bias, targets, label_smoothing, chunk_size).sum()
    if chunk_size is None and len(inputs) * len(weight) <= SMALL_ELEMENTS:
        logits = F.linear(inputs, weight, bias)  # (N, V)
        logits = logits.to(_working_dtype(logits.dtype))
        return F.cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
    rows = chunk_size or _chunk_rows(len(inputs), len(weight))
    loss: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        inputs, weight, bias, targets, label_smoothing, rows
    )
    return loss


@torch.no_grad()
def linear_nll(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    label_smoothing: float = 0.0,
    chunk_size: int | None = None,
) -> Tensor:
    """Return the loss (N,) of each row, without gradient; arguments as for `linear_cross_entropy`."""
    if torch.compiler.is_compiling():
        return _plain_nll(inputs, weight, bias, targets, label_smoothing)
    rows = chunk_size or _chunk_rows(len(inputs), len(weight))
    chunks = _Chunks(inputs, weight, bias, targets, label_smoothing, rows)
    for start, stop in chunks.spans:
        chunks.probabilities(start, stop)
    return chunks.nll


@torch.no_grad()
def linear_log_probs(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return `F.linear(...).log_softmax(1)` (N, V) in float32 or float64, on a CPU."""
    if pays_off_for_few_rows(inputs, weight, most=MOST_VOCABULARY_ROWS):
        return linear_transposed(inputs, weight, bias).t().log_softmax(dim=1)
    size = len(weight)
    if len(inputs) * size <= SMALL_ELEMENTS:
        return F.linear(inputs, weight, bias).log_softmax(dim=1)
    whole = inputs.new_empty(len(inputs), whole_lines(size))
    write_logits(inputs, weight, bias, whole[:, :size])
    whole[:, size:] = -torch.inf
    return torch.log_softmax(whole, dim=1, out=whole)[:, :size]


def _plain_nll(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, label_smoothing: float
) -> Tensor:
    """Return the loss (N,) by torch's own functions."""
    logits = F.linear(inputs, weight, bias)  # (N, V)
    logits = logits.to(_working_dtype(logits.dtype))
    return F.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)


class _Chunks:
    """Operands in the type of the products, a buffer of logits, and the loss of each row."""

    def __init__(
        self,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        label_smoothing: float,
        rows: int,
    ) -> None:
        dtype = product_dtype(inputs)
        self.inputs, self.weight = inputs.detach().to(dtype), weight.detach().to(dtype)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.targets, self.label_smoothing = targets, label_smoothing
        self.working = _working_dtype(dtype)
        self.spans = [(low, min(low + rows, len(inputs))) for low in range(0, len(inputs), rows)]
        width = len(weight)
        if overwrites_softmax_input(inputs) and dtype == self.working:
            width = whole_lines(width)
        self.buffer = inputs.new_empty((min(rows, len(inputs)), width), dtype=dtype)
        self.nll = inputs.new_empty(targets.shape, dtype=self.working)

    def probabilities(self, start: int, stop: int) -> Tensor:
        """Return the softmax (n, V) of the rows from `start` to `stop`, and store their `nll`."""
        inputs, targets = self.inputs[start:stop], self.targets[start:stop].unsqueeze(1)  # (n, 1)
        whole = self.buffer[: stop - start]  # (n, V or a little more)
        logits = whole[:, : len(self.weight)]
        write_logits(inputs, self.weight, self.bias, logits)
        if self.working != logits.dtype:
            whole = logits = logits.to(self.working)
        at_target = expected = logits.gather(1, targets)
        if self.label_smoothing:
            expected = torch.lerp(expected, logits.mean(dim=1, keepdim=True), self.label_smoothing)
        if not overwrites_softmax_input(logits):
            self.nll[start:stop] = (logits.logsumexp(dim=1, keepdim=True) - expected).squeeze(1)
            return logits.softmax(dim=1)
        # torch's softmax processes a row while it is in cache.
        whole[:, len(self.weight) :] = -torch.inf
        probabilities = torch.softmax(whole, dim=1, out=whole)[:, : len(self.weight)]
        target = probabilities.gather(1, targets)
        log_z = at_target - target.log()  # needs no further pass over all logits
        self.nll[start:stop] = (log_z - expected).squeeze(1)
        self._correct(start, (target < SMALLEST).squeeze(1), at_target - expected)
        return probabilities

    def _correct(self, start: int, rows: Tensor, difference: Tensor) -> None:
        """Recompute the nll of rows whose targets are so unlikely that their probabilities are inexact."""
        if bool(rows.any()):
            indices = start + rows.nonzero().squeeze(1)
            inputs, targets = self.inputs[indices], self.targets[indices]
            logits = F.linear(inputs, self.weight, self.bias).to(self.working)
            nll = F.cross_entropy(logits, targets, reduction="none")
            self.nll[indices] = nll + difference[rows].squeeze(1)


class _LinearCrossEntropy(torch.autograd.Function):
    """Loss and gradients in one pass; `backward` multiplies by the incoming gradient."""

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
        chunks = _Chunks(inputs, weight, bias, targets, label_smoothing, rows)
        wants_inputs, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        working, dtype = chunks.working, chunks.inputs.dtype
        d_inputs = torch.empty_like(chunks.inputs) if wants_inputs else None
        # The first product overwrites it, so it need not be zero.
        make = torch.empty_like if chunks.spans else torch.zeros_like
        d_weight = make(weight, dtype=working) if wants_weight else None
        d_bias = weight.new_zeros(len(weight), dtype=working) if wants_bias else None
        with without_autocast(inputs):
            for start, stop in chunks.spans:
                d_logits = chunks.probabilities(start, stop)  # (n, V)
                _subtract_expected(d_logits, targets[start:stop], label_smoothing)
                if d_bias is not None:
                    d_bias.add_(d_logits.sum(dim=0))
                d_logits = d_logits.to(dtype)
                if d_inputs is not None:
                    torch.mm(d_logits, chunks.weight, out=d_inputs[start:stop])
                if d_weight is not None:
                    _add_product(d_weight, d_logits.t(), chunks.inputs[start:stop], int(start > 0))
        ctx.save_for_backward(
            None if d_inputs is None else d_inputs.to(inputs.dtype),
            None if d_weight is None else d_weight.to(weight.dtype),
            None if d_bias is None or bias is None else d_bias.to(bias.dtype),
        )
        return chunks.nll.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        gradients = ctx.saved_tensors
        if not reads_values_for_free(grad_output) or grad_output.item() != 1.0:
            gradients = [None if g is None else g * grad_output.to(g.dtype) for g in gradients]
        return (*gradients, None, None, None)


def _subtract_expected(probabilities: Tensor, targets: Tensor, label_smoothing: float) -> None:
    """Subtract the smoothed one-hot targets from a softmax (n, V), in place: the gradient of the logits."""
    if label_smoothing:
        probabilities.sub_(label_smoothing / probabilities.shape[1])
    minus = probabilities.new_full((len(targets), 1), label_smoothing - 1.0)
    probabilities.scatter_add_(1, targets.unsqueeze(1), minus)


def _add_product(total: Tensor, left: Tensor, right: Tensor, beta: int) -> None:
    """Set `total` to beta times itself plus a matrix product, in the precision of `total`.

    With a beta of 0 its old values are ignored.
    """
    if total.dtype == left.dtype:
        total.addmm_(left, right, beta=beta)
    elif beta:
        total.add_(left @ right)
    else:
        total.copy_(left @ right)


def _chunk_rows(rows: int, vocab_size: int) -> int:
    """Return the rows of a chunk: few enough for the cache, many enough for the products, evenly divided."""
    most = max(MIN_CHUNK_ROWS, CHUNK_ELEMENTS // vocab_size)
    chunks = max(1, -(-rows // most))
    return max(1, -(-rows // chunks))


def write_logits(inputs: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor) -> None:
    """Write inputs (n, D) times weight (V, D) plus bias (V,) into `out` (n, V); without gradient."""
    panel = PANEL if multiplies_in_panels(out) else max(1, len(weight))
    for start in range(0, len(weight), panel):
        tokens = slice(start, start + panel)
        if bias is None:
            torch.mm(inputs, weight[tokens].t(), out=out[:, tokens])
        else:
            torch.addmm(bias[tokens], inputs, weight[tokens].t(), out=out[:, tokens])


def whole_lines(columns: int) -> int:
    """Round a number of columns up, so that each row of a buffer ends with a cache line."""
    return -(-columns // LINE) * LINE


def _working_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type of sums and probabilities: float32 for half precision, else the type itself."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
