"""The sweep of cells whose gates read the input alone: h_t = (1 - z_t) h_{t-1} + z_t n_t.

Such a step is an affine map of the state, and maps compose: two steps are h -> a2 a1 h + (a2 b1 + b2). So log2(T)
rounds, each of which joins maps twice as long as the round before, give all states at once (Hillis and Steele 1986;
Martin and Cundy 2018 for networks). That suits a GPU, which pays for the number of its calls; a CPU pays for every
product, and runs one step after another.
"""

import torch
from torch import Tensor

from nlpseq.layers.cpu import uses_cpu_kernels
from nlpseq.layers.cpu.recurrent_kernels import mingru_sweep
from nlpseq.layers.time_loop import Stepped, over_time
from nlpseq.types import State


def interpolate(projected: Tensor, hidden: Tensor) -> Tensor:
    """Return all states (T, B, H).

    Args:
        projected: (T, B, 2H), z before its sigmoid, then n.
        hidden: (B, H) the state before the window.
    """
    if uses_cpu_kernels(projected):
        return mingru_sweep(projected, hidden)
    gate, candidate = projected.to(hidden.dtype).chunk(2, dim=2)
    gate = gate.sigmoid()
    if torch.compiler.is_compiling():

        def step(state: State, z: Tensor, n: Tensor) -> Stepped:
            new = torch.lerp(state[0], n, z)
            return (new,), (new,)

        return over_time(step, (hidden,), (gate, candidate))[1][0]
    return compose(1 - gate, gate * candidate, hidden)


def compose(kept: Tensor, added: Tensor, hidden: Tensor) -> Tensor:
    """Return h_t = kept_t h_{t-1} + added_t for all t: (T, B, H) of both, hidden (B, H) -> (T, B, H)."""
    reach, length = 1, kept.size(0)
    while reach < length:
        added = torch.cat([added[:reach], added[reach:] + kept[reach:] * added[:-reach]])
        kept = torch.cat([kept[:reach], kept[reach:] * kept[:-reach]])
        reach *= 2
    return added + kept * hidden
