"""Scheduled sampling: in training a decoder reads gold tokens, or sometimes its own.

Teacher forcing always gives the gold token. Scheduled sampling (Bengio et al. 2015) tosses a coin for each token,
and gives a token that the model chose if the coin says so. In sequential mode each token is chosen after all that
the model has read so far. In parallel mode (Duckworth et al. 2019) a first pass over gold tokens says what the
model would choose at every position, and a further pass, which is learnt from, reads the mixture: about two
forward passes instead of a loop. With one such pass this is the form of Mihaylova and Martins (2019), whose first
pass is not differentiated either.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.layers.draw import draw
from nlpseq.models.decoder import Decoder, DecoderOutput, Memory, concatenate_steps
from nlpseq.types import State

from .decoding import run_decoder, shift_right
from .recipe import ScheduledSamplingConfig

ChooseTokens = Callable[[DecoderOutput], Tensor]


def decode(
    decoder: Decoder,
    memory: Memory,
    state: State,
    target: Tokens,
    bos_id: int,
    config: ScheduledSamplingConfig,
    ratio: float,
    forbidden: Sequence[int] = (),
) -> DecoderOutput:
    """Run the decoder over a target as training does.

    Args:
        decoder: decoder to train.
        memory: memory of B sentences.
        state: first state, from `decoder.start`.
        target: gold ids (B, T), the end included.
        bos_id: input before the first token.
        config: how the model's own tokens are chosen.
        ratio: probability that an input is the gold token.
        forbidden: ids that no text contains; the model does not choose them.
    """
    gold = shift_right(target.ids, bos_id)  # (B, T)
    if ratio == 1:
        return run_decoder(decoder, gold, memory, state, target.lengths)

    def own_tokens(decoded: DecoderOutput) -> Tensor:
        log_probs = decoder.log_probs(decoded, memory)  # (B, T, V + X)
        for token in forbidden:  # a list as index would be copied to the device
            log_probs[:, :, token] = -torch.inf
        if config.choose == "argmax":
            return log_probs.argmax(2)
        return draw(log_probs)

    if config.mode == "sequential":
        return _decode_stepwise(decoder, gold, memory, state, own_tokens, ratio)
    inputs = gold
    for _ in range(config.passes):
        with torch.no_grad():
            own = own_tokens(run_decoder(decoder, inputs, memory, state, target.lengths))
        # Some versions of torch keep what autocast has cast here, without a gradient (pytorch/pytorch#112583).
        torch.clear_autocast_cache()
        inputs = _mix(gold, shift_right(own, bos_id), ratio)
    return run_decoder(decoder, inputs, memory, state, target.lengths)


def _decode_stepwise(
    decoder: Decoder,
    gold: Tensor,
    memory: Memory,
    state: State,
    own_tokens: ChooseTokens,
    ratio: float,
) -> DecoderOutput:
    steps: list[DecoderOutput] = []
    ids = gold[:, 0]
    for following in [*gold.unbind(1)[1:], None]:
        vectors = decoder.embedding(Tokens.unpadded(decoder.readable(ids).unsqueeze(1)))
        steps.append(decoder.decode_step(vectors.squeeze(1), memory, state))
        state = steps[-1].state
        if following is not None:
            with torch.no_grad():
                own = own_tokens(steps[-1]).squeeze(1)
            ids = torch.where(_toss_coins(own, ratio), following, own)
    return concatenate_steps(steps)


def _mix(gold: Tensor, own: Tensor, ratio: float) -> Tensor:
    """Replace gold tokens by the model's own, with a coin for each but the beginning of text."""
    mixed = torch.where(_toss_coins(gold, ratio), gold, own)
    return torch.cat([gold[:, :1], mixed[:, 1:]], dim=1)


def _toss_coins(like: Tensor, ratio: float) -> Tensor:
    """Return True, for gold, with probability `ratio`: a coin for each token."""
    return torch.rand(like.shape, device=like.device) < ratio
