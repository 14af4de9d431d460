"""Options of decoding, in the predictor of both tasks."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nlpseq.tasks.seq2seq.recipe import TextDecodingConfig
from nlpseq.tasks.seq2seq.search import (
    STEP_ELEMENTS,
    OutputSearch,
    length_limits,
    search_batches,
)
from small import CPU, built, records, train
from small_pairs import PAIRS, make, pairs

from nlpseq.errors import UserError
from nlpseq.recipe import TrainingConfig, validate

GREEDY = {"method": "greedy"}


def test_options_of_predict() -> None:
    task = make()
    model = built(task)
    train(task, model, pairs(), epochs=3)
    predictor = task.predictor(model, CPU)
    texts = [one for one, _ in PAIRS[:4]]
    best = predictor.predict(texts, beam_size=4, num_return=3, max_new_tokens=6)
    for row in best:
        found = row.hypotheses
        assert [one.output for one in found[:1]] == [row.output]
        assert len({one.output for one in found}) == 3
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True)
        assert all(one.log_prob < 0 for one in found)
    narrow, greedy = (predictor.predict(texts, **one) for one in ({"beam_size": 1}, GREEDY))
    assert [row.output for row in narrow] == [row.output for row in greedy]
    for method in ("beam", "greedy", "sample"):
        led = predictor.predict(texts, method=method, prefix="Katze und", seed=1)
        assert all(row.output.startswith("Katze und") for row in led)
        once = predictor.predict(texts, method=method, no_repeat_ngram=1, seed=1)
        assert all(len(set(w)) == len(w) for w in (row.output.split() for row in once))
        lengths = ratios(predictor, texts, method=method, min_length_ratio=1.5)
        assert all(made + 1 >= int(1.5 * given) for made, given in lengths)
        lengths = ratios(predictor, texts, method=method, max_length_ratio=0.5, min_new_tokens=9)
        assert all(made in (-(-given // 2), -(-given // 2) - 1) for made, given in lengths)
    assert predictor.predict(texts, method="sample", seed=3) == (
        predictor.predict(texts, method="sample", seed=3)
    )


def ratios(predictor: Any, texts: list[str], **options: Any) -> list[tuple[int, int]]:
    """Return the numbers of output and source words; callers add the end of an output."""
    answers = predictor.predict(texts, seed=2, **options)
    return [(len(row.output.split()), len(row.text.split())) for row in answers]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_return": 9}, "num_return = 9: a beam of 2 has no more hypotheses"),
        ({"beam": 3}, r"unknown key decoding\.beam"),
        ({"beam_size": "many"}, "beam_size"),
        ({"stop_at_eos": False}, "stop_at_eos = false is for language models"),
        ({"min_new_tokens": 99}, "min_new_tokens = 99 is above max_new_tokens = 12"),
        ({"max_length_ratio": -1}, "max_length_ratio"),
        ({"max_length_ratio": 1e308}, "max_length_ratio"),
        (
            {"min_length_ratio": 3, "max_length_ratio": 1},
            r"min_length_ratio = 3\.0 is above max_length_ratio = 1\.0",
        ),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], said: str) -> None:
    task = make()
    with pytest.raises(UserError, match=said):
        task.predictor(built(task), CPU).predict(["dog"], **options)
    document = task.recipe.model_dump(exclude_none=True)
    document["decoding"] |= options
    with pytest.raises(UserError, match=said):
        validate(type(task).Config, document, "test")


def test_attention_has_a_row_for_each_token_that_was_written() -> None:
    """An output that stopped at its maximum length has no end."""
    task = make(decoding={"max_new_tokens": 2})
    predictor = task.predictor(built(task), CPU)
    for limit in (1, 2, 12):
        for row in predictor.attention([one for one, _ in PAIRS[:4]], max_new_tokens=limit):
            words = row.output.split()
            ended = ["</s>"] if len(words) < limit else []
            assert row.output_tokens == (*words, *ended)
            assert [len(weights) for weights in row.weights] == (
                [len(row.source_tokens)] * len(row.output_tokens)
            )
    with pytest.raises(UserError, match="attention weights need outputs that are not sampled"):
        predictor.attention(["a cat"], method="sample", seed=1)


def test_sampling_options_without_effect_are_refused() -> None:
    predictor = make().predictor(built(make()), CPU)
    with pytest.raises(
        UserError, match="top_k is an option of sampling, and method = beam: set method = s"
    ):
        predictor.predict(["a cat"], top_k=3)
    with pytest.raises(
        UserError, match="temperature is an option of sampling, and method = greedy"
    ):
        predictor.predict(["a cat"], temperature=0.5, **GREEDY)
    with pytest.raises(
        UserError, match="num_return is an option of beam search, and method = greedy"
    ):
        predictor.predict(["a cat"], num_return=2, **GREEDY)
    predictor.predict(["a cat"], temperature=0.5, method="sample", seed=np.int64(3))
    predictor.predict(["a cat"], **predictor.recipe.decoding.model_dump())
    several = make(decoding={"num_return": 2})
    assert len(several.predictor(built(several), CPU).predict(["a cat"], **GREEDY)) == 1


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("a cat", "takes a list of texts, not one text"),
        (["a cat", 5], "texts\\[1\\]: 5 is not a string"),
        ([None], "texts\\[0\\]: None is not a string"),
        (["caf\udce9"], "texts\\[0\\]: .* is not valid Unicode"),
    ],
)
def test_items_that_are_no_text_are_refused(texts: Any, said: str) -> None:
    predictor = make().predictor(built(make()), CPU)
    for ask in (predictor.predict, predictor.attention):
        with pytest.raises(UserError, match=said):
            ask(texts)
    assert len(predictor.predict(text for text in ("a cat", "dogs"))) == 2
    for options, wrong in (
        ({"prefix": 5}, "prefix: 5 is not valid Unicode text"),
        ({"seed": "x"}, "seed = x: "),
    ):
        with pytest.raises(UserError, match=wrong):
            predictor.predict(["a cat"], **options)


@pytest.mark.parametrize("method", ["beam", "greedy", "sample"])
@pytest.mark.parametrize("copying", [False, True])
def test_a_model_without_probabilities(method: str, copying: bool) -> None:
    """Its samples may be copied words of another source."""
    task = make(decoding={"method": method}, decoder={"copying": copying})
    model = built(task)
    with torch.no_grad():
        model.head.combine.weight.fill_(torch.nan)
    with pytest.raises(UserError, match=r"the model's probabilities are nan"):
        task.predictor(model, CPU).predict(["a cat", "an unheard word", "dogs"])
    assert all(math.isnan(sum(one.statistics)) for one in records(task, model, pairs()))


def test_validation_has_its_own_random_numbers() -> None:
    """Validation does not change training, and repeated validation has the same scores."""
    task = make(decoding={"method": "sample"})
    model = built(task)
    before = torch.get_rng_state()
    first, second = ([one.prediction for one in records(task, model, pairs())] for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first == second
    assert len({*first}) > 1


def test_ratios_of_the_source_are_exact() -> None:
    """In binary 0.29 of 100 is a little less than 29, and 0.56 a little more than 56."""
    assert math.floor(0.29 * 100) == 28
    assert math.ceil(0.56 * 100) == 57
    config = TextDecodingConfig(min_length_ratio=0.29, max_length_ratio=0.56, max_new_tokens=99)
    assert length_limits(config, 100) == (29, 56)


@pytest.mark.parametrize("copying", [False, True])
def test_the_score_of_greedy_and_sampled_outputs_is_their_log_probability(copying: bool) -> None:
    """Beam search with a beam of 1 agrees, for outputs that end and for those cut at their limit."""
    task = make(decoder={"copying": copying})
    model = built(task)
    predictor = task.predictor(model, CPU)
    texts = [one for one, _ in PAIRS[:4]]
    for limit in (1, 2, 3, 12):
        given = {"max_new_tokens": limit, "length_penalty": "none"}
        greedy = predictor.predict(texts, method="greedy", **given)
        beam = predictor.predict(texts, method="beam", beam_size=1, **given)
        assert [row.output for row in greedy] == [row.output for row in beam]
        assert [row.score for row in greedy] == pytest.approx([row.score for row in beam], abs=1e-4)


def test_an_unknown_token_becomes_the_most_attended_word(monkeypatch: pytest.MonkeyPatch) -> None:
    copying = make(decoder={"copying": True})
    with pytest.raises(UserError, match="replace_unknown: this model generates no unknown token"):
        copying.predictor(built(copying), CPU).predict(["a"], replace_unknown=True)
    task = make()
    model = built(task)
    predictor = task.predictor(model, CPU)
    unk = task.target.unk_id
    ids = [unk, 5, unk]
    real = OutputSearch._hypotheses

    def forged(self: OutputSearch, *given: Any) -> Any:
        return [[one._replace(ids=ids) for one in row] for row in real(self, *given)]

    monkeypatch.setattr(OutputSearch, "_hypotheses", forged)
    text = "the Zyx sees"
    answer = predictor.predict([text], replace_unknown=True)[0].output.split()
    weights = predictor.attention([text])[0].weights
    words = text.split()
    most = [words[max(range(3), key=weights[place].__getitem__)] for place in (0, 2)]
    assert answer == [most[0], task.target.vocabulary[5], most[1]]
    assert predictor.predict([text])[0].output.split()[0] == "<unk>"


def test_scores_of_given_texts() -> None:
    task = make()
    predictor = task.predictor(built(task), CPU)
    found = predictor.evaluate(["a cat sleeps", ""], ["eine Katze", "nichts"])
    assert 0 <= found["bleu"] <= 100
    with pytest.raises(UserError, match="2 texts and 1 targets"):
        predictor.evaluate(["a", "b"], ["c"])
    assert predictor.predict([]) == []
    assert predictor.predict(["", " "])[1].to_json() == {"text": " ", "output": "", "score": None}
    assert predictor.attention([""])[0].weights == ()


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=300),
    with_targets=st.booleans(),
    batch_size=st.integers(1, 80),
    batch_tokens=st.sampled_from([0, 50, 400]),
    wanted=st.sampled_from([0, 1, 7]),
)
def test_each_source_is_searched_once(
    lengths: list[int], with_targets: bool, batch_size: int, batch_tokens: int, wanted: int
) -> None:
    config = TextDecodingConfig(batch_size=wanted)
    training = TrainingConfig(batch_size=batch_size, batch_tokens=batch_tokens)
    targets = [41 - length for length in lengths] if with_targets else None
    batches = search_batches(lengths, targets, config, training, 1000)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    if batch_tokens and not wanted:
        sides = [lengths, targets] if targets else [lengths]
        for batch in batches:
            longest = sum(max(side[place] for place in batch) for side in sides)
            assert len(batch) == 1 or len(batch) * longest <= batch_tokens
    else:
        size = wanted or 2 * batch_size
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)


@pytest.mark.parametrize(
    ("method", "vocab_size", "size"),
    [
        ("beam", 1000, 16),
        ("beam", STEP_ELEMENTS // 5 // 11, 11),  # a beam of 5 has five rows for each source
        ("greedy", STEP_ELEMENTS // 5 // 11, 16),
        ("sample", STEP_ELEMENTS // 11, 11),
        ("beam", STEP_ELEMENTS, 8),  # at least a training batch
    ],
)
def test_the_number_of_sources_searched_together_keeps_a_step_small(
    method: str, vocab_size: int, size: int
) -> None:
    config, training = TextDecodingConfig(method=method, beam_size=5), TrainingConfig(batch_size=8)
    batches = search_batches([3] * 40, None, config, training, vocab_size)
    assert len(batches[0]) == size
