"""Cases by hand: rows without allowed tokens, forced prefixes, copied words, arguments that do not fit."""

import math
from typing import Any

import pytest
import torch
from slow import EOS
from torch import Tensor

from nlpseq.decoding import BeamOptions, SamplingOptions, beam_search, generate, stream
from nlpseq.errors import UserError
from nlpseq.types import State, Step


def fixed_step(probabilities: list[float]) -> Any:
    """Build a model that predicts the same distribution after every token."""
    log_probs = torch.tensor([probabilities]).log()

    def step(ids: Tensor, state: State) -> Step:
        return Step(log_probs.repeat(len(ids), 1), state)

    return step


@pytest.mark.parametrize(
    ("probabilities", "end"), [([0.1, 0.5, 0.4], math.log(0.1)), ([0.0, 0.6, 0.4], 0.0)]
)
def test_a_row_without_allowed_tokens_ends(probabilities: list[float], end: float) -> None:
    step, ids = fixed_step(probabilities), torch.tensor([1, 1])
    rule = {"eos_id": EOS, "min_lengths": [9, 9], "prefix": [[], [2]]}
    options = BeamOptions(beam_size=4, num_return=4, no_repeat_ngram=1)
    expected = math.log(probabilities[1]) + math.log(probabilities[2]) + end
    first, second = beam_search(step, ids, (), options, **rule)  # type: ignore[arg-type]
    assert sorted(h.ids for h in first) == [[1, 2], [2, 1]]
    assert [h.ids for h in second] == [[2, 1]]
    assert [h.log_prob for h in first + second] == pytest.approx([expected] * 3)
    for greedy in (True, False):
        sampling = SamplingOptions(greedy=greedy, no_repeat_ngram=1)
        texts = generate(step, ids, (), sampling, **rule)  # type: ignore[arg-type]
        assert sorted(texts[0]) == [1, 2]
        assert texts[1] == [2, 1]


def test_a_row_without_allowed_tokens_that_cannot_end_repeats() -> None:
    step, ids = fixed_step([0.1, 0.5, 0.4]), torch.tensor([1])
    options = BeamOptions(1, 5, no_repeat_ngram=1)
    assert beam_search(step, ids, (), options, forbidden=[0])[0][0].ids == [1, 2, 1, 1, 1]
    sampling = SamplingOptions(max_new_tokens=5, no_repeat_ngram=1)
    (text,) = generate(step, ids, (), sampling, forbidden=[0])
    assert sorted(text[:2]) == [1, 2]
    assert len(text) == 5
    assert 0 not in text


def test_a_prefix_that_the_model_rules_out_ends_the_row() -> None:
    step, ids = fixed_step([0.2, 0.8, 0.0]), torch.tensor([1])
    rule: dict[str, Any] = {"eos_id": EOS, "prefix": [[1, 2, 1]]}
    (found,) = beam_search(step, ids, (), BeamOptions(3, num_return=3), **rule)
    assert [h.ids for h in found] == [[1]]
    assert found[0].log_prob == pytest.approx(math.log(0.8) + math.log(0.2))
    for greedy in (True, False):
        assert generate(step, ids, (), SamplingOptions(greedy=greedy), **rule) == [[1]]


def test_a_forced_prefix_has_the_log_probability_of_the_model() -> None:
    step, ids = fixed_step([0.1, 0.2, 0.3, 0.4]), torch.tensor([1])
    options = BeamOptions(2, length_penalty="average")
    rule: dict[str, Any] = {"eos_id": EOS, "forbidden": [1], "prefix": [[1, 1, 2, EOS]]}
    ((best,),) = beam_search(
        step, ids, (), options, **rule
    )  # forced to its end: the score of a text
    assert best.ids == [1, 1, 2]
    assert best.log_prob == pytest.approx(2 * math.log(0.2) + math.log(0.3) + math.log(0.1))
    assert best.score == pytest.approx(best.log_prob / 4)
    greedy = SamplingOptions(greedy=True, max_new_tokens=5)
    rule["prefix"] = [[1, 1, 2]]
    assert generate(step, ids, (), greedy, **rule) == [[1, 1, 2, 3, 3]]
    cut = generate(step, ids, (), greedy, max_lengths=[2], **rule)
    assert cut == [[1, 1]]


def test_columns_of_copied_words_are_chosen_only_where_a_row_has_them() -> None:
    """There are 5 words, and up to 3 columns for words of each row's source."""
    own = torch.tensor([0, 1, 2, 3])

    def step(ids: Tensor, state: State) -> Step:
        log_probs = (normal_of(ids) + torch.tensor([-2.0, 0, 0, 0, 0, 2, 2, 2])).log_softmax(dim=1)
        copied = torch.arange(8) - 5
        return Step(log_probs.masked_fill(copied >= state[0], -torch.inf), state)

    def normal_of(ids: Tensor) -> Tensor:
        return torch.sin(7.0 * ids.unsqueeze(1) + torch.arange(8.0))

    ids, state = torch.tensor([1, 2, 3, 4]), (own.unsqueeze(1),)
    prefix: list[list[int]] = [[], [], [6], []]
    rule: dict[str, Any] = {"eos_id": EOS, "prefix": prefix, "min_lengths": [4] * 4}
    beam = BeamOptions(30, 8, 30, no_repeat_ngram=2)
    results = [[h.ids for h in each] for each in beam_search(step, ids, state, beam, **rule)]
    sampling = SamplingOptions(max_new_tokens=8, no_repeat_ngram=2, top_p=0.9)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        texts = generate(step, ids, state, sampling, generator=generator, **rule)
        for row, text in enumerate(texts):
            results[row].append(text)
    for row, found in enumerate(results):
        chosen = {token for text in found for token in text}
        assert chosen - set(range(5)) == set(range(5, 5 + row))
        for text in found:
            assert len(text) >= 3
            assert len(set(zip(text, text[1:], strict=False))) == len(text) - 1
    assert all(text[0] == 6 for text in results[2])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"prefix": [[1]]}, "prefix has 1 lists for 2 sentences"),
        ({"prefix": [[1], [-1]]}, "-1 is no token id"),
        ({"min_lengths": [1]}, "min_lengths has 1 numbers for 2 sentences"),
        ({"min_lengths": [1, -1]}, "min_lengths must be at least 0, and -1"),
        ({"max_lengths": [1, 2, 3]}, "max_lengths has 3 numbers for 2 sentences"),
        ({"max_lengths": [1, 0]}, "max_lengths must be at least 1, and 0"),
    ],
)
def test_rules_that_do_not_fit_the_batch(rule: dict[str, Any], message: str) -> None:
    step, ids = fixed_step([0.5, 0.5]), torch.tensor([1, 1])
    with pytest.raises(ValueError, match=message):
        beam_search(step, ids, (), BeamOptions(), eos_id=EOS, **rule)
    with pytest.raises(ValueError, match=message):
        generate(step, ids, (), SamplingOptions(), eos_id=EOS, **rule)
    with pytest.raises(ValueError, match=message):
        next(stream(step, ids, (), SamplingOptions(), eos_id=EOS, **rule))


def test_a_prefix_outside_the_vocabulary() -> None:
    step, ids = fixed_step([0.5, 0.5]), torch.tensor([1])
    with pytest.raises(UserError, match="prefix: the id 2 is not one of the 2"):
        beam_search(step, ids, (), BeamOptions(), eos_id=EOS, prefix=[[1, 2]])


def test_an_empty_batch() -> None:
    step, none = fixed_step([0.5, 0.5]), torch.empty(0, dtype=torch.long)
    assert beam_search(step, none, (), BeamOptions(), eos_id=EOS) == []
    assert generate(step, none, (), SamplingOptions(), eos_id=EOS) == []
