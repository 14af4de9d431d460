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
    starts,
)
from torch import Tensor

from nlpseq.contracts import State, Step
from nlpseq.decoding import (
    BeamOptions,
    Constraints,
    SamplingOptions,
    beam_search,
    generate,
    stream,
)
from nlpseq.errors import UserError

CPU = torch.device("cpu")


@st.composite
def batches(draw: st.DrawFn, max_vocab: int, max_length: int) -> tuple[int, list[Sentence]]:
    """A seed and a few sentences with limits and prefixes of their own."""
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
    """The arguments of a search that say what the sentences say."""
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
def test_a_narrow_beam_is_the_slow_search(
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
def test_samples_keep_to_the_rules(
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
        assert (
            rows_seen == rows_before
        )  # rows leave at their end, whatever says how long they may be


def fixed_step(probabilities: list[float]) -> Any:
    """A model that says the same after everything."""
    log_probs = torch.tensor([probabilities]).log()

    def step(ids: Tensor, state: State) -> Step:
        return Step(log_probs.expand(len(ids), -1), state)

    return step


@pytest.mark.parametrize(
    ("probabilities", "end"), [([0.1, 0.5, 0.4], math.log(0.1)), ([0.0, 0.6, 0.4], 0.0)]
)
def test_a_row_that_may_choose_nothing_ends_with_what_it_has(
    probabilities: list[float], end: float
) -> None:
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


def test_a_row_that_may_choose_nothing_and_cannot_end_repeats() -> None:
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
    ((best,),) = beam_search(step, ids, (), options, **rule)  # forced to its end: a score of a text
    assert best.ids == [1, 1, 2]
    assert best.log_prob == pytest.approx(2 * math.log(0.2) + math.log(0.3) + math.log(0.1))
    assert best.score == pytest.approx(best.log_prob / 4)
    greedy = SamplingOptions(greedy=True, max_new_tokens=5)
    rule["prefix"] = [[1, 1, 2]]
    assert generate(step, ids, (), greedy, **rule) == [[1, 1, 2, 3, 3]]
    cut = generate(step, ids, (), greedy, max_lengths=[2], **rule)
    assert cut == [[1, 1]]


def test_columns_of_copied_words_are_chosen_only_where_a_row_has_them() -> None:
    """5 words and 3 columns for words of the source, of which each row has its own number."""
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


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 4),
    length=st.integers(1, 9),
    vocab=st.integers(2, 4),
    seed=st.integers(0, 10_000),
)
def test_no_repeat_rules_out_what_a_naive_check_does(
    n: int, length: int, vocab: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    histories = torch.randint(0, vocab, (6, length - 1), generator=generator)
    options = SamplingOptions(no_repeat_ngram=n)
    given_log_probs = torch.zeros(6, vocab + 1)  # the last one has not been chosen: some are free
    constraints = Constraints.of(3, CPU, options)
    found = constraints.apply(given_log_probs, histories, length)
    assert bool((given_log_probs == 0).all())
    sentence = Sentence(histories[0], (), (), vocab + 1, 100, no_repeat_ngram=n)
    for row, history in enumerate(histories.tolist()):
        free = [token for token in range(vocab + 1) if found[row, token] == 0]
        assert free == [t for t in range(vocab + 1) if not sentence.repeats([*history, t])]
        assert bool((found[row].exp() == (found[row] == 0)).all())


def test_without_constraints_nothing_is_computed() -> None:
    log_probs, histories = torch.zeros(2, 4), torch.zeros(2, 0, dtype=torch.long)
    plain = Constraints.of(2, CPU, SamplingOptions(), eos_id=EOS)
    assert plain.apply(log_probs, histories, 1) is log_probs
    assert plain.select(torch.tensor([1])) is plain
    options = SamplingOptions(min_new_tokens=2, no_repeat_ngram=9)
    passed = Constraints.of(2, CPU, options, eos_id=EOS, prefix=[[], [1]])
    assert passed.apply(log_probs, histories, 1) is not log_probs
    assert passed.apply(log_probs, histories, 2) is log_probs


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
