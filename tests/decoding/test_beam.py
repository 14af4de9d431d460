import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nlpseq.contracts import State, Step, StepFunction
from nlpseq.decoding import BeamOptions, Hypothesis, SamplingOptions, beam_search, generate
from nlpseq.errors import UserError

EOS = 0
PENALTIES = [("none", 0.6), ("average", 0.6), ("wu", 0.6), ("wu", 2.0)]


def random_network(vocab: int, seed: int, sharpness: float = 3.0) -> StepFunction:
    """A tiny random recurrent network in float64: what it says depends on the whole history."""
    generator = torch.Generator().manual_seed(seed)
    embedding, recurrent, output = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((vocab, 5), (5, 5), (5, vocab))
    )

    def step(ids: Tensor, state: State) -> Step:
        hidden = torch.tanh(embedding[ids] + state[0][:, 0] @ recurrent)
        log_probs = (sharpness * hidden @ output).log_softmax(dim=1)
        return Step(log_probs, (hidden.unsqueeze(1),))

    return step


def starts(rows: int, vocab: int) -> tuple[Tensor, State]:
    generator = torch.Generator().manual_seed(rows)
    state = torch.randn(rows, 1, 5, generator=generator, dtype=torch.float64)
    return torch.arange(rows) % vocab, (state,)


def log_prob_of(step: StepFunction, ids: Tensor, state: State, tokens: tuple[int, ...]) -> float:
    total = 0.0
    for token in tokens:
        log_probs, state, _ = step(ids, state)
        total += float(log_probs[0, token])
        ids = torch.tensor([token])
    return total


def every_hypothesis(
    step: StepFunction, ids: Tensor, state: State, vocab: int, options: BeamOptions
) -> list[Hypothesis]:
    """All continuations that end with EOS, or at `max_new_tokens` without it; the best first."""
    words, found = range(1, vocab), []
    for length in range(options.max_new_tokens):
        found += [(*prefix, EOS) for prefix in itertools.product(words, repeat=length)]
    found += list(itertools.product(words, repeat=options.max_new_tokens))
    hypotheses = []
    for tokens in found:
        log_prob = log_prob_of(step, ids, state, tokens)
        score = options.score(log_prob, len(tokens))
        hypotheses.append(Hypothesis([t for t in tokens if t != EOS], log_prob, score))
    return sorted(hypotheses, key=lambda h: -h.score)


def slow_search(
    step: StepFunction, ids: Tensor, state: State, options: BeamOptions
) -> list[Hypothesis]:
    """The same search for one sentence with lists, which never stops before its beam is empty."""
    live: list[tuple[float, list[int], Tensor, State]] = [(0.0, [], ids, state)]
    finished: list[Hypothesis] = []
    for length in range(1, options.max_new_tokens + 1):
        candidates = []
        for total, tokens, last, memory in live:
            log_probs, after, _ = step(last, memory)
            for token, log_prob in enumerate(log_probs[0].tolist()):
                candidates.append(
                    (total + log_prob, [*tokens, token], torch.tensor([token]), after)
                )
        candidates.sort(key=lambda c: -c[0])
        live = []
        for total, tokens, last, memory in candidates[: options.beam_size - len(finished)]:
            if tokens[-1] == EOS or length == options.max_new_tokens:
                ids_only = [t for t in tokens if t != EOS]
                finished.append(Hypothesis(ids_only, total, options.score(total, length)))
            else:
                live.append((total, tokens, last, memory))
    return sorted(finished, key=lambda h: -h.score)[: options.num_return]


def assert_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [h.ids for h in found] == [h.ids for h in expected]
    for mine, other in zip(found, expected, strict=True):
        assert mine.log_prob == pytest.approx(other.log_prob, abs=1e-10)
        assert mine.score == pytest.approx(other.score, abs=1e-10)


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
            alone = ids[row : row + 1], (state[0][row : row + 1],)
            assert_same(found[row], every_hypothesis(step, *alone, vocab, options)[:1])


@pytest.mark.parametrize("penalty", PENALTIES)
def test_all_of_an_exhaustive_n_best_list(penalty: tuple[str, float]) -> None:
    step, (ids, state) = random_network(3, 7), starts(1, 3)
    options = BeamOptions(31, 4, 31, *penalty)  # type: ignore[arg-type]  # 1 + 2 + 4 + 8 + 16 exist
    found = beam_search(step, ids, state, options, eos_id=EOS)[0]
    assert len(found) == 31
    assert len({tuple(h.ids) for h in found}) == 31
    assert_same(found, every_hypothesis(step, ids, state, 3, options))


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
        alone = ids[row : row + 1], (state[0][row : row + 1],)
        assert_same(beam_search(step, *alone, options, eos_id=EOS)[0], found[row])
        assert_same(found[row], slow_search(step, *alone, options))
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


def test_the_search_stops_early_and_finished_sentences_leave() -> None:
    rows_seen: list[int] = []

    def step(ids: Tensor, state: State) -> Step:
        """Sentence n ends almost surely after n + 1 tokens."""
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
        return Step(torch.tensor([[0.5, 0.5]]).log().expand(len(ids), -1), state)

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
    ],
)
def test_bad_options_are_named(values: dict[str, object]) -> None:
    (name,) = values
    with pytest.raises(UserError, match=f"decoding.{name} must be"):
        BeamOptions(**values)  # type: ignore[arg-type]
