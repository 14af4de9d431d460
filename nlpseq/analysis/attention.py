"""Every attention of a model as the same thing: rows of weights over the tokens of a text.

A decoder's over its source, a pooling's over a text, and that of each head of a Transformer become answers in
the form of `attention_maps`, with a `name` beside. The first two are what predictors tell. The last is read off
while the model runs: `Recorder` sees each call of torch's own attention, so that no layer has to keep what it
computes in one fused step.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nlpseq.data.batch import Reading
from nlpseq.models.model import Model
from nlpseq.reporting.highlight import Answer


class Recorder(TorchFunctionMode):
    """Within it, the weights of each call of `scaled_dot_product_attention` are kept.

    Attributes:
        weights: (B, N, T, S) of each call, in their order.
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
        """Let the call be, but compute its weights too."""
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
    """softmax(Q K' / sqrt(D)) (..., T, S).  Vaswani et al. (2017), equation 1; arguments are torch's.

    Without dropout; grouped queries are not known here.
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


def attended(predictor: Any, text: str) -> list[Answer]:
    """All that a model attends to in one text.

    Args:
        predictor: of any task, as `nlpseq.load` gives it.
        text: raw.

    Returns:
        answers of `attention_maps` with their `name`; none where nothing attends.
    """
    if hasattr(predictor, "attention"):
        found: list[Answer] = [{"name": "decoder", **predictor.attention([text])[0]}]
    else:
        found = _pooled(predictor.predict([text])[0])
    return found + self_attended(predictor.model, predictor.read([text]))


def self_attended(model: Model[Any], reading: Reading) -> list[Answer]:
    """The attention of each layer and head of an encoder, over the first text."""
    with torch.no_grad(), Recorder() as recorder:
        model.eval().encode(reading.tokens)
    tokens = reading.spelt[0]
    return [
        {
            "name": f"layer {layer}, head {head}",
            "text": " ".join(tokens),
            "output": "",
            "source_tokens": tokens,
            "output_tokens": tokens,
            "weights": rows[: len(tokens), : len(tokens)].tolist(),
        }
        for layer, weights in enumerate(recorder.weights, 1)
        for head, rows in enumerate(weights[0], 1)
    ]


def _pooled(answer: Answer) -> list[Answer]:
    """A classification as one row of weights; of a hierarchical network another, of its sentences."""
    if "weights" not in answer:
        return []
    one = {"text": answer["text"], "output": str(answer["label"])}
    tokens = {"source_tokens": answer["tokens"], "weights": [answer["weights"]]}
    found: list[Answer] = [
        {"name": "pooling", **one, **tokens, "output_tokens": [str(answer["label"])]}
    ]
    if "sentence_weights" in answer:
        sentences = {"source_tokens": answer["sentences"], "weights": [answer["sentence_weights"]]}
        found.append({"name": "sentences", **one, **sentences, "output_tokens": [answer["label"]]})
    return found
