import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nlpseq.decoding import SamplingOptions, choose, generate, stream
from nlpseq.errors import UserError
from nlpseq.types import State, Step


def random_log_probs(rows: int, vocab: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(rows, vocab, generator=generator)).log_softmax(dim=1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def expected_distribution(
    log_probs: Tensor, options: SamplingOptions, forbidden: list[int]
) -> list[float]:
    """Compute the distribution of one row in plain Python, by the definition of the options."""
    weights = [math.exp(x / options.temperature) for x in log_probs.double().tolist()]
    weights = [0.0 if token in forbidden else w for token, w in enumerate(weights)]
    order = sorted(range(len(weights)), key=lambda token: -weights[token])
    if options.top_k:
        order = order[: options.top_k]
    mass, kept = sum(weights[token] for token in order), []
    reached = 0.0
    for token in order:
        if reached / mass >= options.top_p:
            break
        kept.append(token)
        reached += weights[token]
    return [w / reached if token in kept else 0.0 for token, w in enumerate(weights)]


@pytest.mark.parametrize(
    ("options", "forbidden"),
    [
        (SamplingOptions(), []),
        (SamplingOptions(temperature=0.5), [3]),
        (SamplingOptions(temperature=2.0, top_k=4), []),
        (SamplingOptions(top_p=0.8), [0, 1]),
        (SamplingOptions(top_p=0.01), []),
        (SamplingOptions(temperature=1.7, top_k=6, top_p=0.7), [2]),
        (SamplingOptions(top_k=50, top_p=0.9), []),
    ],
)
def test_frequencies_agree_with_the_definition(
    options: SamplingOptions, forbidden: list[int]
) -> None:
    log_probs = random_log_probs(1, 12)
    draws = 40_000
    ids = choose(log_probs.expand(draws, -1), options, seeded(1), forbidden)
    counts = torch.bincount(ids, minlength=12).tolist()
    expected = expected_distribution(log_probs[0], options, forbidden)
    statistic = 0.0
    for count, probability in zip(counts, expected, strict=True):
        if probability == 0:
            assert count == 0
        else:
            statistic += (count - draws * probability) ** 2 / (draws * probability)
    degrees = sum(p > 0 for p in expected) - 1
    assert statistic <= degrees + 4 * math.sqrt(2 * degrees)  # about four standard deviations


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    vocab=st.integers(1, 200),
    top_k=st.integers(0, 12),
    top_p=st.floats(0.05, 1.0),
    temperature=st.floats(0.2, 3.0),
)
def test_the_support_is_exact(
    seed: int, vocab: int, top_k: int, top_p: float, temperature: float
) -> None:
    log_probs = random_log_probs(1, vocab, seed).double()
    options = SamplingOptions(temperature=temperature, top_k=top_k, top_p=top_p)
    support = {
        token for token, p in enumerate(expected_distribution(log_probs[0], options, [])) if p > 0
    }
    ids = choose(log_probs.expand(300, -1), options, seeded(seed))
    assert set(ids.tolist()) <= support
    if len(support) == 1:
        assert set(ids.tolist()) == support


def test_a_wide_nucleus_is_found_in_a_large_vocabulary() -> None:
    vocab, half = 1000, 500
    log_probs = torch.linspace(0, -1e-3, vocab).log_softmax(dim=0).expand(2000, -1)
    ids = choose(log_probs, SamplingOptions(top_p=0.5), seeded(0))
    assert half * 0.98 < ids.max() <= half  # falling probabilities: the nucleus is the first half
    assert len(ids.unique()) > half * 0.8


def test_greedy_is_argmax_and_touches_no_generator() -> None:
    log_probs, generator = random_log_probs(7, 30), seeded(5)
    before = generator.get_state()
    options = SamplingOptions(greedy=True)
    assert choose(log_probs, options, generator).tolist() == log_probs.argmax(dim=1).tolist()
    assert torch.equal(generator.get_state(), before)
    best = int(log_probs[0].argmax())
    second = int(log_probs[0].topk(2).indices[1])
    assert choose(log_probs[:1], options, generator, [best]).tolist() == [second]


@pytest.mark.parametrize("temperature", [1e-30, 1e-3])
def test_a_tiny_temperature_is_greedy(temperature: float) -> None:
    log_probs = random_log_probs(5, 40)
    ids = choose(log_probs, SamplingOptions(temperature=temperature), seeded(0))
    assert ids.tolist() == log_probs.argmax(dim=1).tolist()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types_of_log_probs(dtype: torch.dtype) -> None:
    ids = choose(random_log_probs(4, 9).to(dtype), SamplingOptions(top_p=0.9), seeded(0), [0])
    assert ids.shape == (4,)
    assert ids.dtype == torch.long


def counting_step(ids: Tensor, state: State) -> Step:
    """Step a model of 6 tokens whose distribution depends on the whole history; 0 ends a sentence."""
    (memory,) = state  # (B, 1, 6)
    memory = torch.tanh(0.7 * memory + torch.sin(ids.view(-1, 1, 1) + torch.arange(6.0)))
    return Step((2 * memory[:, 0]).log_softmax(dim=1), (memory,))


def starts(rows: int) -> tuple[Tensor, State]:
    return torch.arange(rows) % 6, (torch.linspace(-1, 1, rows * 6).view(rows, 1, 6),)


def test_greedy_generation_follows_the_model() -> None:
    ids, state = starts(4)
    texts = generate(
        counting_step, ids, state, SamplingOptions(greedy=True, max_new_tokens=9), eos_id=0
    )
    for row, text in enumerate(texts):
        token, memory, expected = ids[row : row + 1], (state[0][row : row + 1],), []
        for _ in range(9):
            log_probs, memory, _ = counting_step(token, memory)  # type: ignore[assignment]
            token = log_probs.argmax(dim=1)
            if token.item() == 0:
                break
            expected.append(int(token))
        assert text == expected


def test_ended_rows_leave_the_batch_and_others_are_unchanged() -> None:
    rows, widths = 16, []

    def step(ids: Tensor, state: State) -> Step:
        widths.append(len(ids))
        return counting_step(ids, state)

    ids, state = starts(rows)
    options = SamplingOptions(max_new_tokens=12)
    with_end = generate(step, ids, state, options, eos_id=0, generator=seeded(3))
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == rows
    assert widths[-1] < rows
    endless = generate(counting_step, ids, state, options, generator=seeded(3))
    for ended, full in zip(with_end, endless, strict=True):
        assert len(full) == 12
        assert ended == (full[: full.index(0)] if 0 in full else full)


def test_stream_yields_every_step_and_eos_after_the_end() -> None:
    ids, state = starts(8)
    options = SamplingOptions(max_new_tokens=30)
    steps = list(stream(counting_step, ids, state, options, eos_id=0, generator=seeded(0)))
    table = torch.stack(steps, dim=1).tolist()  # (B, steps)
    for row in table:
        if 0 in row:
            assert set(row[row.index(0) :]) == {0}
    texts = generate(counting_step, ids, state, options, eos_id=0, generator=seeded(0))
    assert texts == [row[: row.index(0)] if 0 in row else row for row in table]


def test_the_stream_stops_when_all_have_ended() -> None:
    def step(ids: Tensor, state: State) -> Step:
        return Step(torch.tensor([[0.0, -50.0]]).repeat(len(ids), 1), state)

    ids, options = torch.ones(3, dtype=torch.long), SamplingOptions(max_new_tokens=50)
    steps = list(stream(step, ids, (), options, eos_id=0, generator=seeded(0)))
    assert [chosen.tolist() for chosen in steps] == [[0, 0, 0]]


def test_a_seed_fixes_the_sample_and_another_changes_it() -> None:
    ids, state = starts(5)
    options = SamplingOptions(max_new_tokens=20)
    samples = [
        generate(counting_step, ids, state, options, generator=seeded(seed)) for seed in (1, 1, 2)
    ]
    assert samples[0] == samples[1] != samples[2]


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"max_new_tokens": 0},
        {"no_repeat_ngram": -1},
        {"min_new_tokens": 101},
    ],
)
def test_bad_options_are_named(values: dict[str, float]) -> None:
    (name,) = values
    with pytest.raises(UserError, match=f"decoding.{name} must be"):
        SamplingOptions(**values)  # type: ignore[arg-type]
