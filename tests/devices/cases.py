"""Layers of every kind with small sizes, as modules of tensors: inputs, a mask, and the numbers that come out."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nlpseq.layers.cells import KINDS
from nlpseq.layers.characters import CharacterCNN, CharacterLSTM
from nlpseq.layers.convolution import ConvolutionalEncoder, DilatedEncoder
from nlpseq.layers.crf import ChainConstraints
from nlpseq.layers.feedforward import build_feedforward_encoder
from nlpseq.layers.hierarchical import HierarchicalReader
from nlpseq.layers.pairs import SoftAlignment
from nlpseq.layers.pooling import build_pooling
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.recurrent_convolution import RecurrentConvolutionalEncoder
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.layers.taggers import CRFTagger, SoftmaxTagger
from nlpseq.layers.transformer import TransformerEncoder

SIZE, TAGS, WORDS = 6, 5, 23
Build = Callable[[], nn.Module]
ENCODERS: dict[str, Build] = {
    **{
        f"{cell} {layers} {'both ways' if both else 'forward'}": (
            lambda cell=cell, layers=layers, both=both: RecurrentEncoder(
                SIZE, 4, cell=cell, num_layers=layers, bidirectional=both
            )
        )
        for cell in KINDS
        for layers, both in ((1, False), (2, True))
    },
    "equations": lambda: RecurrentEncoder(SIZE, 4, kernel="equations"),
    "relu": lambda: RecurrentEncoder(SIZE, 4, cell="rnn", nonlinearity="relu", num_layers=3),
    "layer norm": lambda: RecurrentEncoder(SIZE, SIZE, normalization="layer", residual=True),
    "batch norm": lambda: RecurrentEncoder(SIZE, 4, cell="gru", normalization="batch"),
    "cnn": lambda: ConvolutionalEncoder(SIZE, 3, widths=(2, 3), num_layers=2),
    "dilated": lambda: DilatedEncoder(SIZE, 4, iterations=2),
    "rcnn": lambda: RecurrentConvolutionalEncoder(SIZE, 4, context_size=3),
    "feedforward": lambda: build_feedforward_encoder(SIZE, hidden_size=4),
    **{
        f"transformer {positions}": (
            lambda positions=positions: TransformerEncoder(
                SIZE, 8, num_heads=2, feedforward_size=8, positions=positions, max_length=32
            )
        )
        for positions in ("sinusoidal", "learned", "rotary")
    },
    "causal transformer": lambda: TransformerEncoder(
        SIZE, 8, num_heads=2, feedforward_size=8, positions="rotary", context=4
    ),
}


class Call(nn.Module):
    """A method of a layer as a module."""

    def __init__(self, layer: nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.layer = layer
        self.call = call

    def forward(self, inputs: Tensor, mask: Tensor) -> Any:
        return self.call(self.layer, inputs, mask)


def constraints() -> ChainConstraints:
    allowed = torch.eye(TAGS).bool()
    allowed[:, 0] = allowed[0] = allowed[1] = True
    start = torch.tensor([True, True, False, True, True])
    return ChainConstraints(start, allowed, torch.ones(TAGS).bool())


def reader() -> HierarchicalReader:
    words = RecurrentEncoder(SIZE, 3, bidirectional=True)
    return HierarchicalReader(words, RecurrentEncoder(6, 2, bidirectional=True), attention_size=4)


def segments(mask: Tensor) -> Tensor:
    """Sentences of three tokens."""
    return torch.arange(mask.size(1), device=mask.device).expand(mask.shape) // 3


def targets(inputs: Tensor, number: int) -> Tensor:
    return (inputs.detach()[..., 0].abs() * 100).long() % number


def call(build: Build, function: Callable[..., Any]) -> Build:
    return lambda: Call(build(), function)


def crf() -> CRFTagger:
    return CRFTagger(SIZE, TAGS, constraints())


def softmax_tagger() -> SoftmaxTagger:
    return SoftmaxTagger(SIZE, TAGS, constraints())


def adaptive() -> AdaptiveSoftmaxLayer:
    return AdaptiveSoftmaxLayer(SIZE, WORDS, cutoffs=(5, 12), div_value=2.0)


HEADS: dict[str, Build] = {
    "softmax": call(lambda: SoftmaxLayer(SIZE, WORDS), lambda h, x, m: h.log_probs(x)),
    "adaptive": call(adaptive, lambda h, x, m: h.log_probs(x.flatten(0, 1))),
    "crf decode": call(crf, lambda h, x, m: h.decode(x, m)),
    "crf n best": call(crf, lambda h, x, m: h.n_best(x, m, 3).scores),
    "crf marginals": call(crf, lambda h, x, m: h.marginals(x, m)),
    "softmax decode": call(softmax_tagger, lambda h, x, m: h.decode(x, m)),
    "softmax marginals": call(softmax_tagger, lambda h, x, m: h.marginals(x, m)),
    **{
        f"{kind} pooling": call(
            lambda kind=kind: build_pooling(kind, SIZE, bidirectional=True, attention_size=4),
            lambda h, x, m: h(x, m).vector,
        )
        for kind in ("last", "mean", "max", "attention", "concat")
    },
    "alignment": call(lambda: SoftAlignment(SIZE), lambda h, x, m: tuple(h(x, x.tanh(), m, m))),
    "hierarchical": call(
        reader, lambda h, x, m: (h(x, segments(m), m).vector, h(x, segments(m), m).word_weights)
    ),
    "character cnn": call(
        lambda: CharacterCNN(WORDS, 4, SIZE), lambda h, x, m: h(characters(x, m))
    ),
    "character lstm": call(
        lambda: CharacterLSTM(WORDS, 4, SIZE), lambda h, x, m: h(characters(x, m))
    ),
}
LOSSES: dict[str, Build] = {
    "crf loss": call(crf, lambda h, x, m: h.nll(x, targets(x, 2), m)),
    "softmax tags loss": call(softmax_tagger, lambda h, x, m: h.nll(x, targets(x, TAGS), m)),
    "softmax loss": call(
        lambda: SoftmaxLayer(SIZE, WORDS),
        lambda h, x, m: h.loss(x.flatten(0, 1), targets(x, WORDS).flatten(), 0.1),
    ),
    "adaptive loss": call(
        adaptive, lambda h, x, m: h.loss(x.flatten(0, 1), targets(x, WORDS).flatten())
    ),
}


def characters(inputs: Tensor, mask: Tensor) -> Tensor:
    """Spell a word for each row: ids from 1, 0 at padding."""
    return (1 + targets(inputs, WORDS - 1)) * mask


def data(*lengths: int) -> tuple[Tensor, Tensor]:
    """Draw inputs (B, T, D), and the mask of these lengths."""
    inputs = torch.randn(len(lengths), max(lengths), SIZE)
    return inputs, torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


def built(build: Build) -> nn.Module:
    torch.manual_seed(0)
    return build().eval()
