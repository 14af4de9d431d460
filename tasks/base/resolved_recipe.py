"""The recipe of a run with its cutting of texts as it was settled from the data, so that it repeats the run."""

from typing import TypeVar

from nlpseq.data.text_pipeline import TextPipeline
from nlpseq.recipe import Recipe

RecipeT = TypeVar("RecipeT", bound=Recipe)


def with_cutting(recipe: RecipeT, pipeline: TextPipeline) -> RecipeT:
    """Return the recipe with `data.pretokenized` and `tokenization.split` in place of their defaults.

    Args:
        recipe: as it was given.
        pipeline: learnt by `prepare`.
    """
    data, tokenization = recipe.data, recipe.tokenization
    if data.pretokenized is None:
        data = data.model_copy(update={"pretokenized": pipeline.pretokenized})
    # A vocabulary that comes from elsewhere brings its cutting.
    own = tokenization.path is None and not _starts_from_a_run(recipe)
    words = tokenization.kind == "word" and tokenization.split is None
    if own and words and pipeline.raw is not None and not pipeline.pretokenized:
        tokenization = tokenization.model_copy(update={"split": pipeline.raw.rule})
    return recipe.model_copy(update={"data": data, "tokenization": tokenization})


def _starts_from_a_run(recipe: Recipe) -> bool:
    sections = (recipe.encoder, getattr(recipe, "objective", None))
    return any(getattr(section, "init_from", None) is not None for section in sections)
