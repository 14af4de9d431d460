"""The model of a tagger: one vector for each word, and a head that scores paths of tags."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nlpseq.data import tag_schemes
from nlpseq.data.batch import Tokens
from nlpseq.layers.crf import ChainConstraints
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.taggers import CRFTagger, SoftmaxTagger, Tagger
from nlpseq.models.builders import build_encoder
from nlpseq.models.model import Model
from nlpseq.recipe import EncoderConfig

from .recipe import TaggerConfig

TaggerModel = Model[Tagger]


def build_tagger(
    embedding: Embedding,
    encoder_config: EncoderConfig,
    config: TaggerConfig,
    tags: Sequence[str],
    scheme: tag_schemes.LearntScheme | None,
    label_smoothing: float,
) -> TaggerModel:
    """Build embedding, encoder and tagger; it predicts only paths that the scheme of spans allows, if there is one."""
    encoder = build_encoder(encoder_config, embedding.dim)
    constraints = None
    if scheme is not None:
        allowed = tag_schemes.tag_constraints(tags, scheme)
        constraints = ChainConstraints(*(torch.tensor(part, device="cpu") for part in allowed))
    head: Tagger
    if config.kind == "crf":
        head = CRFTagger(encoder.output_dim, len(tags), constraints)
    else:
        head = SoftmaxTagger(encoder.output_dim, len(tags), constraints, label_smoothing)
    return Model(embedding, encoder, head)


def word_outputs(outputs: Tensor, tokens: Tokens) -> tuple[Tensor, Tensor | None]:
    """Select one vector for each word: the vector of its first token, if words are cut into pieces.

    Args:
        outputs: (B, T, H) outputs of the encoder.
        tokens: tokens that the encoder read.

    Returns:
        (B, W, H) and the mask (B, W) of real words, None where nothing is padded.
    """
    if tokens.word_starts is None:
        return outputs, tokens.mask
    mask = tokens.word_starts >= 0
    starts = tokens.word_starts.clamp(min=0).unsqueeze(2).expand(-1, -1, outputs.size(2))
    return outputs.gather(1, starts), mask  # (B, W, H)
