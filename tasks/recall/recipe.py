"""Recipe of recall: that of a language model, without windows, penalties and generated text."""

from typing import Self

from pydantic import model_validator

from ..language_modeling.recipe import LanguageModelingRecipe


class RecallRecipe(LanguageModelingRecipe):
    """A recipe of recall."""

    @model_validator(mode="after")
    def _check_windows(self) -> Self:
        windows = ("bptt_length", "random_windows", "activation_penalty", "temporal_penalty")
        reason = "sequences are read whole here, without windows"
        self.training.refuse(windows, reason, "training")
        reading = ("documents", "batch_size", "window")
        reason = "sequences are scored whole, training.batch_size at once"
        self.evaluation.refuse(reading, reason, "evaluation")
        keys = type(self.decoding).model_fields
        self.decoding.refuse(keys, "this task generates no text", "decoding")
        return self
