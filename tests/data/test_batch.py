import torch

from nlpseq.data.batch import Batch, CharacterFeatures, CopySource, Tokens, shard
from nlpseq.data.batching import collate


def a_batch() -> Batch:
    source = collate([[1, 2, 3], [4], [5, 6]], pad_id=0)
    return Batch(source, collate([[7], [8, 9], [7]], pad_id=0), index=torch.tensor([10, 11, 12]))


def test_the_mask_is_true_at_real_tokens() -> None:
    tokens = Tokens(torch.zeros(2, 3, dtype=torch.long), torch.tensor([1, 3]))
    assert tokens.mask is not None
    assert tokens.mask.tolist() == [[True, False, False], [True, True, True]]
    assert tokens.mask is tokens.mask  # derived once
    assert Tokens.unpadded(torch.zeros(2, 3, dtype=torch.long)).mask is None


def test_unpadded_lengths() -> None:
    tokens = Tokens.unpadded(torch.arange(6).view(2, 3))
    assert tokens.lengths.tolist() == [3, 3]
    assert tokens.full


def test_rows_of_every_part() -> None:
    batch = a_batch()
    part = batch.select_rows(slice(1, None))
    assert part.size == 2
    assert part.source.ids.tolist() == [[4, 0, 0], [5, 6, 0]]
    assert part.source.lengths.tolist() == [1, 2]
    assert isinstance(part.target, Tokens)
    assert part.target.ids.tolist() == [[8, 9], [7, 0]]
    assert part.index.tolist() == [11, 12]
    labels = Batch(batch.source, torch.tensor([0, 1, 2]), batch.index).select_rows(slice(0, 1))
    assert isinstance(labels.target, torch.Tensor)
    assert labels.target.tolist() == [0]
    assert Batch(batch.source, None, batch.index).select_rows(slice(0, 1)).target is None


def test_rows_and_devices_of_every_feature() -> None:
    ids = torch.tensor([[4, 5], [6, 0]])
    words = CharacterFeatures(torch.tensor([[0, 1], [2, 0]]), torch.tensor([[2], [3], [4]]))
    copies = CopySource(ids + 10, torch.zeros(2, 3, dtype=torch.bool))
    tokens = Tokens(
        ids, torch.tensor([2, 1]), characters=words, casing=ids, segments=ids, copies=copies
    )
    second = tokens.select_rows(slice(1, 2))
    assert second.characters is not None
    assert second.characters.rows.tolist() == [[2, 0]]
    assert second.characters.ids is words.ids  # the words of the whole batch
    assert second.copies is not None
    assert second.copies.ids.tolist() == [[16, 10]]
    assert second.copies.extras.shape == (1, 3)
    assert second.casing is not None
    assert second.casing.tolist() == [[6, 0]]
    assert second.word_starts is None
    moved = tokens.to(torch.device("meta"))
    assert moved.characters is not None
    assert moved.characters.ids is not None
    assert moved.copies is not None
    parts = [moved.ids, moved.lengths, moved.casing, moved.segments, moved.characters.ids]
    parts += [moved.characters.rows, moved.copies.ids, moved.copies.extras]
    assert {part.device.type for part in parts if part is not None} == {"meta"}
    vectors = CharacterFeatures(words.rows, None, torch.ones(3, 2))
    assert vectors.to(torch.device("meta")).vectors is not None


def test_processes_share_every_row_once() -> None:
    batch = a_batch()
    for world_size in range(1, 6):
        parts = [shard(batch, rank, world_size) for rank in range(world_size)]
        counted = [int(n) for part, counts in parts if counts for n in part.index]
        assert sorted(counted) == [10, 11, 12]
        assert all(part.size >= 1 for part, _ in parts)
        assert [counts for _, counts in parts] == [rank < 3 for rank in range(world_size)]


def test_moving_keeps_everything() -> None:
    moved = a_batch().to(torch.device("cpu"))
    assert moved.source.ids.tolist() == a_batch().source.ids.tolist()
    assert moved.to(torch.device("meta")).source.ids.device.type == "meta"
    assert isinstance(moved.target, Tokens)
    assert moved.target.lengths.tolist() == [1, 2, 1]
