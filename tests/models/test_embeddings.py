import pytest
import torch

from nlpseq.layers.characters import CharacterCNN, CharacterLSTM
from nlpseq.models.builders import build_embedding
from nlpseq.recipe import EmbeddingConfig

IDS = {"vocab_size": 20, "pad_id": 0, "unk_id": 1}


def test_tokens_alone() -> None:
    config = EmbeddingConfig(dim=7, dropout=0.1, embedding_dropout=0.2, word_dropout=0.3)
    embedding = build_embedding(config, **IDS)
    assert embedding.dim == 7
    assert [name for name, _ in embedding.named_parameters()] == ["tokens.weight"]
    assert embedding.dropout.p == 0.1
    assert (embedding.tokens.embedding_dropout, embedding.tokens.word_dropout) == (0.2, 0.3)


def test_a_table_starts_from_the_same_random_numbers_with_and_without_other_parts() -> None:
    tables = []
    for characters in ("none", "cnn"):
        torch.manual_seed(3)
        config = EmbeddingConfig(dim=7, characters=characters)
        tables.append(build_embedding(config, **IDS, num_characters=9).tokens.weight)
    assert torch.equal(*tables)


@pytest.mark.parametrize(("kind", "made"), [("cnn", CharacterCNN), ("lstm", CharacterLSTM)])
def test_all_parts(kind: str, made: type) -> None:
    config = EmbeddingConfig(
        dim=7,
        frozen=True,
        characters=kind,
        character_dim=3,
        character_size=6,
        character_width=5,
        character_dropout=0.4,
        casing_dim=2,
    )
    embedding = build_embedding(config, **IDS, num_characters=9, num_casings=4, extension_size=5)
    assert embedding.dim == 7 + 6 + 2
    assert isinstance(embedding.characters, made)
    assert embedding.characters.table.weight.shape == (9, 3)
    assert embedding.characters.dropout.p == 0.4
    assert getattr(embedding.characters, "width", 5) == 5
    assert embedding.casing.weight.shape == (4, 2)
    assert embedding.tokens.extension.shape == (5, 7)
    assert not embedding.tokens.weight.requires_grad
