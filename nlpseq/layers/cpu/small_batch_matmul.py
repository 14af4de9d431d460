"""Steps of a few rows on a CPU, without gradient, computed with transposed operands.

For rows (R, D) and a weight (N, D) MKL takes longer for `rows W'` than for `W rows'`, whose result is (N, R). Measured
with two threads and D = 512: with 2 to 16 rows up to three times as long if W is a vocabulary, up to twice as long
with the weights of a cell; no difference from some hundred rows. With one thread it depends on the sizes; cells of
256 units are as fast with torch's fused functions, smaller ones faster. Libraries other than MKL were not measured.
For a single row transposed weights are faster (`token_by_token`).
"""

import torch
from torch import Tensor

from nlpseq.layers.cpu import is_cpu_inference

MOST_VOCABULARY_ROWS = 16  # with more, transposing the result costs what the product gains
MOST_CELL_ROWS = 128
MOST_SMALL_ELEMENTS = 2**18  # in a weight; smaller ones gain less than the extra calls cost


def pays_off_for_few_rows(rows: Tensor, *weights: Tensor, most: int) -> bool:
    """Return whether the functions of this module are faster: few rows, several threads, large weights.

    Args:
        rows: (R, D) the rows to multiply.
        weights: matrices and biases; the first decides by its size. All must be contiguous and of the rows' type.
        most: largest R for which it pays off.
    """
    if not 2 <= len(rows) <= most or torch.get_num_threads() == 1 or not is_cpu_inference(rows):
        return False
    if weights[0].numel() <= MOST_SMALL_ELEMENTS:
        return False
    return all(weight.dtype == rows.dtype and weight.is_contiguous() for weight in weights)


def linear_transposed(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute the transpose of `F.linear`: rows (R, D), weight (N, D), bias (N,) -> (N, R)."""
    if bias is None:
        return torch.mm(weight, rows.t())
    return torch.addmm(bias.unsqueeze(1), weight, rows.t())


def gru_step(
    inputs: Tensor,
    hidden: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> Tensor:
    """Compute `torch.gru_cell`: inputs (R, D), hidden (R, H) -> the next hidden (R, H)."""
    size = hidden.size(1)
    gates = linear_transposed(inputs, weight_ih, bias_ih)  # (3H, R)
    ahead = linear_transposed(hidden, weight_hh, bias_hh)  # (3H, R)
    rz = gates[: 2 * size].add_(ahead[: 2 * size]).sigmoid_()
    new = gates[2 * size :].addcmul_(rz[:size], ahead[2 * size :]).tanh_()
    return torch.lerp(new, hidden.t().contiguous(), rz[size:]).t().contiguous()


def lstm_step(
    inputs: Tensor,
    state: tuple[Tensor, ...],
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> tuple[Tensor, Tensor]:
    """Compute `torch.lstm_cell`: inputs (R, D), h and c (R, H) -> the next h and c."""
    h, c = state
    gates = linear_transposed(inputs, weight_ih, bias_ih + bias_hh).addmm_(
        weight_hh, h.t()
    )  # (4H, R)
    size = h.size(1)
    opened, new, out = gates.split([2 * size, size, size])
    i, f = opened.sigmoid_().chunk(2)
    c = torch.addcmul(f * c.t().contiguous(), i, new.tanh_())  # (H, R)
    h = out.sigmoid_().mul_(c.tanh())
    return h.t().contiguous(), c.t().contiguous()
