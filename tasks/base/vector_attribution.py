"""Contributions of tokens to the outputs of a model of whole texts, or of pairs of texts."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.features import Features
from nlpseq.data.text_pipeline import TextPipeline

from .vector_model import VectorModel

ATTRIBUTION_METHODS = {
    "gradients": "integrated gradients",
    "leave-one-out": "leave-one-out",
}
"""Methods of `explain`, and their names in predictions."""
FREQUENT = 1000
"""Tokens whose average vector is a baseline of integrated gradients."""


def output_score(
    model: VectorModel, vectors: Sequence[Tensor], sides: Sequence[Tokens], weights: Tensor
) -> Tensor:
    """Score texts, or pairs of texts, by the vectors of their tokens: the sum of the weighted outputs.

    Args:
        model: of whole texts.
        vectors: (B, T, D) for each text, read by the encoder in place of the embedding of its tokens.
        sides: the tokens of each text, which give mask and sentences.
        weights: (B, K) of the outputs.

    Returns:
        (B,)
    """
    first, *second = [
        model.encoder(part, tokens.mask).outputs
        for part, tokens in zip(vectors, sides, strict=True)
    ]
    tokens = replace(sides[0], second=sides[1] if second else None)
    logits = model.head(first, tokens, *second).logits  # (B, K)
    score: Tensor = (logits * weights).sum(1)
    return score


class VectorAttribution:
    """Computes contributions of tokens.

    Args:
        pipeline: of the model.
        collator: makes batches of features.
        model: in evaluation mode.
        device: of the model.
    """

    def __init__(
        self,
        pipeline: TextPipeline,
        collator: FeatureCollator,
        model: VectorModel,
        device: torch.device,
    ) -> None:
        self.pipeline = pipeline
        self.collator = collator
        self.model = model
        self.device = device

    def attribute(
        self, features: Sequence[Features], weights: Tensor, method: str
    ) -> list[list[list[float]]]:
        """Return the attributions of a batch.

        Args:
            features: of the texts or pairs.
            weights: (B, K): each row explains the sum of its outputs with these weights.
            method: a key of `ATTRIBUTION_METHODS`.

        Returns:
            For each row one list of attributions of tokens, or two for a pair.
        """
        batch = self.collator.collate(features).to(self.device)
        sides = [replace(batch, second=None), *([batch.second] if batch.second else [])]
        weights = weights.to(self.device)
        vectors = []
        for tokens in sides:
            with torch.no_grad():
                embedded = self.model.embedding(tokens)
            vectors.append(_without_padding(embedded, tokens))
        compute = self._by_gradients if method == "gradients" else self._by_leaving_out
        values = [side.tolist() for side in compute(vectors, sides, weights)]
        return [
            [side[row][: len(text)] for side, text in zip(values, texts.sides, strict=True)]
            for row, texts in enumerate(features)
        ]

    def _by_gradients(
        self, vectors: Sequence[Tensor], sides: Sequence[Tokens], weights: Tensor
    ) -> list[Tensor]:
        """Integrate gradients of all texts of a row at once: attributions (B, T) for each text."""
        from nlpseq.analysis.attribution import integrated_gradients

        lengths = [part.size(1) for part in vectors]

        def row_scores(scaled: Tensor, rows: Tensor) -> Tensor:
            selected = [tokens.select_rows(rows) for tokens in sides]
            return output_score(self.model, scaled.split(lengths, 1), selected, weights[rows])

        joined = torch.cat([*vectors], dim=1)  # (B, T of all texts, D)
        parts = []
        for vector in self.baseline_vectors:
            baselines = [
                _without_padding(vector.expand_as(part), tokens)
                for part, tokens in zip(vectors, sides, strict=True)
            ]
            parts.append(integrated_gradients(row_scores, joined, torch.cat(baselines, dim=1)))
        return [*torch.stack(parts).mean(0).split(lengths, 1)]

    def _by_leaving_out(
        self, vectors: Sequence[Tensor], sides: Sequence[Tokens], weights: Tensor
    ) -> list[Tensor]:
        """Leave each token out of its text; the other text of a pair stays."""
        from nlpseq.analysis.attribution import leave_one_out

        results = []
        for number in range(len(sides)):
            rows = []
            for row in range(
                len(weights)
            ):  # rows differ in what is explained, and in the other text
                kept = slice(row, row + 1)
                texts = [tokens.select_rows(kept) for tokens in sides]
                own = [part[kept] for part in vectors]

                def score(
                    part: Tensor,
                    rest: Tokens,
                    number: int = number,
                    texts: list[Tokens] = texts,
                    own: list[Tensor] = own,
                    weight: Tensor = weights[kept],
                ) -> Tensor:
                    size = len(part)
                    repeated = torch.zeros(size, dtype=torch.long, device=part.device)
                    read = [tokens.select_rows(repeated) for tokens in texts]
                    filled = [vector.expand(size, -1, -1) for vector in own]
                    read[number], filled[number] = rest, part
                    return output_score(self.model, filled, read, weight.expand(size, -1))

                rows.append(leave_one_out(score, own[number], texts[number]))
            results.append(torch.cat(rows))
        return results

    @cached_property
    def baseline_vectors(self) -> list[Tensor]:
        """The vectors (D,) that say nothing: zero, and the mean of frequent tokens.

        The vocabulary begins with frequent tokens; their frequency is about 1 / rank (Zipf's law). Zero alone
        is far from every word where characters are read.
        """
        tokenizer = self.pipeline.tokenizer
        special = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id}
        ids = [index for index in range(len(tokenizer)) if index not in special][:FREQUENT]
        words = tokenizer.vocabulary
        features = [
            Features(
                [index],
                [words[index]] if self.pipeline.spells else (),
                [0] if self.pipeline.segments else (),
            )
            for index in ids
        ]
        tokens = self.collator.collate(features).to(self.device)
        with torch.no_grad():
            vectors = self.model.embedding(tokens)[:, 0]  # (N, D)
        weights = 1 / torch.arange(2, len(ids) + 2, device=self.device)
        mean = (weights @ vectors) / weights.sum()
        return [torch.zeros_like(mean), mean]


def _without_padding(vectors: Tensor, tokens: Tokens) -> Tensor:
    """Set vectors (B, T, D) to zero at padding."""
    return vectors if tokens.mask is None else vectors.masked_fill(~tokens.mask.unsqueeze(2), 0)
