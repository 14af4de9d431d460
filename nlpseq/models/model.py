"""The model that each task trains: `Model(embedding, encoder, head)`."""

from typing import Generic, TypeVar

from torch import nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.types import EncoderOutput, State

Head = TypeVar("Head", bound=nn.Module)


class Model(nn.Module, Generic[Head]):
    """An embedding, an encoder of its vectors, and the task's head on the encoder's outputs."""

    def __init__(self, embedding: Embedding, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.head = head

    def encode(self, tokens: Tokens, state: State | None = None) -> EncoderOutput:
        """Encode tokens after `state` (None: the initial one): outputs (B, T, H) and the next state."""
        encoded: EncoderOutput = self.encoder(self.embedding(tokens), tokens.mask, state)
        return encoded


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Count trained parameters, in total and by part; shared parameters count in the first part."""
    seen: set[int] = set()
    counts = {}
    for name, part in model.named_children():
        own = [p for p in part.parameters() if p.requires_grad and id(p) not in seen]
        seen.update(id(p) for p in own)
        counts[name] = sum(p.numel() for p in own)
    return {"total": sum(counts.values()), **counts}
