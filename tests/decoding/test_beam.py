import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow import (
    EOS,
    PENALTIES,
    Sentence,
    assert_same,
    every_hypothesis,
    normal,
    random_network,
    slow_search,
    starts,
)
from torch import Tensor

from nlpseq.decoding import BeamOptions, SamplingOptions, beam_search, generate
from nlpseq.errors import UserError
from nlpseq.types import State, Step


def alone(ids: Tensor, state: State, row: int, vocab: int, length: int) -> Sentence:
    here = slice(row, row + 1)
    return Sentence(ids[here], (state[0][here],), (), vocab, max_length=length)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize(("vocab", "length"), [(2, 5), (3, 4), (4, 3), (5, 1)])
def test_a_beam_wide_enough_is_exhaustive_search(
    vocab: int, length: int, penalty: tuple[str, float]
) -> None:
    for seed in range(3):
        step = random_network(vocab, seed)
        ids, state = starts(2, vocab)
        options = BeamOptions(vocab ** (length - 1), length, 1, *penalty)  # type: ignore[arg-type]
        found = beam_search(step, ids, state, options, eos_id=EOS)
        for row in range(2):
            sentence = alone(ids, state, row, vocab, length)
            assert_same(found[row], every_hypothesis(step, sentence, options)[:1])


@pytest.mark.parametrize("penalty", PENALTIES)
def test_all_of_an_exhaustive_n_best_list(penalty: tuple[str, float]) -> None:
    step, (ids, state) = random_network(3, 7), starts(1, 3)
    options = BeamOptions(31, 4, 31, *penalty)  # type: ignore[arg-type]  # 1 + 2 + 4 + 8 + 16 exist
    found = beam_search(step, ids, state, options, eos_id=EOS)[0]
    assert len(found) == 31
    assert len({tuple(h.ids) for h in found}) == 31
    assert_same(found, every_hypothesis(step, alone(ids, state, 0, 3, 4), options))


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    vocab=st.integers(2, 9),
    beam=st.integers(1, 6),
    length=st.integers(1, 6),
    rows=st.integers(1, 5),
    penalty=st.sampled_from(PENALTIES),
    data=st.data(),
)
def test_batches_and_safe_stopping_change_nothing(
    seed: int,
    vocab: int,
    beam: int,
    length: int,
    rows: int,
    penalty: tuple[str, float],
    data: st.DataObject,
) -> None:
    num_return = data.draw(st.integers(1, beam))
    step, (ids, state) = random_network(vocab, seed), starts(rows, vocab)
    options = BeamOptions(beam, length, num_return, *penalty)  # type: ignore[arg-type]
    found = beam_search(step, ids, state, options, eos_id=EOS)
    for row in range(rows):
        sentence = alone(ids, state, row, vocab, length)
        single = beam_search(step, sentence.ids, sentence.state, options, eos_id=EOS)
        assert_same(single[0], found[row])
        assert_same(found[row], slow_search(step, sentence, options))
        scores = [h.score for h in found[row]]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_beam_of_one_is_greedy(penalty: tuple[str, float]) -> None:
    step, (ids, state) = random_network(6, 2, sharpness=1.0), starts(12, 6)
    options = BeamOptions(1, 10, 1, *penalty)  # type: ignore[arg-type]
    found = beam_search(step, ids, state, options, eos_id=EOS)
    greedy = SamplingOptions(greedy=True, max_new_tokens=10)
    texts = generate(step, ids, state, greedy, eos_id=EOS)
    assert [each[0].ids for each in found] == texts
    assert len({len(text) for text in texts}) > 2


@pytest.mark.parametrize("vocab", [640, 700, 1023])
def test_the_best_of_a_large_vocabulary_are_found_at_any_id(vocab: int) -> None:
    best = [
        [0, 1, 2, 3],
        [vocab - 1, 0, 63, 64],
        [vocab - 4, vocab - 3, 128, 639],
        [7, 70, 77, 300],
    ]
    scores = normal(len(best), vocab, seed=vocab)
    for row, tokens in enumerate(best):
        scores[row, tokens] = torch.tensor([8.0, 7.0, 6.0, 5.0], dtype=scores.dtype)

    def step(ids: Tensor, state: State) -> Step:
        return Step(scores[ids].log_softmax(dim=1), state)

    found = beam_search(step, torch.arange(len(best)), (), BeamOptions(4, 1, 4))
    assert [[h.ids[0] for h in each] for each in found] == best
    for row, each in enumerate(found):
        expected = scores.log_softmax(dim=1)[row, best[row]].tolist()
        assert [h.log_prob for h in each] == pytest.approx(expected)


def test_the_search_stops_early_and_drops_finished_sentences() -> None:
    rows_seen: list[int] = []

    def step(ids: Tensor, state: State) -> Step:
        """Return log-probabilities by which sentence n almost surely ends after n + 1 tokens."""
        rows_seen.append(len(ids))
        left = state[0][:, 0, 0]
        ending = torch.where(left <= 0, 0.98, 0.01)
        probabilities = torch.stack([ending, 0.6 * (1 - ending), 0.4 * (1 - ending)], dim=1)
        return Step(probabilities.log(), (state[0] - 1,))

    options = BeamOptions(beam_size=3, max_new_tokens=50)
    state = (torch.arange(4.0).view(4, 1, 1),)
    found = beam_search(step, torch.ones(4, dtype=torch.long), state, options, eos_id=EOS)
    assert [each[0].ids for each in found] == [[1] * n for n in range(4)]
    assert rows_seen[0] == 4  # the first step must not hold copies
    assert len(rows_seen) <= 6
    assert rows_seen[-1] < max(rows_seen)


def test_forbidden_ids_and_no_end_of_sentence() -> None:
    step, (ids, state) = random_network(5, 11), starts(3, 5)
    options = BeamOptions(4, 6, 4)
    for each in beam_search(step, ids, state, options, forbidden=[1, 3]):
        assert all(len(h.ids) == 6 for h in each)
        assert all(set(h.ids) <= {0, 2, 4} for h in each)
        assert len({tuple(h.ids) for h in each}) == 4


def test_a_beam_wider_than_the_vocabulary() -> None:
    def step(ids: Tensor, state: State) -> Step:
        return Step(torch.tensor([[0.5, 0.5]]).log().repeat(len(ids), 1), state)

    options = BeamOptions(8, 2, 8)
    (found,) = beam_search(step, torch.tensor([1]), (), options, eos_id=EOS)
    assert sorted(h.ids for h in found) == [[], [1], [1, 1]]


@pytest.mark.parametrize(
    "values",
    [
        {"beam_size": 0},
        {"max_new_tokens": 0},
        {"num_return": 0},
        {"num_return": 6},
        {"length_penalty": "gnmt"},
        {"alpha": -0.1},
        {"coverage_penalty": -0.1},
        {"coverage_penalty": math.inf},
        {"no_repeat_ngram": -1},
        {"min_new_tokens": -1},
        {"min_new_tokens": 101},
        {"early_stopping": "never"},
    ],
)
def test_bad_options_are_named(values: dict[str, object]) -> None:
    (name,) = values
    with pytest.raises(UserError, match=f"decoding.{name} must be"):
        BeamOptions(**values)  # type: ignore[arg-type]


def test_a_sentence_without_probabilities_is_given_up_and_disturbs_no_other() -> None:
    """A diverged model gives NaN for one sentence; the other has fewer hypotheses than the beam."""
    table = torch.randn(9, 9, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    table[:, EOS] -= 3

    def search(*bad: int) -> list[list[list[int]]]:
        def step(ids: Tensor, state: State, *memory: Tensor) -> Step:
            log_probs, who = table[ids].clone(), state[0].squeeze(1)
            log_probs[who == 1] = torch.where(torch.arange(9) == 4, 0.0, -torch.inf)
            log_probs[torch.isin(who, torch.tensor(bad, dtype=torch.long))] = torch.nan
            return Step(log_probs, state)

        state, options = (torch.arange(3).unsqueeze(1),), BeamOptions(2, 4)
        found = beam_search(step, torch.tensor([1, 2, 3]), state, options, eos_id=EOS)
        return [[hypothesis.ids for hypothesis in each] for each in found]

    healthy = search()
    assert healthy[1] == [[4, 4, 4, 4]]
    assert search(2) == [*healthy[:2], []]
    assert search(0, 1, 2) == [[], [], []]
