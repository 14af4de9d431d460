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
    starts,
)
from torch import Tensor

from nlpseq.decoding import BeamOptions, SamplingOptions, SearchConstraints, beam_search, generate
from nlpseq.types import State, Step

CPU = torch.device("cpu")


@st.composite
def batches(draw: st.DrawFn, max_vocab: int, max_length: int) -> tuple[int, list[Sentence]]:
    """Draw a seed and a few sentences, each with its own limits and prefix."""
    vocab, rows = draw(st.integers(2, max_vocab)), draw(st.integers(1, 4))
    no_repeat, eos = draw(st.integers(0, 3)), draw(st.sampled_from([EOS, EOS, None]))
    forbidden = draw(st.sampled_from([(), (1,)])) if vocab > 2 else ()
    ids, state = starts(rows, vocab)
    prefixes = st.lists(st.integers(0, vocab - 1), max_size=max_length + 1)
    sentences = [
        Sentence(
            ids=ids[row : row + 1],
            state=(state[0][row : row + 1],),
            memory=(),
            vocab=vocab,
            max_length=draw(st.integers(1, max_length)),
            min_length=draw(st.integers(0, max_length + 1)),
            prefix=tuple(draw(prefixes)),
            forbidden=forbidden,
            no_repeat_ngram=no_repeat,
            eos=eos,
        )
        for row in range(rows)
    ]
    return draw(st.integers(0, 10_000)), sentences


def rules(sentences: list[Sentence]) -> dict[str, Any]:
    """Return the arguments of a search that express the constraints of the sentences."""
    return {
        "eos_id": sentences[0].eos,
        "forbidden": sentences[0].forbidden,
        "prefix": [each.prefix for each in sentences],
        "min_lengths": [each.min_length for each in sentences],
        "max_lengths": [each.max_length for each in sentences],
    }


def together(sentences: list[Sentence]) -> tuple[Tensor, State]:
    ids = torch.cat([each.ids for each in sentences])
    return ids, (torch.cat([each.state[0] for each in sentences]),)


@settings(deadline=None, max_examples=60)
@given(batch=batches(max_vocab=4, max_length=4), penalty=st.sampled_from(PENALTIES))
def test_a_wide_beam_is_exhaustive_search_of_what_is_allowed(
    batch: tuple[int, list[Sentence]], penalty: tuple[str, float]
) -> None:
    seed, sentences = batch
    step, everything = random_network(sentences[0].vocab, seed), 4**4
    options = BeamOptions(
        everything,
        100,
        everything,
        *penalty,  # type: ignore[arg-type]
        no_repeat_ngram=sentences[0].no_repeat_ngram,
    )
    found = beam_search(step, *together(sentences), options, **rules(sentences))
    for sentence, hypotheses in zip(sentences, found, strict=True):
        assert_same(hypotheses, every_hypothesis(step, sentence, options))


@settings(deadline=None, max_examples=60)
@given(
    batch=batches(max_vocab=8, max_length=7),
    beam=st.integers(1, 5),
    penalty=st.sampled_from(PENALTIES),
    stopping=st.sampled_from(["safe", "heuristic"]),
    data=st.data(),
)
def test_a_narrow_beam_agrees_with_the_slow_search(
    batch: tuple[int, list[Sentence]],
    beam: int,
    penalty: tuple[str, float],
    stopping: Any,
    data: st.DataObject,
) -> None:
    seed, sentences = batch
    step = random_network(sentences[0].vocab, seed)
    options = BeamOptions(
        beam,
        100,
        data.draw(st.integers(1, beam)),
        *penalty,  # type: ignore[arg-type]
        no_repeat_ngram=sentences[0].no_repeat_ngram,
        early_stopping=stopping,
    )
    found = beam_search(step, *together(sentences), options, **rules(sentences))
    for sentence, hypotheses in zip(sentences, found, strict=True):
        assert_same(hypotheses, slow_search(step, sentence, options))


@settings(deadline=None, max_examples=60)
@given(batch=batches(max_vocab=8, max_length=9))
def test_a_beam_of_one_is_greedy_is_the_slow_search(batch: tuple[int, list[Sentence]]) -> None:
    seed, sentences = batch
    step, n = random_network(sentences[0].vocab, seed, sharpness=1.0), sentences[0].no_repeat_ngram
    options, start = BeamOptions(1, 100, no_repeat_ngram=n), together(sentences)
    greedy = SamplingOptions(greedy=True, max_new_tokens=100, no_repeat_ngram=n)
    texts = generate(step, *start, greedy, **rules(sentences))
    found = beam_search(step, *start, options, **rules(sentences))
    assert [each[0].ids for each in found] == texts
    assert texts == [slow_search(step, each, options)[0].ids for each in sentences]


@settings(deadline=None, max_examples=60)
@given(batch=batches(max_vocab=6, max_length=9), top_k=st.integers(0, 3), top_p=st.floats(0.3, 1.0))
def test_samples_follow_the_constraints(
    batch: tuple[int, list[Sentence]], top_k: int, top_p: float
) -> None:
    seed, sentences = batch
    options = SamplingOptions(
        temperature=1.5, top_k=top_k, top_p=top_p, no_repeat_ngram=sentences[0].no_repeat_ngram
    )
    step, generator = random_network(sentences[0].vocab, seed), torch.Generator().manual_seed(seed)
    texts = generate(step, *together(sentences), options, generator=generator, **rules(sentences))
    for sentence, text in zip(sentences, texts, strict=True):
        ended = len(text) < sentence.max_length
        assert len(text) <= sentence.max_length
        tokens = [*text, EOS] if ended else text
        assert not ended or sentence.eos is not None
        for place, token in enumerate(tokens):
            assert token in sentence.allowed(tokens[:place])


def test_options_give_the_lengths_where_no_sentence_has_its_own() -> None:
    network, (ids, state) = random_network(6, 5, sharpness=1.0), starts(20, 6)
    rows_seen: list[int] = []

    def step(ids: Tensor, state: State) -> Step:
        rows_seen.append(len(ids))
        return network(ids, state)

    for low, high in [(0, 3), (4, 4), (5, 8)]:
        limits = {"min_new_tokens": low, "max_new_tokens": high}
        rows_seen.clear()
        texts = generate(step, ids, state, SamplingOptions(greedy=True, **limits), eos_id=EOS)
        rows_before = rows_seen.copy()
        assert texts == [
            each[0].ids
            for each in beam_search(step, ids, state, BeamOptions(1, **limits), eos_id=EOS)
        ]
        lengths = {len(text) for text in texts}
        assert lengths <= set(range(max(low - 1, 0), high + 1))  # the end counts, and is not shown
        assert len(lengths) > 1
        rows_seen.clear()
        again = generate(
            step,
            ids,
            state,
            SamplingOptions(greedy=True),
            eos_id=EOS,
            min_lengths=[low] * 20,
            max_lengths=[high] * 20,
        )
        assert again == texts
        assert rows_seen == rows_before  # rows leave at their end, whichever limit applies


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 4),
    length=st.integers(1, 9),
    vocab=st.integers(2, 4),
    seed=st.integers(0, 10_000),
)
def test_no_repeat_agrees_with_a_naive_check(n: int, length: int, vocab: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    histories = torch.randint(0, vocab, (6, length - 1), generator=generator)
    options = SamplingOptions(no_repeat_ngram=n)
    given_log_probs = torch.zeros(6, vocab + 1)  # the last token has not been chosen: some are free
    constraints = SearchConstraints.of(3, CPU, options)
    found = constraints.apply(given_log_probs, histories, length)
    assert found is given_log_probs
    sentence = Sentence(histories[0], (), (), vocab + 1, 100, no_repeat_ngram=n)
    for row, history in enumerate(histories.tolist()):
        free = [token for token in range(vocab + 1) if found[row, token] == 0]
        assert free == [t for t in range(vocab + 1) if not sentence.repeats([*history, t])]
        assert bool((found[row].exp() == (found[row] == 0)).all())


def test_without_constraints_nothing_is_computed() -> None:
    log_probs, histories = torch.zeros(2, 4), torch.zeros(2, 0, dtype=torch.long)
    plain = SearchConstraints.of(2, CPU, SamplingOptions(), eos_id=EOS)
    assert plain.apply(log_probs, histories, 1) is log_probs
    assert plain.select(torch.tensor([1])) is plain
    options = SamplingOptions(min_new_tokens=2, no_repeat_ngram=9)
    passed = SearchConstraints.of(2, CPU, options, eos_id=EOS, prefix=[[], [1]])
    assert not torch.equal(passed.apply(log_probs.clone(), histories, 1), log_probs)
    assert passed.apply(log_probs, histories, 2) is log_probs
    assert bool((log_probs == 0).all())


@pytest.mark.parametrize("eos_id", [EOS, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_view_of_wider_rows_is_constrained_like_a_copy_and_the_rest_is_unchanged(
    eos_id: int | None, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(3)
    wide = torch.randn(5, 12, generator=generator).to(dtype)
    whole, histories = wide.clone(), torch.tensor([[1, 2, 1]] * 4 + [[2, 2, 2]])
    options = SamplingOptions(min_new_tokens=6, no_repeat_ngram=2)
    prefix = [[], [1, 2, 1, 3], [1, 2, 1, 5], [], [2, 2, 2, 2]]
    constraints = SearchConstraints.of(
        5, CPU, options, eos_id=eos_id, forbidden=[3], prefix=prefix, min_lengths=[0, 6, 6, 5, 6]
    )
    expected = constraints.apply(wide[:, :7].clone(), histories, 4)
    found = constraints.apply(wide[:, :7], histories, 4)
    assert torch.equal(found, expected)
    assert torch.equal(wide[:, :7], expected)
    assert torch.equal(wide[:, 7:], whole[:, 7:])
    free = [row.isfinite().nonzero().flatten().tolist() for row in found]
    assert free[1:3] == [[3], [5]]
    assert free[4] == [2]
    assert not {2, 3} & set(free[0])  # 1 2 would repeat, 3 is forbidden
    assert (EOS in free[3]) == (eos_id is None)
