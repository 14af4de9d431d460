"""The `[decoding]` section in use: check the options of a call, and hand them to a search."""

import operator
from collections.abc import Mapping
from typing import Any, TypeVar

import torch

from nlpseq.decoding.options import BeamOptions, SamplingOptions
from nlpseq.errors import UserError
from nlpseq.recipe import DecodingConfig, Recipe, validate

SAMPLING_KEYS = ("temperature", "top_k", "top_p")
BEAM_KEYS = ("beam_size", "num_return")

RecipeT = TypeVar("RecipeT", bound=Recipe)


def override_decoding(recipe: RecipeT, options: Mapping[str, Any], caller: str) -> RecipeT:
    """Return a recipe of the same schema whose `[decoding]` has these options in place of its own.

    Args:
        recipe: recipe of the model; only `decoding` is kept of it.
        options: keys of `[decoding]`.
        caller: name of the method that takes the options, for messages.

    Raises:
        UserError: an unknown option, an impossible value, or an option that the method does not use.
    """
    decoding = {**recipe.decoding.model_dump(), **options}
    document = {"task": recipe.task, "decoding": decoding}
    overridden = validate(type(recipe), document, f"options of {caller}")
    _refuse_unused(overridden.decoding, options)
    return overridden


def _refuse_unused(config: DecodingConfig, options: Mapping[str, Any]) -> None:
    method = config.method
    for key in SAMPLING_KEYS:
        changed = getattr(config, key) != type(config).model_fields[key].default
        if key in options and changed and method != "sample":
            raise UserError(
                f"{key} is an option of sampling, and method = {method}: set method = sample"
            )
    for key in BEAM_KEYS:
        if options.get(key, 1) > 1 and method != "beam":
            raise UserError(
                f"{key} is an option of beam search, and method = {method}: set method = beam"
            )


def build_generator(seed: int | None, device: torch.device) -> torch.Generator:
    """Build a random generator; its draws are repeatable if a seed is given.

    Raises:
        UserError: the seed is not an integer from 0 to 2**63 - 1.
    """
    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
        return generator
    try:
        number = operator.index(seed)  # also accepts numpy integers
    except TypeError:
        number = -1
    if not 0 <= number < 2**63:
        raise UserError(f"seed = {seed}: write a whole number from 0 to 2**63 - 1")
    return generator.manual_seed(number)


def sampling_options(config: DecodingConfig) -> SamplingOptions:
    """Return the options of greedy search and sampling in a `[decoding]` section."""
    return SamplingOptions(
        max_new_tokens=config.max_new_tokens,
        greedy=config.method == "greedy",
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
        no_repeat_ngram=config.no_repeat_ngram,
        min_new_tokens=config.min_new_tokens,
    )


def beam_options(config: DecodingConfig, num_return: int) -> BeamOptions:
    """Return the options of beam search in a `[decoding]` section, for `num_return` hypotheses."""
    return BeamOptions(
        beam_size=config.beam_size,
        max_new_tokens=config.max_new_tokens,
        num_return=num_return,
        length_penalty=config.length_penalty,
        alpha=config.length_alpha,
        coverage_penalty=config.coverage_penalty,
        no_repeat_ngram=config.no_repeat_ngram,
        min_new_tokens=config.min_new_tokens,
        early_stopping=config.early_stopping,
    )


def check_decoding(config: DecodingConfig) -> None:
    """Check the options of a `[decoding]` section for its method, before they are used after training.

    Raises:
        UserError: an option is out of range.
    """
    if config.method == "beam":
        beam_options(config, getattr(config, "num_return", 1))
    else:
        sampling_options(config)
