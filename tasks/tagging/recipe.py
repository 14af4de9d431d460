"""Recipe sections of sequence tagging."""

from typing import Literal, Self

from pydantic import Field, model_validator

from nlpseq.recipe import Section

from ..base.text_recipe import LabelRecipe


class TaggerConfig(Section):
    """The head of a tagger: CRF or softmax, and the tag scheme."""

    kind: Literal["crf", "softmax"] = Field(
        "crf", description="softmax: each tag on its own, then the best path that the scheme allows"
    )
    scheme: Literal["BIO", "BIOES"] = Field(
        "BIOES", description="tag scheme that the model learns; the data may have any other"
    )


class TaggingRecipe(LabelRecipe):
    """A recipe of sequence tagging."""

    head: TaggerConfig = TaggerConfig()

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        if (
            self.tokenization.split == "words"
        ):  # recipes of version 0.1 spell the default, whitespace
            raise ValueError(
                "tokenization.split = 'words': data with tags are already cut into tokens, and raw text is always cut "
                "into words by rule; leave it out"
            )
        return self
