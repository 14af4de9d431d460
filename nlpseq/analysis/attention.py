"""Attention weights of any model in one form: rows of weights over the tokens of a text.

They come from a decoder over its source, from attention pooling over a text, from the alignment of a pair of texts,
and from each head of a Transformer. Predictors return the first two. `Recorder` captures the last while the model
runs, at each call of torch's own attention, so that no layer has to keep the weights which its fused kernel does not
return.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nlpseq.data.batch import ModelInput
from nlpseq.layers.pairs import AlignedPair, SoftAlignment
from nlpseq.models.model import Model
from nlpseq.predictor import AttendedText, ExplainablePrediction, TextGenerator


@dataclass(frozen=True)
class AttentionMap:
    """Attention weights over one text, ready to be drawn.

    Attributes:
        name: where in the model: `decoder`, `pooling`, `sentences`, `alignment` or `layer 1, head 2`.
        text: the text.
        output: the model's output; empty for self-attention.
        rows: T tokens that attend.
        columns: S tokens that are attended to.
        weights: (T, S); each row sums to 1.
        axes: names of rows and columns, such as `query` and `key`.
        largest: top of the colour scale: the largest weight, for self-attention over all heads of the layer.
    """

    name: str
    text: str
    output: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    axes: tuple[str, str]
    largest: float

    def __post_init__(self) -> None:
        """Check that there is a weight for each pair of tokens."""
        count = len(self.rows), len(self.columns)
        if len(self.weights) != count[0] or any(len(row) != count[1] for row in self.weights):
            raise ValueError(f"attention weights do not fit {count[0]} x {count[1]} tokens")


class Recorder(TorchFunctionMode):
    """Context manager that keeps the weights of each call of `scaled_dot_product_attention`.

    Attributes:
        weights: (B, N, T, S) for each call, in their order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run the call unchanged, and compute its weights too."""
        if func is F.scaled_dot_product_attention:
            self.weights.append(attention_weights(*args, **(kwargs or {})))
        return func(*args, **(kwargs or {}))


def attention_weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Compute softmax(Q K' / sqrt(D)) (..., T, S).  Vaswani et al. (2017), equation 1.

    The arguments are those of torch. Dropout is not applied; grouped queries are not supported.
    """
    if enable_gqa:
        raise NotImplementedError("grouped queries")
    factor = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = query @ key.transpose(-2, -1) * factor
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(-1)


def attention_maps(predictor: Any, text: str | tuple[str, ...]) -> list[AttentionMap]:
    """Return every attention of a model over one text, or over a pair of texts.

    Args:
        predictor: of any task, as `nlpseq.load` returns it.
        text: raw text; for a model of pairs, two of them.

    Returns:
        The maps; none where the model has no attention.
    """
    if isinstance(predictor, TextGenerator) and isinstance(text, str):
        maps = [decoder_map(predictor.attention([text])[0])]
    else:
        maps = pooling_maps(predictor.predict([text])[0])
    model_input = predictor.read_texts([text])
    if isinstance(text, tuple):
        maps += alignment_maps(predictor, text, model_input.token_texts)
    return maps + self_attention_maps(predictor.model, model_input, len(model_input.token_texts))


def alignment_maps(
    predictor: Any, pair: tuple[str, ...], tokens: Sequence[Sequence[str]]
) -> list[AttentionMap]:
    """Return what the tokens of each text of a pair are aligned to in the other one.

    Args:
        predictor: of pairs.
        pair: two raw texts.
        tokens: of both texts.
    """
    recorded: list[AlignedPair] = []
    layers = [part for part in predictor.model.modules() if isinstance(part, SoftAlignment)]
    handles = [
        layer.register_forward_hook(lambda _layer, _inputs, output: recorded.append(output))
        for layer in layers
    ]
    try:
        prediction = predictor.predict([pair])[0]
    finally:
        for handle in handles:
            handle.remove()
    maps = []
    for aligned in recorded:
        for name, rows, columns, weights in (
            ("alignment", tokens[0], tokens[1], aligned.weights),
            ("alignment back", tokens[1], tokens[0], aligned.weights_back),
        ):
            values = weights[0, : len(rows), : len(columns)].tolist()
            maps.append(
                AttentionMap(
                    name,
                    " | ".join(pair),
                    prediction.summary(),
                    tuple(rows),
                    tuple(columns),
                    tuple(map(tuple, values)),
                    ("token", "other text"),
                    _largest(values),
                )
            )
    return maps


def decoder_map(prediction: AttendedText) -> AttentionMap:
    """Return the attention of a decoder: from each output token to the source."""
    return AttentionMap(
        "decoder",
        prediction.text,
        prediction.output,
        tuple(prediction.output_tokens),
        tuple(prediction.source_tokens),
        tuple(map(tuple, prediction.weights)),
        axes=("output", "source"),
        largest=_largest(prediction.weights),
    )


def pooling_maps(prediction: object) -> list[AttentionMap]:
    """Return the attention of a classifier: one row over tokens, one over sentences if it is hierarchical."""
    if not isinstance(prediction, ExplainablePrediction) or not prediction.weights:
        return []
    label = ", ".join(part.label for part in prediction.label_parts() if part.label)

    def row(name: str, tokens: Iterable[str], weights: Iterable[float]) -> AttentionMap:
        values = tuple(weights)
        axes = ("class", "token" if name.startswith("pooling") else "sentence")
        return AttentionMap(
            name,
            prediction.text,
            label,
            (label,),
            tuple(tokens),
            (values,),
            axes,
            _largest([values]),
        )

    maps = [row("pooling", prediction.tokens, prediction.weights)]
    if prediction.sentence_weights:
        maps.append(row("sentences", prediction.sentences, prediction.sentence_weights))
    if prediction.weights2:
        maps.append(row("pooling of text2", prediction.tokens2, prediction.weights2))
    if prediction.sentence_weights2:
        maps.append(row("sentences of text2", prediction.sentences2, prediction.sentence_weights2))
    return maps


def self_attention_maps(
    model: Model[Any], model_input: ModelInput, count: int = 1
) -> list[AttentionMap]:
    """Return the attention of each layer and head of an encoder over the first `count` texts."""
    with torch.no_grad(), Recorder() as recorder:
        model.eval().encode(model_input.tokens)
    maps = []
    for row, words in enumerate(model_input.token_texts[:count]):
        tokens = tuple(words)
        side = f" of text{row + 1}" if row else ""
        for layer, weights in enumerate(recorder.weights, 1):
            heads = weights[row, :, : len(tokens), : len(tokens)]  # (N, T, T)
            largest = float(heads.max()) if heads.numel() else 1.0
            for head, rows in enumerate(heads.tolist(), 1):
                values = tuple(map(tuple, rows))
                name = f"layer {layer}, head {head}{side}"
                maps.append(
                    AttentionMap(
                        name,
                        " ".join(tokens),
                        "",
                        tokens,
                        tokens,
                        values,
                        ("query", "key"),
                        largest,
                    )
                )
    return maps


def _largest(weights: Iterable[Iterable[float]]) -> float:
    return max((weight for row in weights for weight in row), default=0.0) or 1.0
