"""Steps of a few rows on a CPU, without a gradient: inside, a column is a row.

For rows (R, D) and a weight (N, D) MKL takes longer over `rows W'` than over `W rows'`, whose result is (N, R).
Measured with two threads and D = 512: from 2 to 16 rows up to three times as long where W is a vocabulary, up to
twice as long with the weights of a cell, and nothing from some hundreds of rows on. With one thread it depends on
the sizes; cells of 256 units are as fast by torch's fused functions, smaller ones faster; other libraries than MKL
were not measured. A single row is better off with transposed weights (`single_steps.py`).
"""

import torch
from torch import Tensor

MOST_VOCABULARY_ROWS = 16  # with more, turning the result costs what the product gains
MOST_CELL_ROWS = 128
MOST_SMALL_ELEMENTS = 2**18  # of a weight: with no more, the calls cost what the product gains


def is_bare(tensor: Tensor) -> bool:
    """Whether only numbers are wanted: on a CPU, in float32 or float64, without a gradient or autocast."""
    if torch.is_grad_enabled() or tensor.device.type != "cpu":
        return False
    return tensor.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")


def columns_pay(rows: Tensor, *weights: Tensor, most: int) -> bool:
    """Whether bare rows (R, D) are faster as columns: a few, several threads, large weights as they are stored.

    Args:
        rows: what is multiplied.
        weights: matrices (and biases) of the same type; the first tells the size of the product.
        most: R up to which it pays.
    """
    if not 2 <= len(rows) <= most or torch.get_num_threads() == 1 or not is_bare(rows):
        return False
    if weights[0].numel() <= MOST_SMALL_ELEMENTS:
        return False
    return all(weight.dtype == rows.dtype and weight.is_contiguous() for weight in weights)


def linear_columns(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear`: rows (R, D), weight (N, D), bias (N,) -> columns (N, R)."""
    if bias is None:
        return torch.mm(weight, rows.t())
    return torch.addmm(bias.unsqueeze(1), weight, rows.t())


def gru_columns(
    inputs: Tensor,
    hidden: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> Tensor:
    """`torch.gru_cell`: inputs (R, D), hidden (R, H) -> the next hidden (R, H)."""
    size = hidden.size(1)
    gates = linear_columns(inputs, weight_ih, bias_ih)  # (3H, R)
    ahead = linear_columns(hidden, weight_hh, bias_hh)  # (3H, R)
    rz = gates[: 2 * size].add_(ahead[: 2 * size]).sigmoid_()
    new = gates[2 * size :].addcmul_(rz[:size], ahead[2 * size :]).tanh_()
    return torch.lerp(new, hidden.t().contiguous(), rz[size:]).t().contiguous()


def lstm_columns(
    inputs: Tensor,
    state: tuple[Tensor, ...],
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> tuple[Tensor, Tensor]:
    """`torch.lstm_cell`: inputs (R, D), h and c (R, H) -> the next ones."""
    h, c = state
    gates = linear_columns(inputs, weight_ih, bias_ih + bias_hh).addmm_(weight_hh, h.t())  # (4H, R)
    size = h.size(1)
    opened, new, out = gates.split([2 * size, size, size])
    i, f = opened.sigmoid_().chunk(2)
    c = torch.addcmul(f * c.t().contiguous(), i, new.tanh_())  # (H, R)
    h = out.sigmoid_().mul_(c.tanh())
    return h.t().contiguous(), c.t().contiguous()
