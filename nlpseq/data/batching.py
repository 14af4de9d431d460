"""In which order examples are read, and how they lie in a batch.

Everything here is a pure function of its arguments: an epoch's order depends on (seed, epoch)
alone, so that resuming in the middle of an epoch is to slice what these functions return.
"""

import hashlib
import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.errors import UserError

LENGTH_NOISE = 0.1  # batches mix lengths that differ by up to this share, so that epochs differ too
SHORTEST_WINDOW = 5  # Merity et al. (2018), section 5
LENGTH_DEVIATION = 5.0
FULL_LENGTH_PROBABILITY = 0.95


def generator(seed: int, epoch: int, purpose: str) -> torch.Generator:
    """Random numbers that depend on the seed, the epoch and what they are for, on nothing else."""
    digest = hashlib.sha256(f"{purpose} {seed} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))


def bucket_batches(
    lengths: Sequence[int],
    *,
    targets: Sequence[int] | None = None,
    batch_size: int,
    batch_tokens: int = 0,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool,
) -> list[list[int]]:
    """Batches of examples of like length; every example is in exactly one.

    For training, examples are sorted by length times a random factor near 1, cut into batches, and
    the batches are shuffled. For evaluation they are sorted by length, shortest first. Pairs are
    sorted by their targets into groups, and within a group by their sources: as many groups as there
    are batches in each, so that neither side is padded much.

    Args:
        lengths: tokens of each example.
        targets: of its other side, if it has two.
        batch_size: examples in a batch, where there is no token budget.
        batch_tokens: largest padded size, rows times longest row (the longest of each side added); 0: no
            budget. An example that is longer than the budget makes a batch of its own.
        seed: with `epoch`, fixes the order.
        epoch: passes over the data before this one.
        shuffle: whether this is for training.

    Returns:
        places of examples, a list for each batch; slice it to resume.
    """
    random = generator(seed, epoch, "buckets") if shuffle else None
    sides = [lengths] if targets is None else [lengths, targets]
    sizes = [_noisy(side, random) for side in sides]
    order: list[int] = torch.sort(sizes[-1], stable=True).indices.tolist()
    if targets is not None:
        tokens = sum(map(sum, sides))
        batches_in_all = tokens / batch_tokens if batch_tokens else len(lengths) / batch_size
        order = _groupwise(order, sizes[0], math.ceil(batches_in_all**0.5))
    batches = _fill(order, sides, batch_tokens) if batch_tokens else _chunk(order, batch_size)
    if random is None:
        return batches
    return [batches[place] for place in torch.randperm(len(batches), generator=random).tolist()]


def _noisy(lengths: Sequence[int], random: torch.Generator | None) -> Tensor:
    """Lengths (N,), in training times a random factor near 1."""
    sizes = torch.tensor(lengths, dtype=torch.float64)
    if random is None:
        return sizes
    noise = torch.rand(len(sizes), generator=random, dtype=torch.float64)
    return (sizes + noise) * (1 + LENGTH_NOISE * torch.rand(noise.shape, generator=random))


def _groupwise(order: list[int], sizes: Tensor, groups: int) -> list[int]:
    """Cut an order into groups and sort each by `sizes`, up and down in turns: neighbours stay alike."""
    found: list[int] = []
    for number, group in enumerate(torch.tensor(order).tensor_split(max(groups, 1))):
        inside = torch.sort(sizes[group], stable=True, descending=bool(number % 2)).indices
        found += group[inside].tolist()
    return found


def _chunk(order: list[int], size: int) -> list[list[int]]:
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


def _fill(order: list[int], sides: Sequence[Sequence[int]], budget: int) -> list[list[int]]:
    batches: list[list[int]] = []
    longest = [0] * len(sides)
    for place in order:
        own = [side[place] for side in sides]
        longest = list(map(max, longest, own))
        if batches and (len(batches[-1]) + 1) * sum(longest) <= budget:
            batches[-1].append(place)
        else:
            batches.append([place])
            longest = own
    return batches


def columns(stream: Tensor, batch_size: int) -> Tensor:
    """Lay a stream of tokens out in `batch_size` rows, each of them contiguous text.

        stream  a b c d e f g h i j k l m n          batch_size = 4, so m and n are dropped

        rows    a b c | the window's text goes on in the same row of the next window, so that
                d e f | a state can be carried over;
                g h i | rows know nothing of each other
                j k l |

    Args:
        stream: (N,) token ids.
        batch_size: rows B.

    Returns:
        (B, N // B) the same tokens, but for a tail of fewer than B: for training only.

    Raises:
        UserError: the stream is shorter than `batch_size`.
    """
    length = len(stream) // batch_size
    if length == 0:
        raise UserError(
            f"train holds {len(stream)} tokens, fewer than training.batch_size={batch_size}"
        )
    return stream[: length * batch_size].view(batch_size, length)


def window_lengths(
    total: int, bptt_length: int, random: bool, seed: int = 0, epoch: int = 0
) -> list[int]:
    """Lengths of the windows that the columns are read in; they add up to `total`.

    Random lengths (Merity et al. 2018, section 5) keep the same tokens from ending a window in
    every epoch: normal around `bptt_length`, or around its half with probability 0.05, deviation 5,
    at least 5.

    Args:
        total: time steps of the columns.
        bptt_length: time steps of a window (on average, if random).
        random: whether lengths vary.
        seed: with `epoch`, fixes the lengths.
        epoch: passes over the data before this one.
    """
    rng = generator(seed, epoch, "windows")
    lengths: list[int] = []
    left = total
    while left > 0:
        length = _random_length(bptt_length, rng) if random else bptt_length
        lengths.append(min(length, left))
        left -= lengths[-1]
    return lengths


def _random_length(bptt_length: int, rng: torch.Generator) -> int:
    full = torch.rand((), generator=rng).item() < FULL_LENGTH_PROBABILITY
    mean = bptt_length if full else bptt_length / 2
    length = mean + LENGTH_DEVIATION * torch.randn((), generator=rng).item()
    return max(min(SHORTEST_WINDOW, bptt_length), int(length))


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Rows of numbers as one tensor (B, T), filled up with `value` on the right."""
    lengths = np.array([len(row) for row in rows])
    filled = np.full((len(rows), lengths.max()), value, dtype=np.int64)  # (B, T)
    real = np.arange(filled.shape[1]) < lengths[:, None]
    filled[real] = np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum())
    return torch.from_numpy(filled)


def collate(ids: Sequence[Sequence[int]], pad_id: int) -> Tokens:
    """Pad token ids on the right.

    Args:
        ids: one sequence a row, none of them empty.
        pad_id: what fills the rows up.

    Returns:
        Tokens (B, T), T the longest row.
    """
    lengths = torch.tensor([len(row) for row in ids])
    full = bool((lengths == lengths[0]).all())
    return Tokens(padded(ids, pad_id), lengths, full=full)
