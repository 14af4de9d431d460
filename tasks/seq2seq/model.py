"""The model of translation and summarization: embedding, encoder, decoder with attention."""

import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.layers.embedding import Embedding
from nlpseq.models.builders import build_decoder, build_embedding, build_encoder
from nlpseq.models.decoder import Decoder
from nlpseq.models.model import Model

from .recipe import Seq2SeqRecipe

Seq2SeqModel = Model[Decoder]


def build_seq2seq(
    recipe: Seq2SeqRecipe, embedding: Embedding, target: Tokenizer, vocab_size: int
) -> Seq2SeqModel:
    """Build a model; both sides have one table of vectors if the recipe says so.

    Args:
        recipe: recipe of the task.
        embedding: embedding of sources.
        target: tokenizer of targets.
        vocab_size: V, tokens that an output may have.
    """
    encoder = build_encoder(recipe.encoder, embedding.dim)
    if recipe.shares_embedding:
        target_embedding = Embedding(embedding.tokens, dropout=recipe.embedding.dropout)
    else:
        config = recipe.embedding.model_copy(
            update={"characters": "none", "casing_dim": 0, "frozen": False}
        )
        target_embedding = build_embedding(
            config, vocab_size=vocab_size, pad_id=target.pad_id, unk_id=target.unk_id
        )
    decoder = build_decoder(
        recipe.decoder,
        recipe.encoder,
        encoder,
        target_embedding,
        vocab_size=vocab_size,
        tied=recipe.head.tied,
    )
    return Model(embedding, encoder, decoder)


def coverage_loss(weights: Tensor, target: Tokens) -> Tensor:
    """Sum what is attended to again: min(a_t, sum of a before t).  See et al. (2017), equation 12.

    Args:
        weights: (B, T, S) attention.
        target: target tokens (B, T).
    """
    before = weights.cumsum(dim=1) - weights  # (B, T, S)
    repeated = torch.minimum(weights, before).sum(dim=2)  # (B, T)
    return target.select_real(repeated).sum()
