"""Rewards of a sentence, compared with sacrebleu's sentence score, rouge-score and brute force."""

import math
from itertools import combinations

import pytest
import sacrebleu
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from nlpseq.metrics.rewards import longest_common_subsequence, rouge_l, sentence_bleu

TOKENS = st.lists(st.sampled_from("abcd"), max_size=9)
ROUGE = RougeScorer(["rougeL"])


@given(TOKENS, TOKENS)
@example(list("abcd"), list("abcd"))
@example(["a"], ["a"])
@example([], [])
@settings(deadline=None, max_examples=300)
def test_rewards_of_any_tokens(left, right) -> None:
    reference = sacrebleu.sentence_bleu(
        " ".join(left),
        [" ".join(right)],
        smooth_method="add-k",
        smooth_value=1,
        tokenize="none",
        use_effective_order=False,
    )
    assert sentence_bleu(left, right) == pytest.approx(reference.score / 100, abs=1e-12)
    expected = ROUGE.score(" ".join(right), " ".join(left))["rougeL"].fmeasure
    assert rouge_l(left, right) == pytest.approx(expected, abs=1e-12)
    parts = [
        {part for size in range(len(side) + 1) for part in combinations(side, size)}
        for side in (left, right)
    ]
    assert longest_common_subsequence(left, right) == max(map(len, parts[0] & parts[1]))
    # Any hashable items: the same sentences as ids, and as tuples.
    for change in (ord, lambda token: (token, 1)):
        changed = [*map(change, left)], tuple(map(change, right))
        assert sentence_bleu(*changed) == sentence_bleu(left, right)
        assert rouge_l(*changed) == rouge_l(left, right)


def test_bleu_by_hand() -> None:
    # 4 of 5 words, (2 + 1) of (4 + 1) pairs, (1 + 1) of (3 + 1) triples, (0 + 1) of (2 + 1) fours.
    precisions = 4 / 5 * 3 / 5 * 2 / 4 * 1 / 3
    reward = sentence_bleu("a b c x d".split(), "a b c d e f".split())
    assert reward == pytest.approx(math.exp(1 - 6 / 5) * precisions**0.25)


def test_the_ends_of_the_scale() -> None:
    for reward in (sentence_bleu, rouge_l):
        for length in range(1, 8):
            assert reward(range(length), range(length)) == 1.0
        assert reward([1, 2], [3, 4]) == reward([], [1]) == reward([1], []) == 0.0


def test_long_sentences_carry_over_every_word_of_the_machine() -> None:
    left = [number * 7919 % 13 for number in range(300)]
    right = [token for place, token in enumerate(left) if place % 7][20:] + left[:30]
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            longer = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else longer
    assert longest_common_subsequence(left, right) == table[-1][-1] > 200
