"""Embeddings from their configuration."""

from torch import nn

from nlpseq.layers.characters import CharacterCNN, CharacterEncoder, CharacterLSTM
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.recipe import EmbeddingConfig

NO_CASING = 0  # the class of padding


def build_embedding(
    config: EmbeddingConfig,
    *,
    vocab_size: int,
    pad_id: int,
    unk_id: int,
    num_characters: int = 0,
    num_casings: int = 0,
    extension_size: int = 0,
) -> Embedding:
    """A fresh embedding; pretrained vectors are not in it yet (see `TokenEmbedding.load`).

    Args:
        config: the recipe's `[embedding]` section.
        vocab_size: rows of the trained table, so of an output layer that is tied to it.
        pad_id: the token that fills rows up.
        unk_id: the unknown token.
        num_characters: of the character table, where the recipe asks for characters.
        num_casings: classes of casing, where the recipe asks for casing.
        extension_size: vectors behind the trained table.

    Raises:
        UserError: characters = 'lstm' with an odd character_size.
    """
    tokens = TokenEmbedding(
        vocab_size,
        config.dim,
        pad_id=pad_id,
        unk_id=unk_id,
        embedding_dropout=config.embedding_dropout,
        word_dropout=config.word_dropout,
        frozen=config.frozen,
        extension_size=extension_size,
    )
    casing = None
    if config.casing_dim:
        casing = nn.Embedding(num_casings, config.casing_dim, padding_idx=NO_CASING)
    return Embedding(tokens, _characters(config, num_characters), casing, dropout=config.dropout)


def _characters(config: EmbeddingConfig, num_characters: int) -> CharacterEncoder | None:
    sizes = (num_characters, config.character_dim, config.character_size)
    if config.characters == "cnn":
        width, dropout = config.character_width, config.character_dropout
        return CharacterCNN(*sizes, width=width, dropout=dropout)
    if config.characters == "lstm":
        return CharacterLSTM(*sizes, dropout=config.character_dropout)
    return None
