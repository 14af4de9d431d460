import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from nlpseq.data.batch import CharacterFeatures, Tokens
from nlpseq.layers.characters import CharacterCNN
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.token_embedding import TokenEmbedding

TOKENS = Tokens(
    ids=torch.tensor([[5, 6, 5], [7, 5, 0]]),
    lengths=torch.tensor([3, 2]),
    characters=CharacterFeatures(
        rows=torch.tensor([[0, 1, 0], [2, 0, 0]]),
        ids=torch.tensor([[2, 3, 0], [4, 0, 0], [3, 3, 5]]),
    ),
    casing=torch.tensor([[1, 2, 1], [3, 1, 0]]),
)


def table(dim: int = 8) -> TokenEmbedding:
    torch.manual_seed(0)
    return TokenEmbedding(20, dim, pad_id=0, unk_id=1)


def whole(**options: float) -> Embedding:
    return Embedding(table(), CharacterCNN(6, 3, 4), nn.Embedding(4, 2, padding_idx=0), **options)


def test_tokens_alone_are_the_tables_rows() -> None:
    embedding = Embedding(table(), dropout=0.5).eval()
    assert embedding.dim == 8
    assert torch.equal(embedding(TOKENS), embedding.tokens(TOKENS.ids))
    assert torch.equal(embedding.lookup(torch.tensor([3, 4])), embedding.tokens.weight[[3, 4]])


def test_parts_are_concatenated() -> None:
    embedding = whole().eval()
    vectors = embedding(TOKENS)
    assert vectors.shape == (2, 3, embedding.dim) == (2, 3, 8 + 4 + 2)
    assert torch.equal(vectors[..., :8], embedding.tokens(TOKENS.ids))
    assert torch.equal(vectors[..., 12:], embedding.casing(TOKENS.casing))
    for row, place, spelt in [(0, 0, [2, 3]), (0, 1, [4]), (1, 0, [3, 3, 5]), (1, 1, [2, 3])]:
        alone = embedding.characters(torch.tensor([spelt]))[0]
        torch.testing.assert_close(vectors[row, place, 8:12], alone)


def test_words_of_several_batches_are_read_once(monkeypatch) -> None:
    embedding, tables = whole().eval(), []
    read = embedding.characters.forward
    monkeypatch.setattr(embedding.characters, "forward", lambda c: tables.append(c) or read(c))
    batches = [TOKENS.select_rows(slice(0, 1)), TOKENS.select_rows(slice(1, 2))]
    found = [embedding(one) for one in embedding.encode_words(batches)]
    assert len(tables) == 1
    torch.testing.assert_close(torch.cat(found), embedding(TOKENS))
    plain = Embedding(table())
    assert plain.encode_words(batches) == batches
    assert embedding.encode_words([]) == []
    with pytest.raises(ValueError, match="reads characters"):
        embedding.encode_words([replace(TOKENS, characters=None)])


def test_a_word_that_occurs_often_gets_the_gradient_of_all_its_positions() -> None:
    embedding = whole()
    embedding(TOKENS)[TOKENS.mask].sum().backward()
    shared = embedding.characters.table.weight.grad.clone()
    embedding.zero_grad()
    words = TOKENS.characters.rows.flatten()
    each_token_a_word = CharacterFeatures(
        rows=torch.arange(6).view(2, 3), ids=TOKENS.characters.ids[words]
    )
    apart = replace(TOKENS, characters=each_token_a_word)
    embedding(apart)[TOKENS.mask].sum().backward()
    torch.testing.assert_close(embedding.characters.table.weight.grad, shared)
    assert shared.abs().sum() > 0


def test_dropout_is_locked_over_time_and_applies_to_every_part() -> None:
    embedding = Embedding(table(300), None, nn.Embedding(4, 100), dropout=0.3).train()
    nn.init.ones_(embedding.tokens.weight)
    nn.init.ones_(embedding.casing.weight)
    ids = torch.randint(2, 20, (6, 9))
    vectors = embedding(replace(Tokens.unpadded(ids), casing=torch.ones_like(ids)))
    assert torch.equal(vectors, vectors[:, :1].expand_as(vectors))
    assert not torch.equal(vectors[0], vectors[1])
    for part in (vectors[:, 0, :300], vectors[:, 0, 300:]):
        assert math.isclose((part == 0).float().mean().item(), 0.3, abs_tol=0.06)
    assert math.isclose(vectors.max().item(), 1 / 0.7, rel_tol=1e-5)


def test_missing_features_are_named() -> None:
    embedding = whole()
    with pytest.raises(ValueError, match="reads characters"):
        embedding(replace(TOKENS, characters=None))
    with pytest.raises(ValueError, match="reads casing"):
        embedding(replace(TOKENS, casing=None))
    with pytest.raises(TypeError, match="needs more than ids"):
        embedding.lookup(torch.tensor([3]))
