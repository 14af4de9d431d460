"""Options of decoding are checked against the recipe, and passed to each search."""

from typing import Any

import numpy as np
import pytest
import torch
from nlpseq.tasks.base.decoding_config import (
    beam_options,
    build_generator,
    override_decoding,
    sampling_options,
)
from nlpseq.tasks.language_modeling.recipe import LanguageModelingRecipe
from nlpseq.tasks.seq2seq.recipe import Seq2SeqRecipe
from small import CPU

from nlpseq.errors import UserError
from nlpseq.recipe import Recipe, validate

RECIPES: list[Recipe] = [
    validate(LanguageModelingRecipe, {"task": "language_modeling"}, "test"),
    validate(Seq2SeqRecipe, {"task": "translation", "decoding": {"method": "sample"}}, "test"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.task)
def test_options_replace_those_of_the_recipe(recipe: Recipe) -> None:
    config = override_decoding(recipe, {"top_k": 3, "max_new_tokens": 7}, "generate").decoding
    assert type(config) is type(recipe.decoding)
    assert (config.top_k, config.max_new_tokens) == (3, 7)
    assert config.model_copy(update={"top_k": 0, "max_new_tokens": 100}) == recipe.decoding
    assert override_decoding(recipe, {}, "generate").decoding == recipe.decoding


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.task)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 3}, r"options of predict: unknown key decoding\.beam"),
        ({"top_k": -1}, "top_k"),
        ({"min_new_tokens": 50, "max_new_tokens": 30}, "= 50 is above max_new_tokens = 30"),
        ({"method": "greedy", "top_k": 3}, "top_k is an option of sampling, and method = greedy"),
        ({"method": "sample", "beam_size": 3}, "beam_size is an option of beam search, and method"),
        ({"method": "beam", "temperature": 2.0}, "temperature is an option of sampling"),
    ],
)
def test_impossible_and_unused_options_are_refused(
    recipe: Recipe, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        override_decoding(recipe, options, "predict")


@pytest.mark.parametrize("schema", [LanguageModelingRecipe, Seq2SeqRecipe])
def test_lengths_are_checked_with_the_recipe_before_any_training(schema: type[Recipe]) -> None:
    document = {"task": "x", "decoding": {"min_new_tokens": 50, "max_new_tokens": 30}}
    with pytest.raises(UserError, match=r"decoding.* = 50 is above max_new_tokens = 30"):
        validate(schema, document, "test")


def test_every_option_reaches_its_search() -> None:
    options = {
        "max_new_tokens": 9,
        "min_new_tokens": 2,
        "no_repeat_ngram": 3,
        "temperature": 0.5,
        "top_k": 4,
        "top_p": 0.8,
        "beam_size": 6,
        "length_penalty": "wu",
        "length_alpha": 0.7,
        "coverage_penalty": 0.1,
        "early_stopping": "heuristic",
    }
    document = {"task": RECIPES[1].task, "decoding": options}
    config = validate(type(RECIPES[1]), document, "test").decoding
    sampling, beam = sampling_options(config), beam_options(config, num_return=2)
    assert not sampling.greedy
    names = {"length_alpha": "alpha"}
    for key, value in options.items():
        name = names.get(key, key)
        searches = [search for search in (sampling, beam) if hasattr(search, name)]
        assert searches, key
        assert all(getattr(search, name) == value for search in searches), key
    assert beam.num_return == 2
    assert sampling_options(config.model_copy(update={"method": "greedy"})).greedy


def test_a_seed_makes_draws_repeatable() -> None:
    first, second = (torch.rand(3, generator=build_generator(5, CPU)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(3, generator=build_generator(np.int64(5), CPU)), first)
    assert not torch.equal(torch.rand(3, generator=build_generator(None, CPU)), first)
    for wrong in (-1, 2**63, 1.5, "x"):
        with pytest.raises(UserError, match="write a whole number from 0"):
            build_generator(wrong, CPU)  # type: ignore[arg-type]
