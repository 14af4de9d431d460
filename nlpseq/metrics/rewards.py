"""Rewards of single sentences in [0, 1], fast enough for training by reward.

They compare sequences of hashable items: words, or ids as plain integers (`tensor.tolist()`; elements of a
tensor are not equal as keys). They are for training, not for reported results.
"""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence


def sentence_bleu(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """Return the smoothed BLEU of one sentence (Lin and Och 2004).

    One is added to the matched and to all n-grams for n > 1; n is at most 4 in short sentences, too. This
    equals sacrebleu with `add-k` and k = 1.

    Args:
        hypothesis: predicted tokens.
        reference: tokens of the reference.

    Returns:
        BLEU in [0, 1]: 1 for equal sentences, 0 without a common token.
    """
    length, reference_length = len(hypothesis), len(reference)
    matches = _count_common(hypothesis, reference)
    if not matches:
        return 0.0
    log_precision = math.log(matches / length)
    for order in (2, 3, 4):
        matches = _count_common(_ngrams(hypothesis, order), _ngrams(reference, order))
        log_precision += math.log((matches + 1) / (max(length - order + 1, 0) + 1))
    return math.exp(min(0.0, 1 - reference_length / length) + log_precision / 4)


def rouge_l(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """Return the F1 of the longest common subsequence of two sentences (Lin 2004, section 3.1, beta = 1).

    Args:
        hypothesis: predicted tokens.
        reference: tokens of the reference.

    Returns:
        ROUGE-L in [0, 1]: 1 for equal sentences, 0 without a common token.
    """
    common = longest_common_subsequence(hypothesis, reference)
    return 2 * common / (len(hypothesis) + len(reference)) if common else 0.0


def longest_common_subsequence(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence (Hyyro 2004).

    A row of the dynamic program is one integer. Bit i of `row` is 0 where the table increases from column i
    to i + 1, so one addition computes the next row.
    """
    positions: dict[Hashable, int] = {}  # bits of the indices at which each token occurs
    for index, token in enumerate(left):
        positions[token] = positions.get(token, 0) | 1 << index
    full = (1 << len(left)) - 1
    row = full
    for token in right:
        if matches := row & positions.get(token, 0):
            row = (row + matches | row - matches) & full
    return len(left) - row.bit_count()


def _ngrams(tokens: Sequence[Hashable], order: int) -> Iterator[tuple[Hashable, ...]]:
    return zip(*[tokens[start:] for start in range(order)], strict=False)


def _count_common(hypothesis: Iterable[Hashable], reference: Iterable[Hashable]) -> int:
    """Count common items, each used once; on sentences twice as fast as two `Counter`s."""
    unused: dict[Hashable, int] = {}
    for item in reference:
        unused[item] = unused.get(item, 0) + 1
    common = 0
    for item in hypothesis:
        if remaining := unused.get(item, 0):
            unused[item] = remaining - 1
            common += 1
    return common
