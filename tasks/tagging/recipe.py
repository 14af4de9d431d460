"""Recipe sections of sequence tagging."""

from typing import Literal, Self

from pydantic import Field, model_validator

from nlpseq.recipe import DataConfig, Names, Section

from ..base.text_recipe import LabelRecipe


class TaggedDataConfig(DataConfig):
    """Words with tags, or texts with spans by offset."""

    tag_names: Names = Field(
        (), description="names of tags that the data give as numbers, in their order, from 0"
    )
    sentence_id: str | None = Field(
        None,
        description="tables with one token in a row: column that numbers the sentences, in every row or in the first "
        "of each",
    )
    offsets: Literal["auto", "characters", "bytes", "utf16"] = Field(
        "auto",
        description="unit of the offsets of spans; auto: characters, refused if another unit fits better",
    )
    nested_spans: Literal["outer", "error"] = Field(
        "outer",
        description="spans that overlap: only the outer (longest) one is kept, or an error",
    )


class TaggerConfig(Section):
    """The head of a tagger: CRF or softmax, and the tag scheme."""

    kind: Literal["crf", "softmax"] = Field(
        "crf", description="softmax: each tag on its own, then the best path that the scheme allows"
    )
    scheme: Literal["auto", "BIO", "BIOES", "none"] = Field(
        "auto",
        description="scheme in which spans are learnt, whatever that of the data; none: tags that are no "
        "spans, such as parts of speech; auto: BIOES for spans (BIO for fewer than 5,000 sentences), else none",
    )
    calibrate: bool = Field(
        False,
        description="divide scores by a temperature that is chosen on validation after training, so that confidences "
        "are calibrated; tags stay the same. Evaluation computes confidences too",
    )


class TaggingRecipe(LabelRecipe):
    """A recipe of sequence tagging."""

    data: TaggedDataConfig = TaggedDataConfig()
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
