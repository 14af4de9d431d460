"""A plain language model in torch, for comparison with nlpseq's.

`nn.Embedding`, `nn.LSTM`, `nn.Linear`, `F.cross_entropy` on the logits of the whole window,
`clip_grad_norm_`, an optimizer of `torch.optim`: the usual example, not slowed down. It reads its columns time-first,
which is faster in `nn.LSTM` than batch-first, waits for the loss of each step (as training has to, to notice a NaN),
and generates token by token through the same `nn.LSTM`.
"""

import math
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, Tensor]


class PlainLanguageModel(nn.Module):
    """An embedding, an LSTM and a linear layer.

    Args:
        vocab_size: V.
        embedding_dim: E.
        hidden_size: H.
        num_layers: L.
        tied: the linear layer shares the embedding's table; E must equal H.
    """

    def __init__(
        self, vocab_size: int, embedding_dim: int, hidden_size: int, num_layers: int, tied: bool
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_size, num_layers)
        self.linear = nn.Linear(hidden_size, vocab_size)
        if tied:
            self.linear.weight = self.embedding.weight

    def forward(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return logits (T, B, V) of the next tokens after ids (T, B), and the next state (L, B, H)."""
        outputs, state = self.lstm(self.embedding(ids), state)  # (T, B, H)
        logits: Tensor = self.linear(outputs)
        return logits, state


def train(
    model: PlainLanguageModel,
    inputs: Tensor,
    targets: Tensor,
    *,
    window: int,
    optimizer: str,
    learning_rate: float,
    clip_norm: float,
) -> tuple[list[float], float]:
    """Train one epoch over contiguous columns, window by window.

    Args:
        model: trained in place.
        inputs: (N, B) token ids, one contiguous text in each column.
        targets: (N, B) the token after each.
        window: tokens of a window.
        optimizer: sgd or adam.
        learning_rate: of the optimiser.
        clip_norm: largest gradient norm.

    Returns:
        The clock after each step, in seconds, and the mean loss in nats.
    """
    makers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    updates = makers[optimizer](model.parameters(), lr=learning_rate)
    model.train()
    state, clock, losses = None, [], []
    for ids, following in zip(inputs.split(window), targets.split(window), strict=True):
        updates.zero_grad()
        if state is not None:
            state = (state[0].detach(), state[1].detach())
        logits, state = model(ids, state)
        loss = F.cross_entropy(logits.flatten(0, 1), following.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        updates.step()
        losses.append(loss.item())
        clock.append(time.perf_counter())
    return clock, math.fsum(losses) / len(losses)


@torch.no_grad()
def generate(model: PlainLanguageModel, start_id: int, length: int) -> Iterator[int]:
    """Sample a text of `length` tokens after `start_id`, calling the LSTM on one token at a time."""
    model.eval()
    ids, state = torch.tensor([[start_id]]), None
    for _ in range(length):
        logits, state = model(ids, state)
        ids = torch.multinomial(logits[0].softmax(dim=1), 1)  # (1, 1)
        yield int(ids.item())
