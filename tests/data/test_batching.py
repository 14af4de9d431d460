import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.batching import bucket_batches, collate, to_columns, window_lengths
from nlpseq.errors import UserError

lengths_of = st.lists(st.integers(1, 60), min_size=1, max_size=200)


@given(
    lengths=lengths_of,
    pairs=st.booleans(),
    size=st.integers(1, 40),
    budget=st.sampled_from([0, 64, 300]),
    shuffle=st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_every_example_once_and_no_batch_too_large(lengths, pairs, size, budget, shuffle) -> None:
    targets = lengths[::-1] if pairs else None
    sides = [lengths, targets] if pairs else [lengths]
    batches = bucket_batches(
        lengths, targets=targets, batch_size=size, batch_tokens=budget, seed=1, shuffle=shuffle
    )
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        if budget:
            longest = sum(max(side[n] for n in batch) for side in sides)
            assert len(batch) == 1 or len(batch) * longest <= budget
        else:
            assert len(batch) <= size
    if not budget:
        assert len(batches) == -(-len(lengths) // size)


def test_evaluation_is_sorted_by_length() -> None:
    lengths = [5, 2, 9, 2, 7]
    assert bucket_batches(lengths, batch_size=2, shuffle=False) == [[1, 3], [0, 4], [2]]


def test_an_example_longer_than_the_budget_is_alone() -> None:
    lengths = [3, 100, 3, 90]
    batches = bucket_batches(lengths, batch_size=1, batch_tokens=12, shuffle=False)
    assert batches == [[0, 2], [3], [1]]


def test_order_depends_on_seed_and_epoch_only() -> None:
    lengths = torch.randint(1, 50, (500,), generator=torch.Generator().manual_seed(0)).tolist()

    def order(seed: int, epoch: int) -> list[list[int]]:
        torch.rand(3)  # the global generator does not matter
        return bucket_batches(lengths, batch_size=16, seed=seed, epoch=epoch, shuffle=True)

    assert order(1, 2) == order(1, 2)
    different = [order(1, 2), order(1, 3), order(2, 2), order(2, 1)]
    assert all(a != b for n, a in enumerate(different) for b in different[:n])
    grouped = [{frozenset(batch) for batch in one} for one in different[:2]]
    assert grouped[0] != grouped[1]  # other batches, not only another order


def test_training_batches_hold_like_lengths_in_any_order() -> None:
    lengths = torch.randint(1, 200, (2000,), generator=torch.Generator().manual_seed(0)).tolist()
    batches = bucket_batches(lengths, batch_size=20, seed=3, shuffle=True)
    real = sum(lengths)
    padded = sum(len(batch) * max(lengths[n] for n in batch) for batch in batches)
    assert padded < 1.15 * real  # about 2 in random order
    means = [sum(lengths[n] for n in batch) / len(batch) for batch in batches]
    rising = sum(a < b for a, b in zip(means, means[1:], strict=False))
    assert 0.3 * len(means) < rising < 0.7 * len(means)


@pytest.mark.parametrize("budget", [0, 2000])
def test_neither_side_of_pairs_is_padded_much(budget: int) -> None:
    random = torch.Generator().manual_seed(0)
    sources = torch.randint(5, 40, (20_000,), generator=random)
    targets = (sources * (0.6 + torch.rand(len(sources), generator=random))).long() + 1
    sides = [sources.tolist(), targets.tolist()]
    batches = bucket_batches(
        sides[0], targets=sides[1], batch_size=40, batch_tokens=budget, seed=3, shuffle=True
    )
    for side in sides:
        padded = sum(len(batch) * max(side[n] for n in batch) for batch in batches)
        assert padded < 1.1 * sum(side)  # 1.2 if sorted by the sum of both


def test_equal_lengths_are_shuffled_too() -> None:
    batches = bucket_batches([7] * 64, batch_size=8, seed=3, shuffle=True)
    assert sorted(map(sorted, batches)) != [list(range(n, n + 8)) for n in range(0, 64, 8)]


def test_no_examples_no_batches() -> None:
    assert bucket_batches([], batch_size=8, shuffle=True) == []


@given(total=st.integers(1, 300), size=st.integers(1, 20))
@settings(deadline=None)
def test_columns_are_contiguous_text(total, size) -> None:
    stream = torch.arange(total)
    if total < size:
        with pytest.raises(UserError, match=f"{total} tokens.*batch_size={size}"):
            to_columns(stream, size)
        return
    laid = to_columns(stream, size)
    assert laid.shape == (size, total // size)
    assert torch.equal(laid.reshape(-1), stream[: laid.numel()])
    assert total - laid.numel() < size


@given(
    total=st.integers(0, 3000),
    bptt=st.integers(1, 80),
    random=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=80)
def test_windows_cover_the_columns_exactly(total, bptt, random, seed) -> None:
    lengths = window_lengths(total, bptt, random, seed, 0)
    assert sum(lengths) == total
    assert all(length >= min(5, bptt) for length in lengths[:-1])
    if not random:
        assert set(lengths[:-1]) <= {bptt}
    assert lengths == window_lengths(total, bptt, random, seed, 0)


def test_random_windows_have_the_published_distribution() -> None:
    lengths = torch.tensor(
        window_lengths(700_000, 70, True, seed=1, epoch=0)[:-1], dtype=torch.float64
    )
    near_full = lengths > 52.5
    assert 0.94 < near_full.double().mean() < 0.96
    assert 69 < lengths[near_full].mean() < 70.5
    assert 4.8 < lengths[near_full].std() < 5.2
    assert 33 < lengths[~near_full].mean() < 36.5
    assert window_lengths(7000, 70, True, 1, 0) != window_lengths(7000, 70, True, 1, 1)


def test_collate_pads_on_the_right() -> None:
    tokens = collate([[4, 5, 6], [7]], pad_id=9)
    assert tokens.ids.tolist() == [[4, 5, 6], [7, 9, 9]]
    assert tokens.lengths.tolist() == [3, 1]
    assert tokens.mask is not None
    assert tokens.mask.tolist() == [[True, True, True], [True, False, False]]
    assert tokens.ids.dtype == torch.long


def test_collate_knows_that_nothing_is_padded() -> None:
    tokens = collate([[4, 5], [7, 8]], pad_id=0)
    assert tokens.full
    assert tokens.mask is None
