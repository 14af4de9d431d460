"""Scores of summaries: computed by hand, and compared with rouge-score."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from nlpseq.metrics.rewards import rouge_l
from nlpseq.metrics.summarization import (
    ROUGES,
    SummaryScores,
    SummaryTarget,
    best_lead,
    lead_lengths,
)
from nlpseq.metrics.words import has_plain_words, lead, words_of

METRIC = SummaryScores()
SCORER = RougeScorer(list(ROUGES), use_stemmer=True)
TEXT = st.lists(
    st.sampled_from(["cats", "cat", "ran", "Running", "the", "a,", "\n", "é"]), max_size=9
).map(" ".join)


def total(pairs) -> list[float]:
    vectors = [METRIC.statistics(prediction, target) for prediction, target in pairs]
    return [math.fsum(column) for column in zip(*vectors, strict=True)]


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=4))
@settings(deadline=None, max_examples=100)
def test_rouge_is_the_mean_of_rouge_score_and_shares_are_counted_one_by_one(examples) -> None:
    scores = METRIC.score(
        total((made, SummaryTarget(wanted, source)) for made, wanted, source in examples)
    )
    assume(all(has_plain_words([wanted]) for _, wanted, _ in examples))
    found = [SCORER.score(target=wanted, prediction=made) for made, wanted, _ in examples]
    for name in ROUGES:
        mean = sum(one[name].fmeasure for one in found) / len(found)
        assert scores[name] == pytest.approx(100 * mean, abs=1e-9)
    words, new, copied, said, triples = 0, 0, 0, 0, 0
    for made, _, source in examples:
        tokens, text = words_of(made), f" {' '.join(words_of(source))} "
        for place, word in enumerate(tokens):
            words, new = words + 1, new + (f" {word} " not in text)
            around = (tokens[place - 1 : place + 1], tokens[place : place + 2])
            copied += any(len(pair) == 2 and f" {' '.join(pair)} " in text for pair in around)
        for place in range(len(tokens) - 2):
            triples += 1
            said += any(tokens[p : p + 3] == tokens[place : place + 3] for p in range(place))
    assert scores["novel_unigrams"] == pytest.approx(100 * new / max(words, 1))
    assert scores["copy_rate"] == pytest.approx(100 * copied / max(words, 1))
    assert scores["repetition_rate"] == pytest.approx(100 * said / max(triples, 1))


def test_by_hand() -> None:
    source = "The old dog sleeps. The dog barks at the cat."
    # Of 9 words "a" and "bird" are new; "at the cat" and "the old dog" are copied.
    prediction = "The old dog, a bird; at the cat, the"
    vector = METRIC.statistics(prediction, SummaryTarget("the dog", source))
    assert vector[5:] == (2, 9, 4, 8, 6, 9, 0, 7, 9, 2)
    scores = METRIC.score(vector)
    assert scores["novel_unigrams"] == pytest.approx(100 * 2 / 9)
    assert scores["novel_bigrams"] == 50
    assert scores["copy_rate"] == pytest.approx(100 * 6 / 9)
    assert scores["length_ratio"] == 4.5
    vector = METRIC.statistics("no no no no no", SummaryTarget("no", "no"))
    assert METRIC.score(vector)["repetition_rate"] == pytest.approx(100 * 2 / 3)


def test_a_word_on_its_own_is_no_copy_but_not_new_either() -> None:
    scores = METRIC.score(METRIC.statistics("dog", SummaryTarget("dog", "the dog sleeps")))
    assert (scores["novel_unigrams"], scores["copy_rate"], scores["rouge1"]) == (0, 0, 100)


def test_rouge_weighs_summaries_and_shares_weigh_words() -> None:
    pairs = [
        ("dogs", SummaryTarget("dog", "a cat")),  # one stem
        ("a cat saw a mouse", SummaryTarget("nothing", "a cat saw a mouse")),
    ]
    scores = METRIC.score(total(pairs))
    assert scores["rouge1"] == 50
    assert scores["novel_unigrams"] == pytest.approx(100 / 6)
    assert scores["length_ratio"] == 3


def test_sentences_are_lines_for_lsum_only() -> None:
    reference = "a dog sleeps\nthe cat sees a mouse"
    prediction = "the cat sees a mouse\na dog sleeps"
    scores = METRIC.score(METRIC.statistics(prediction, SummaryTarget(reference, "")))
    assert scores["rougeLsum"] == 100
    assert scores["rougeL"] == pytest.approx(100 * 5 / 8)
    flat = METRIC.statistics(prediction.replace("\n", " "), SummaryTarget("a dog sees it", ""))
    assert flat[3] == flat[4] > 0


def test_empty_summaries_score_zero() -> None:
    scores = METRIC.score(METRIC.statistics("", SummaryTarget("a dog", "a dog sleeps")))
    assert set(scores.values()) == {0}
    scores = METRIC.score(METRIC.statistics("a dog", SummaryTarget("", "")))
    assert (scores["rouge1"], scores["novel_unigrams"], scores["length_ratio"]) == (0, 100, 0)
    for nothing in ([], [0.0] * 15):
        with pytest.raises(ValueError, match="no summaries"):
            METRIC.score(nothing)


def test_the_signature_names_the_settings() -> None:
    (signature,) = METRIC.signatures.values()
    assert "stemmer:porter" in signature
    assert "rouge-score:0." in signature


@pytest.mark.parametrize(
    ("k", "expected"), [(0, ""), (1, "One,"), (3, "One, two three."), (9, "One, two three. Four")]
)
def test_lead(k, expected) -> None:
    assert lead(" One, two\n three.  Four ", k) == expected


def test_leads_reach_beyond_the_longest_reference() -> None:
    assert lead_lengths(0) == [1]
    assert lead_lengths(1) == [1, 2, 3]
    assert lead_lengths(6) == [*range(1, 19)]
    assert lead_lengths(18) == [*range(1, 21), 22, 24, 26, 28, 30, 33, 36, 39, 42, 46, 50, 54]


def test_the_best_lead_is_chosen_by_mean_rouge_l() -> None:
    pairs = [
        ("red dogs bark at night all week", "red dogs bark"),
        ("green cats sleep by day", "green cats"),
        ("blue mice sing well and long", "blue mice sing"),
    ]
    means = {
        k: sum(rouge_l(lead(source, k).split(), wanted.split()) for source, wanted in pairs)
        for k in range(1, 8)
    }
    assert best_lead(pairs, range(1, 8)) == max(means, key=means.__getitem__) == 3
    assert best_lead(pairs, [7, 5]) == 5
    assert best_lead([("a b", "none"), ("c d", "of it")], [4, 2, 9]) == 2  # of equals the smallest
    for nothing in (([], [1]), (pairs, [])):
        with pytest.raises(ValueError, match="at least one"):
            best_lead(*nothing)


def test_targets_of_symbols_are_scored_by_characters() -> None:
    """Without a word to count, ROUGE would be 0 whatever a model writes."""
    metric = SummaryScores()
    target = SummaryTarget("👍🏽 👨\u200d👩\u200d👧!", "👍🏽 yes")
    assert metric.score(metric.statistics("👍🏽👨\u200d👩\u200d👧 !", target))["rougeL"] == 100
    half = metric.score(metric.statistics("👍🏽", target))
    assert half["rouge1"] == pytest.approx(100 * 2 * 1 / 3 / (1 + 1 / 3))
    assert half["length_ratio"] == pytest.approx(1 / 3)
    assert half["novel_unigrams"] == 0
    assert metric.score(metric.statistics("👎", target))["rouge1"] == 0
    assert metric.score(metric.statistics("good", target))["rouge1"] == 0
