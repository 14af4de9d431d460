"""Order of examples, cutting into batches and windows, and padding.

All functions are pure: the order of an epoch depends on (seed, epoch) only, so resuming in the middle
of an epoch means slicing what these functions return.
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

LENGTH_NOISE = 0.1  # batches mix lengths that differ by up to 10 %, so epochs differ
SHORTEST_WINDOW = 5  # Merity et al. (2018), section 5
LENGTH_DEVIATION = 5.0
FULL_LENGTH_PROBABILITY = 0.95


def seeded_generator(seed: int, epoch: int, purpose: str) -> torch.Generator:
    """Return a generator whose numbers depend only on seed, epoch and purpose."""
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
    """Group examples of similar length into batches; each example is in exactly one batch.

    For training, examples are sorted by length times a random factor near 1, cut into batches, and
    the batches are shuffled. For evaluation they are sorted by length, shortest first. Pairs are
    sorted by target length into groups, and by source length within a group. There are as many groups
    as batches in a group, so neither side is padded much.

    Args:
        lengths: number of tokens in each example.
        targets: number of target tokens in each example, for pairs.
        batch_size: examples in a batch, without a token budget.
        batch_tokens: largest padded size: rows times longest row, both sides added; 0: no budget. An
            example longer than the budget is a batch of its own.
        seed: fixes the order, together with `epoch`.
        epoch: number of passes over the data before this one.
        shuffle: True for training.

    Returns:
        A list of example indices for each batch; slice it to resume.
    """
    random = seeded_generator(seed, epoch, "buckets") if shuffle else None
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
    return [batches[index] for index in torch.randperm(len(batches), generator=random).tolist()]


def _noisy(lengths: Sequence[int], random: torch.Generator | None) -> Tensor:
    """Return lengths (N,), times a random factor near 1 if `random` is given."""
    sizes = torch.tensor(lengths, dtype=torch.float64)
    if random is None:
        return sizes
    noise = torch.rand(len(sizes), generator=random, dtype=torch.float64)
    return (sizes + noise) * (1 + LENGTH_NOISE * torch.rand(noise.shape, generator=random))


def _groupwise(order: list[int], sizes: Tensor, groups: int) -> list[int]:
    """Cut an order into groups and sort each by `sizes`, up and down in turns, so neighbours stay alike."""
    grouped: list[int] = []
    for number, group in enumerate(torch.tensor(order).tensor_split(max(groups, 1))):
        inside = torch.sort(sizes[group], stable=True, descending=bool(number % 2)).indices
        grouped += group[inside].tolist()
    return grouped


def _chunk(order: list[int], size: int) -> list[list[int]]:
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


def _fill(order: list[int], sides: Sequence[Sequence[int]], budget: int) -> list[list[int]]:
    """Add examples to a batch until its padded size would exceed the budget."""
    batches: list[list[int]] = []
    longest = [0] * len(sides)
    for index in order:
        own = [side[index] for side in sides]
        longest = list(map(max, longest, own))
        if batches and (len(batches[-1]) + 1) * sum(longest) <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
            longest = own
    return batches


def to_columns(stream: Tensor, batch_size: int) -> Tensor:
    """Reshape a token stream to `batch_size` rows of contiguous text.

        stream  a b c d e f g h i j k l m n          batch_size = 4, so m and n are dropped

        rows    a b c | a row continues in the same row of the next window, so its
                d e f | state can be carried over; rows do not depend on each other
                g h i |
                j k l |

    Args:
        stream: (N,) token ids.
        batch_size: number of rows B.

    Returns:
        (B, N // B) the same tokens except a tail of fewer than B; for training only.

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
    """Return the lengths of the windows that cut the columns; they add up to `total`.

    With random lengths (Merity et al. 2018, section 5) windows end at other tokens in each epoch:
    normally distributed around `bptt_length`, or around its half with probability 0.05, with standard
    deviation 5 and at least 5.

    Args:
        total: time steps of the columns.
        bptt_length: time steps of a window (on average, if random).
        random: draw the lengths.
        seed: fixes the lengths, together with `epoch`.
        epoch: number of passes over the data before this one.
    """
    rng = seeded_generator(seed, epoch, "windows")
    lengths: list[int] = []
    remaining = total
    while remaining > 0:
        length = _random_length(bptt_length, rng) if random else bptt_length
        lengths.append(min(length, remaining))
        remaining -= lengths[-1]
    return lengths


def _random_length(bptt_length: int, rng: torch.Generator) -> int:
    full = torch.rand((), generator=rng).item() < FULL_LENGTH_PROBABILITY
    mean = bptt_length if full else bptt_length / 2
    length = mean + LENGTH_DEVIATION * torch.randn((), generator=rng).item()
    return max(min(SHORTEST_WINDOW, bptt_length), int(length))


def pad_rows(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Return rows of numbers as one tensor (B, T), padded with `value` on the right."""
    lengths = np.array([len(row) for row in rows])
    filled = np.full((len(rows), lengths.max()), value, dtype=np.int64)  # (B, T)
    real = np.arange(filled.shape[1]) < lengths[:, None]
    filled[real] = np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum())
    return torch.from_numpy(filled)


def collate(ids: Sequence[Sequence[int]], pad_id: int) -> Tokens:
    """Pad token ids on the right.

    Args:
        ids: one sequence for each row, none of them empty.
        pad_id: id of the padding.

    Returns:
        Tokens (B, T), T being the longest row.
    """
    lengths = torch.tensor([len(row) for row in ids])
    full = bool((lengths == lengths[0]).all())
    return Tokens(pad_rows(ids, pad_id), lengths, full=full)
