"""One of several processes that normalize a batch together: `norm_worker.py FILE RANK WORLD_SIZE ROWS`."""

import sys
from pathlib import Path

import torch
from torch import Tensor

from nlpseq.layers.normalization import SequenceBatchNorm, uncounted_rows


def normalized(rows: slice, counted: bool, total: int) -> dict[str, Tensor]:
    """Normalize some rows of a batch in training; return all that comes out."""
    torch.manual_seed(0)
    inputs = torch.randn(3, 5, 4, dtype=torch.float64) * 3 + 1
    mask = torch.arange(5) < torch.tensor([5, 2, 4]).unsqueeze(1)
    direction = torch.randn(3, 5, 4, dtype=torch.float64)
    own = inputs[:total][rows].clone().requires_grad_()
    norm = SequenceBatchNorm(4).double()
    with uncounted_rows(not counted):
        outputs = norm(own, mask[:total][rows])
    (outputs * direction[:total][rows] * counted).sum().backward()
    state = {name: part for name, part in norm.state_dict().items()}
    gradients = {f"grad.{name}": part.grad for name, part in norm.named_parameters()}
    return {"outputs": outputs.detach(), "inputs": own.grad, **state, **gradients}


if __name__ == "__main__":
    torch.set_num_threads(1)
    file, rank, size, total = Path(sys.argv[1]), *map(int, sys.argv[2:])
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}.init", rank=rank, world_size=size
    )
    has_row = rank < total
    rows = slice(rank, None, size) if has_row else slice(0, 1)
    torch.save(normalized(rows, has_row, total), f"{file}.{rank}")
    torch.distributed.destroy_process_group()
