"""How good is one sentence? Rewards in [0, 1], quick enough for training by reward.

They compare sequences of any hashables by equality: words, or ids as plain integers (`tensor.tolist()`; two
elements of a tensor are never equal keys). They are means to train by, not figures to report.
"""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence


def sentence_bleu(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """Smoothed BLEU of one sentence: one is added to found and made n-grams, n > 1 (Lin and Och 2004).

    N-grams go up to 4, however short the sentence is. It equals sacrebleu's with `add-k` and k = 1.

    Args:
        hypothesis: its tokens.
        reference: the tokens that were wanted.

    Returns:
        BLEU in [0, 1]: 1 for equal sentences, 0 where no token is common, or there is none.
    """
    made, wanted = len(hypothesis), len(reference)
    found = _common(hypothesis, reference)
    if not found:
        return 0.0
    log_precision = math.log(found / made)
    for order in (2, 3, 4):
        found = _common(_ngrams(hypothesis, order), _ngrams(reference, order))
        log_precision += math.log((found + 1) / (max(made - order + 1, 0) + 1))
    return math.exp(min(0.0, 1 - wanted / made) + log_precision / 4)


def rouge_l(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """F1 of the longest common subsequence of two sentences (Lin 2004, section 3.1, beta = 1).

    Args:
        hypothesis: its tokens.
        reference: the tokens that were wanted.

    Returns:
        ROUGE-L in [0, 1]: 1 for equal sentences, 0 where no token is common, or there is none.
    """
    common = longest_common_subsequence(hypothesis, reference)
    return 2 * common / (len(hypothesis) + len(reference)) if common else 0.0


def longest_common_subsequence(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Its length, by a row of the usual table as the bits of one integer (Hyyro 2004).

    Bit i of `row` is 0 where the table rises from column i to i + 1, so one addition carries a whole row on.
    """
    places: dict[Hashable, int] = {}
    for place, token in enumerate(left):
        places[token] = places.get(token, 0) | 1 << place
    full = (1 << len(left)) - 1
    row = full
    for token in right:
        if matches := row & places.get(token, 0):
            row = (row + matches | row - matches) & full
    return len(left) - row.bit_count()


def _ngrams(tokens: Sequence[Hashable], order: int) -> Iterator[tuple[Hashable, ...]]:
    return zip(*[tokens[start:] for start in range(order)], strict=False)


def _common(hypothesis: Iterable[Hashable], reference: Iterable[Hashable]) -> int:
    """How many of one are in the other, each used once. Half the time of two `Counter`s, on sentences."""
    unused: dict[Hashable, int] = {}
    for one in reference:
        unused[one] = unused.get(one, 0) + 1
    found = 0
    for one in hypothesis:
        if left := unused.get(one, 0):
            unused[one] = left - 1
            found += 1
    return found
