"""torch's own Transformer layers with the weights of nlpseq's."""

import math

import torch
from torch import Tensor, nn

from nlpseq.layers.transformer import TransformerEncoder
from nlpseq.layers.transformer_decoder import TransformerDecoderStack

SIZE, HEADS, INNER = 8, 2, 12


def encoder_twin(encoder: TransformerEncoder, activation: str) -> nn.TransformerEncoder:
    """Build torch's stack with the same weights."""
    layer = nn.TransformerEncoderLayer(
        SIZE, HEADS, INNER, activation=activation, norm_first=True, batch_first=True, dropout=0.0
    )
    twin = nn.TransformerEncoder(
        layer, len(encoder.layers), norm=nn.LayerNorm(SIZE), enable_nested_tensor=False
    )
    for mine, theirs in zip(encoder.layers, twin.layers, strict=True):
        for source, target in (
            (mine.attention_norm, theirs.norm1),
            (mine.feedforward_norm, theirs.norm2),
            (mine.attention.output, theirs.self_attn.out_proj),
            (mine.feedforward[0], theirs.linear1),
            (mine.feedforward[2], theirs.linear2),
        ):
            target.load_state_dict(source.state_dict())
        theirs.self_attn.in_proj_weight.data.copy_(mine.attention.projection.weight.data)
        theirs.self_attn.in_proj_bias.data.copy_(mine.attention.projection.bias.data)
    twin.norm.load_state_dict(encoder.norm.state_dict())
    return twin


def sinusoids(length: int) -> Tensor:
    """Return positions (T, H) by the formula."""
    waves = [
        [(math.cos if i % 2 else math.sin)(t / 10000 ** (i // 2 * 2 / SIZE)) for i in range(SIZE)]
        for t in range(length)
    ]
    return torch.tensor(waves, dtype=torch.float64)


def decoder_twin(stack: TransformerDecoderStack) -> nn.TransformerDecoder:
    """Build torch's decoder layers with the same weights."""
    layer = nn.TransformerDecoderLayer(
        SIZE, HEADS, INNER, activation="gelu", norm_first=True, batch_first=True, dropout=0.0
    )
    twin = nn.TransformerDecoder(layer, len(stack.layers), norm=nn.LayerNorm(SIZE))
    for mine, theirs in zip(stack.layers, twin.layers, strict=True):
        for source, target in (
            (mine.attention_norm, theirs.norm1),
            (mine.cross_norm, theirs.norm2),
            (mine.feedforward_norm, theirs.norm3),
            (mine.attention.output, theirs.self_attn.out_proj),
            (mine.cross.output, theirs.multihead_attn.out_proj),
            (mine.feedforward[0], theirs.linear1),
            (mine.feedforward[2], theirs.linear2),
        ):
            target.load_state_dict(source.state_dict())
        for name in ("weight", "bias"):
            own = getattr(mine.attention.projection, name)
            getattr(theirs.self_attn, f"in_proj_{name}").data.copy_(own.data)
            query, both = (
                getattr(part, name) for part in (mine.cross.query, mine.cross.key_and_value)
            )
            joined = torch.cat([query.data, both.data])
            getattr(theirs.multihead_attn, f"in_proj_{name}").data.copy_(joined)
    twin.norm.load_state_dict(stack.norm.state_dict())
    return twin
