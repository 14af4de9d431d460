"""The same model for both sides of a benchmark: any sizes, random text, equal weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from datasets import Dataset
from nlpseq.tasks.language_modeling.model import LanguageModel
from nlpseq.tasks.language_modeling.recipe import LanguageModelingRecipe
from nlpseq.tasks.language_modeling.task import LanguageModeling
from plain_language_model import PlainLanguageModel

from nlpseq.data.split import Split
from nlpseq.recipe import validate

SEED = 13


@dataclass(frozen=True)
class Shape:
    """The sizes of a model; an embedding size of 0 means `hidden_size`."""

    vocabulary: int
    hidden_size: int
    layers: int
    embedding_dim: int = 0
    tied: bool = False

    @property
    def inputs(self) -> int:
        """Return the components of a token's vector."""
        return self.embedding_dim or self.hidden_size

    def task(self, kind: str, **training: Any) -> LanguageModeling:
        """Build a task of nlpseq with a vocabulary of exactly this size."""
        document = {
            "task": "language_modeling",
            "seed": SEED,
            "tokenization": {"kind": kind, "add_eos": False, "vocabulary_size": self.vocabulary},
            "embedding": {"dim": self.inputs},
            "encoder": {"hidden_size": self.hidden_size, "num_layers": self.layers},
            "head": {"tied": self.tied},
            "training": training,
        }
        task = LanguageModeling(validate(LanguageModelingRecipe, document, "of the benchmark"))
        separator = " " if kind == "word" else ""
        task.prepare({"train": text_split(separator.join(words(kind, self.vocabulary)))})
        assert len(task.tokenizer) == self.vocabulary
        return task

    def plain(self, model: LanguageModel) -> PlainLanguageModel:
        """Build the plain model with the weights of nlpseq's model."""
        plain = PlainLanguageModel(
            self.vocabulary, self.inputs, self.hidden_size, self.layers, self.tied
        )
        ours = model.state_dict()
        renamed = {
            f"lstm.{name}_l{layer}": ours[f"encoder.layers.{layer}.cells.0.{name}"]
            for layer in range(self.layers)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        renamed["embedding.weight"] = ours["embedding.tokens.weight"]
        renamed["linear.weight"], renamed["linear.bias"] = ours["head.weight"], ours["head.bias"]
        plain.load_state_dict(renamed)
        return plain


def words(kind: str, vocabulary: int) -> list[str]:
    """Return as many words or characters as leave room for the four special tokens."""
    if kind == "word":
        return [f"w{rank}" for rank in range(vocabulary - 4)]
    return [chr(ord("!") + rank) for rank in range(vocabulary - 4)]


def text_split(text: str) -> Split:
    """Build a train split with one text."""
    return Split("train", Dataset.from_dict({"text": [text]}), "random tokens")


def zipf_split(vocabulary: int, length: int) -> Split:
    """Draw `length` random words; the probability of rank r is proportional to 1 / (r + 2.7)."""
    known = words("word", vocabulary)
    weights = 1 / (torch.arange(len(known)) + 2.7)
    rng = torch.Generator().manual_seed(SEED)
    drawn = torch.multinomial(weights, length, replacement=True, generator=rng)
    return text_split(" ".join(known[rank] for rank in drawn.tolist()))


def medians(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each figure over the turns."""
    return {name: median(turn[name] for turn in turns) for name in turns[0]}
