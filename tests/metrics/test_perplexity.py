"""Perplexity from summed statistics."""

import math

import pytest

from nlpseq.metrics.perplexity import Perplexity

METRIC = Perplexity()


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    vector = METRIC.statistics([math.log(50)] * 7, "some text")
    assert METRIC.score(vector)["perplexity"] == pytest.approx(50)


def test_sums_weigh_by_tokens_not_by_texts() -> None:
    vectors = [METRIC.statistics([1.0], "a"), METRIC.statistics([2.0] * 9, "b" * 9)]
    scores = METRIC.score([sum(part) for part in zip(*vectors, strict=True)])
    assert scores["nll_per_token"] == pytest.approx(1.9)
    assert scores["tokens"] == 10


def test_characters_and_bytes_are_counted_apart() -> None:
    scores = METRIC.score(METRIC.statistics([math.log(2)] * 6, "ééé"))
    assert scores["bits_per_character"] == pytest.approx(2)
    assert scores["bits_per_byte"] == pytest.approx(1)


def test_no_token_has_no_perplexity_and_nan_stays_nan() -> None:
    with pytest.raises(ValueError, match="no tokens"):
        METRIC.score((0.0, 0, 0, 0))
    assert math.isnan(METRIC.score((math.nan, 3, 3, 3))["perplexity"])
    assert METRIC.score((1e9, 3, 3, 3))["perplexity"] == math.inf
