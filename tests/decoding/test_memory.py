"""Attention to a memory: a batch has the results of each sentence alone."""

import math
from typing import Any

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
    random_network,
    slow_search,
    small_transformer,
    sources,
    starts,
)
from torch import Tensor

from nlpseq.decoding import BeamOptions, SamplingOptions, beam_search, generate
from nlpseq.errors import UserError
from nlpseq.types import State, Step, StepFunction

LENGTHS = st.lists(st.integers(1, 4), min_size=1, max_size=5)


def alone(
    ids: Tensor, state: State, memory: State, lengths: list[int], vocab: int, limits: list[int]
) -> list[Sentence]:
    """Return each sentence of a batch without the padding of its source."""
    return [
        Sentence(
            ids[row : row + 1],
            tuple(part[row : row + 1] for part in state),
            (
                memory[0][row : row + 1],
                *(part[row : row + 1, : lengths[row]] for part in memory[1:]),
            ),
            vocab,
            limits[row],
        )
        for row in range(len(ids))
    ]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    lengths=LENGTHS,
    vocab=st.integers(2, 7),
    beam=st.integers(1, 5),
    penalty=st.sampled_from(PENALTIES),
    coverage=st.sampled_from([0.0, 0.2, 2.0]),
    stopping=st.sampled_from(["safe", "heuristic"]),
    data=st.data(),
)
def test_a_beam_over_a_batch_is_the_slow_search_of_each_sentence(
    seed: int,
    lengths: list[int],
    vocab: int,
    beam: int,
    penalty: tuple[str, float],
    coverage: float,
    stopping: Any,
    data: st.DataObject,
) -> None:
    step, (ids, state) = random_network(vocab, seed), starts(len(lengths), vocab)
    memory = sources(lengths, seed)
    limits = [2 * length for length in lengths]  # a ratio of the source's length
    options = BeamOptions(
        beam,
        100,
        data.draw(st.integers(1, beam)),
        *penalty,  # type: ignore[arg-type]
        coverage_penalty=coverage,
        early_stopping=stopping,
    )
    found = beam_search(
        step,
        ids,
        state,
        options,
        memory=memory,
        eos_id=EOS,
        max_lengths=limits,
        source_mask=memory[2],
    )
    for row, sentence in enumerate(alone(ids, state, memory, lengths, vocab, limits)):
        single = beam_search(
            step,
            sentence.ids,
            sentence.state,
            options,
            memory=sentence.memory,
            eos_id=EOS,
            max_lengths=limits[row : row + 1],  # no mask: every position is real
        )
        assert_same(found[row], single[0])
        assert_same(found[row], slow_search(step, sentence, options))


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10_000), lengths=LENGTHS, beam=st.integers(1, 4))
def test_a_beam_over_a_batch_reorders_and_reduces_the_caches_of_a_transformer(
    seed: int, lengths: list[int], beam: int
) -> None:
    step, ids, state, memory = small_transformer(4, lengths, seed)
    limits, options = [2 * length for length in lengths], BeamOptions(beam, 100, beam)
    found = beam_search(step, ids, state, options, memory=memory, eos_id=EOS, max_lengths=limits)
    for row, sentence in enumerate(alone(ids, state, memory, lengths, 4, limits)):
        assert_same(found[row], slow_search(step, sentence, options))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), lengths=LENGTHS, vocab=st.integers(2, 7), greedy=st.booleans())
def test_sampling_a_batch_is_sampling_each_sentence(
    seed: int, lengths: list[int], vocab: int, greedy: bool
) -> None:
    step, (ids, state) = random_network(vocab, seed), starts(len(lengths), vocab)
    memory, limits = sources(lengths, seed), [3 * length for length in lengths]
    options, generator = SamplingOptions(greedy=greedy), torch.Generator().manual_seed(seed)
    texts = generate(
        step,
        ids,
        state,
        options,
        memory=memory,
        eos_id=EOS,
        generator=generator,
        max_lengths=limits,
    )
    generator.manual_seed(seed)
    uniforms = torch.stack([torch.rand(len(lengths), generator=generator) for _ in range(12)])
    for row, sentence in enumerate(alone(ids, state, memory, lengths, vocab, limits)):
        assert texts[row] == sample_slowly(step, sentence, greedy, uniforms[:, row].tolist())


def sample_slowly(
    step: StepFunction, sentence: Sentence, greedy: bool, uniforms: list[float]
) -> list[int]:
    token, state, text = sentence.ids, sentence.state, list[int]()
    for _, uniform in zip(range(sentence.max_length), uniforms, strict=False):
        log_probs, state, _ = step(token, state, *sentence.memory)
        probabilities = log_probs[0].exp()
        chosen = int((probabilities.cumsum(dim=0) <= uniform * probabilities.sum()).sum())
        token = log_probs.argmax(dim=1) if greedy else torch.tensor([chosen])
        if token.item() == EOS:
            break
        text.append(int(token))
    return text


@pytest.mark.parametrize("search", ["beam", "sample"])
def test_memory_is_reduced_only_when_sentences_finish(search: str) -> None:
    lengths, widths = [1, 2, 3, 4, 5], [8, 2, 6, 4, 2]
    network, (ids, state) = random_network(6, 3), starts(5, 6)
    seen: list[tuple[int, Tensor]] = []

    def step(ids: Tensor, state: State, *memory: Tensor) -> Step:
        seen.append((len(ids), memory[1]))
        return network(ids, state, *memory)

    memory = sources(lengths, 0)
    given_rules: dict[str, Any] = {"memory": memory, "eos_id": EOS, "max_lengths": widths}
    given_rules["min_lengths"] = widths  # so each leaves at its own length exactly
    if search == "beam":
        beam_search(step, ids, state, BeamOptions(3, num_return=3), **given_rules)
    else:
        generate(step, ids, state, SamplingOptions(), **given_rules)
    assert [len(vectors) for _, vectors in seen] == [5, 5, 3, 3, 2, 2, 1, 1]
    width = 3 if search == "beam" else 1
    assert [rows for rows, _ in seen] == [5, *(width * n for n in [5, 3, 3, 2, 2, 1, 1])]
    assert seen[0][1] is memory[1]  # never copied while all sentences remain
    assert seen[1][1] is memory[1]
    assert torch.equal(seen[2][1], memory[1][[0, 2, 3]])


def test_only_live_hypotheses_are_stepped() -> None:
    """One sentence ends with 0.4 at each step, the other only at its limit of three tokens."""
    probabilities = torch.tensor([[0.4, 0.35, 0.25], [0.001, 0.5, 0.499]])
    seen: list[list[int]] = []

    def step(ids: Tensor, state: State, counts: Tensor) -> Step:
        seen.append(counts.tolist())
        assert len(ids) == counts.sum()
        assert state[0].tolist() == torch.arange(2).repeat_interleave(counts).tolist()
        return Step(probabilities[state[0]].log(), state)

    ids, memory = torch.ones(2, dtype=torch.long), (torch.ones(2, dtype=torch.long),)
    rule: dict[str, Any] = {"memory": memory, "eos_id": EOS, "max_lengths": [9, 3]}
    rule["min_lengths"] = [1, 3]
    found = beam_search(step, ids, (torch.arange(2),), BeamOptions(3, num_return=3), **rule)
    assert seen == [[1, 1], [2, 2], [1, 3]]
    assert [h.ids for h in found[0]] == [[], [1], [1, 1]]
    assert found[1][0].ids == [1, 1, 1]


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("network", ["recurrent", "transformer"])
def test_a_wide_beam_is_exhaustive_search_with_coverage(
    penalty: tuple[str, float], masked: bool, network: str
) -> None:
    lengths, limits, vocab = [2, 4] if masked else [4, 4], [5, 4], 3
    step, (ids, state), memory = random_network(vocab, 4), starts(2, vocab), sources(lengths, 5)
    if network == "transformer":
        step, ids, state, memory = small_transformer(vocab, lengths, seed=4)
    rule: dict[str, Any] = {"memory": memory, "eos_id": EOS, "max_lengths": limits}
    rule["source_mask"] = memory[2] if masked else None
    sentences = alone(ids, state, memory, lengths, vocab, limits)
    everything = BeamOptions(99, 9, 99, *penalty, coverage_penalty=0.7)  # type: ignore[arg-type]
    best = BeamOptions(99, 9, 1, *penalty, coverage_penalty=0.7)  # type: ignore[arg-type]
    all_found = beam_search(step, ids, state, everything, **rule)
    best_found = beam_search(step, ids, state, best, **rule)
    without = beam_search(step, ids, state, BeamOptions(99, 9, 99, *penalty), **rule)  # type: ignore[arg-type]
    for row, sentence in enumerate(sentences):
        expected = every_hypothesis(step, sentence, everything)
        assert_same(all_found[row], expected)
        assert_same(best_found[row], expected[:1])
        assert [h.ids for h in without[row]] != [h.ids for h in expected]  # it did reorder


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    penalty=st.sampled_from(PENALTIES),
    coverage=st.sampled_from([0.0, 0.2, 2.0]),
    no_repeat=st.integers(0, 2),
    num_return=st.integers(1, 3),
)
def test_safe_stopping_agrees_with_a_search_to_the_end(
    seed: int, penalty: tuple[str, float], coverage: float, no_repeat: int, num_return: int
) -> None:
    """A search for all K hypotheses cannot stop before its beam is empty."""
    step, (ids, state) = random_network(6, seed), starts(3, 6)
    memory, results, steps = sources([3, 1, 4], seed), [], []

    def counted(ids: Tensor, state: State, *memory: Tensor) -> Step:
        steps[-1] += 1
        return step(ids, state, *memory)

    for wanted in (num_return, 4):
        steps.append(0)
        options = BeamOptions(
            4,
            12,
            wanted,
            *penalty,  # type: ignore[arg-type]
            coverage_penalty=coverage,
            no_repeat_ngram=no_repeat,
            min_new_tokens=2,
        )
        results.append(
            beam_search(
                counted, ids, state, options, memory=memory, eos_id=EOS, source_mask=memory[2]
            )
        )
    assert steps[0] <= steps[1]
    for early, late in zip(*results, strict=True):
        assert_same(early, late[:num_return])


def test_the_heuristic_stops_at_a_finished_best_and_may_miss_a_better_one() -> None:
    """After 'end' (0.5) or 1 (0.45), the second continues almost surely: a better average."""
    calls = [0]

    def step(ids: Tensor, state: State) -> Step:
        calls[0] += 1
        first = torch.tensor([0.5, 0.45, 0.05])
        later = torch.tensor([0.98, 0.01, 0.01])
        return Step(torch.where(ids.unsqueeze(1) == 2, first, later).log(), state)

    ids = torch.tensor([2])
    for stopping, expected, steps in [("safe", [1], 2), ("heuristic", [], 1)]:
        calls[0] = 0
        options = BeamOptions(2, 3, length_penalty="average", early_stopping=stopping)  # type: ignore[arg-type]
        ((best,),) = beam_search(step, ids, (), options, eos_id=EOS)
        assert best.ids == expected
        assert calls[0] == steps
    options = BeamOptions(2, 3, 2, length_penalty="average", early_stopping="heuristic")
    (found,) = beam_search(step, ids, (), options, eos_id=EOS)
    assert [h.ids for h in found] == [[1], []]  # the requested number


def test_the_heuristic_uses_the_current_coverage() -> None:
    """1 attends to the whole source and ends; 2, then 1, is likelier but covers it a step later."""
    after_one = torch.tensor([0.9, 0.05, 0.05])
    after_two = torch.tensor([0.05, 0.9, 0.05])
    begin, one, two = torch.tensor([0.01, 0.44, 0.55]), [0.01, 0.99], [0.99, 0.01]

    def step(ids: Tensor, state: State) -> Step:
        token = ids.unsqueeze(1)
        probabilities = torch.where(token == 1, after_one, after_two).where(token != 3, begin)
        weights = torch.where(token == 1, torch.tensor(one), torch.tensor(two))
        return Step(probabilities.log(), state, weights)

    for stopping, expected in [("safe", [2, 1]), ("heuristic", [1])]:
        options = BeamOptions(2, 5, coverage_penalty=1.0, early_stopping=stopping)  # type: ignore[arg-type]
        ((best,),) = beam_search(step, torch.tensor([3]), (), options, eos_id=EOS)
        assert best.ids == expected


def test_coverage_needs_weights() -> None:
    step, (ids, state) = random_network(4, 0), starts(1, 4)
    with pytest.raises(UserError, match=r"coverage_penalty = 0.2: .*no attention weights; set it"):
        beam_search(step, ids, state, BeamOptions(coverage_penalty=0.2), eos_id=EOS)


def test_a_source_position_without_attention_keeps_scores_finite() -> None:
    def step(ids: Tensor, state: State, *memory: Tensor) -> Step:
        log_probs = torch.tensor([[0.6, 0.4]]).log().repeat(len(ids), 1)
        return Step(log_probs, state, torch.tensor([[1.0, 0.0]]).expand(len(ids), -1))

    options = BeamOptions(2, 3, 2, coverage_penalty=0.5)
    (found,) = beam_search(step, torch.tensor([1]), (), options, eos_id=EOS)
    tiny = 0.5 * math.log(torch.finfo(torch.float32).tiny)
    assert [h.score for h in found] == pytest.approx([h.log_prob + tiny for h in found])
