"""Scores of summaries: ROUGE, and how much they copy, invent and repeat; the Lead-k baseline.

ROUGE (Lin 2004) is that of google-research/rouge, which replicates ROUGE-1.5.5 with the option -m: F1 of each
summary, words cut to their Porter stems, averaged over the summaries. It reads the letters a-z and digits only,
so texts in other alphabets score 0.

- `rouge1`, `rouge2`: words and pairs of words in common.
- `rougeL`: the longest common subsequence of the whole texts, line ends ignored (section 3.1).
- `rougeLsum`: the union of the longest common subsequences of the sentences, which are the *lines* of a text
  (section 3.2). The "ROUGE-L" of papers on summaries of several sentences is mostly this one. Where both texts
  are one line, as headlines and subjects are, it is the same as `rougeL`.

The other figures count lower-cased words, runs of letters, digits and underscores, so punctuation is not among
them. They are ratios of sums over all summaries: a long summary weighs more than a short one.
"""

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

from nlpseq.metrics.base import Scores

ROUGES = ("rouge1", "rouge2", "rougeL", "rougeLsum")

_WORD = re.compile(r"\w+")


class SummaryTarget(NamedTuple):
    """What a summary is held against.

    Attributes:
        reference: the summary that was asked for, one sentence a line.
        source: the text that is summarized, as raw text.
    """

    reference: str
    source: str


class SummaryScores:
    """Scores of summaries, from what was predicted and `SummaryTarget`s.

    The statistics of a summary are 1, its four ROUGE F1s in the order of `ROUGES`, then pairs of counts, part
    and whole: new words, new pairs of words, copied words, repeated triples, and the two lengths.
    """

    @property
    def signatures(self) -> dict[str, str]:
        """How ROUGE was computed, in the manner of sacrebleu's signatures."""
        how = "nrefs:1|case:lc|stemmer:porter|measure:f1|average:summaries|Lsum:lines"
        return {"rouge": f"{how}|rouge-score:{version('rouge-score')}"}

    def statistics(self, prediction: str, target: SummaryTarget) -> tuple[float, ...]:
        """Vector of one summary.

        Args:
            prediction: the summary, one sentence a line; may be empty.
            target: the reference and the source.
        """
        reference, source = target
        found = _scorer(*ROUGES).score(reference, prediction)
        words, given = words_of(prediction), words_of(source)
        pairs, triples = _ngrams(words, 2), _ngrams(words, 3)
        known_words, known_pairs = {*given}, {*_ngrams(given, 2)}
        old = [pair in known_pairs for pair in pairs]
        # A word is copied if it and a neighbour stand in the source side by side.
        copied = sum(map(max, [False, *old], [*old, False])) if words else 0
        return (
            1,
            *(found[name].fmeasure for name in ROUGES),
            *(sum(word not in known_words for word in words), len(words)),
            *(len(old) - sum(old), len(pairs)),
            *(copied, len(words)),
            *(len(triples) - len({*triples}), len(triples)),
            *(len(words), len(words_of(reference))),
        )

    def score(self, total: Sequence[float]) -> Scores:
        """Scores from a sum of vectors, times 100 except for the last one; a ratio of nothing to nothing is 0.

        Returns:
            The four of `ROUGES`, means over the summaries, and

            - `novel_unigrams`, `novel_bigrams`: what share of the summaries' words, and of their pairs of
              neighbouring words, is not in the source;
            - `copy_rate`: what share of their words stands in runs of two or more words of the source;
            - `repetition_rate`: what share of their triples of words has been said before in the same
              summary;
            - `length_ratio`: words of the summaries by words of the references, 1 where they are as long.

        Raises:
            ValueError: there is no summary.
        """
        if not total or total[0] == 0:
            raise ValueError("ROUGE of no summaries")
        summaries, *sums = total
        scores = {name: 100 * sums[place] / summaries for place, name in enumerate(ROUGES)}
        parts, wholes = sums[len(ROUGES) :: 2], sums[len(ROUGES) + 1 :: 2]
        shares = [part / whole if whole else 0.0 for part, whole in zip(parts, wholes, strict=True)]
        names = ("novel_unigrams", "novel_bigrams", "copy_rate", "repetition_rate")
        scores |= {name: 100 * share for name, share in zip(names, shares[:-1], strict=True)}
        return scores | {"length_ratio": shares[-1]}


def words_of(text: str) -> list[str]:
    """The lower-cased words of a text: runs of letters, digits and underscores."""
    return _WORD.findall(text.lower())


def lead(text: str, k: int) -> str:
    """The first k words of a text, as they are between blanks: the Lead-k baseline."""
    return " ".join(text.split(maxsplit=k)[:k])


def lead_lengths(longest: int) -> list[int]:
    """The k to choose from, given the words of the longest reference: every number up to 20, then steps of a tenth.

    Where what is wanted stands far behind, more words than a reference has can be best. With three times as many
    precision is a third at most.
    """
    ks, most = [1], 3 * longest
    while ks[-1] < most:
        ks.append(min(most, ks[-1] + max(1, ks[-1] // 10)))
    return ks


def best_lead(pairs: Iterable[tuple[str, str]], ks: Iterable[int]) -> int:
    """The k with the best mean ROUGE-L of Lead-k; of equals the smallest.

    Args:
        pairs: source and reference of each example, of the validation split.
        ks: the numbers of words to choose from.

    Raises:
        ValueError: there is no pair, or nothing to choose from.
    """
    scorer, examples, choices = _scorer("rougeL"), list(pairs), sorted({*ks})
    if not examples or not choices:
        raise ValueError("Lead-k is chosen from at least one number by at least one pair of texts")

    def quality(k: int) -> float:
        found = (scorer.score(reference, lead(source, k)) for source, reference in examples)
        return math.fsum(scores["rougeL"].fmeasure for scores in found)

    return max(choices, key=quality)


@cache
def _scorer(*names: str) -> Any:
    # Late: rouge_score brings nltk, which takes 2 s that mere summarizing can save.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(names, use_stemmer=True)


def _ngrams(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(order)), strict=False))
