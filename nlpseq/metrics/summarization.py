"""Scores of summaries: ROUGE, rates of novel, copied and repeated words, and the Lead-k baseline.

ROUGE (Lin 2004) is computed by google-research/rouge, which replicates ROUGE-1.5.5 with the option -m: F1 of
each summary, averaged over the summaries. English is cut and stemmed as rouge-score does, other languages into
Unicode words, see `words`; so is a summary whose references have no letter a-z and no digit, to which rouge-score
gives 0. If they have no word at all, emoji for instance, words are characters. With several references, each score is
that of the best one.

- `rouge1`, `rouge2`: common words and pairs of words.
- `rougeL`: longest common subsequence of the whole texts, without regard to lines (section 3.1).
- `rougeLsum`: union of the longest common subsequences of the sentences, which are the *lines* of a text
  (section 3.2). Papers on summaries of several sentences mostly report this one as "ROUGE-L". If both texts are
  one line, as headlines and subjects are, it equals `rougeL`.

The other scores count lower-cased words (letters, digits and underscores, no punctuation). They are ratios of
sums over all summaries, so long summaries weigh more than short ones.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from nlpseq.metrics.base import Scores
from nlpseq.metrics.scripts import Words
from nlpseq.metrics.words import WordTokenizer, has_plain_words, lead, symbols_of, words_of

ROUGES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class SummaryTarget(NamedTuple):
    """Texts that a summary is compared with.

    Attributes:
        reference: the reference summary, one sentence on each line.
        source: the summarized raw text.
        further: further reference summaries.
    """

    reference: str
    source: str
    further: tuple[str, ...] = ()


class SummaryScores:
    """Scores of predicted summaries against `SummaryTarget`s.

    The statistics of a summary are 1, its four ROUGE F1s in the order of `ROUGES`, then pairs of counts, part
    and total: novel words, novel pairs of words, copied words, repeated triples of words, and both lengths (of the
    first reference).

    Args:
        words: the words that ROUGE counts, see `words.WordTokenizer`.

    Attributes:
        num_references: number of references of each summary, for the signature; -1 if it varies.
    """

    directions: ClassVar[Mapping[str, bool]] = MappingProxyType(dict.fromkeys(ROUGES, True))

    def __init__(self, words: Words = "rouge-score") -> None:
        self.words = words
        self.num_references = 1

    @property
    def signatures(self) -> dict[str, str]:
        """Settings and version of ROUGE, in the style of sacrebleu's signatures."""
        count = "var" if self.num_references < 0 else self.num_references
        cut = "stemmer:porter" if self.words == "rouge-score" else "words:unicode|stemmer:none"
        settings = f"nrefs:{count}|case:lc|{cut}|measure:f1|average:summaries|Lsum:lines"
        return {"rouge": f"{settings}|rouge-score:{version('rouge-score')}"}

    def statistics(self, prediction: str, target: SummaryTarget) -> tuple[float, ...]:
        """Return the statistics vector of one summary.

        Args:
            prediction: the summary, one sentence on each line; may be empty.
            target: the references and the source.
        """
        reference, source, further = target
        references = [reference, *further]
        rouge = _scorer(self.words, references, ROUGES).score_multi(references, prediction)
        cut = words_of if any(map(words_of, references)) else symbols_of
        words, source_words = cut(prediction), cut(source)
        pairs, triples = _ngrams(words, 2), _ngrams(words, 3)
        known_words, known_pairs = {*source_words}, {*_ngrams(source_words, 2)}
        known = [pair in known_pairs for pair in pairs]
        # A word is copied if it is next to the same neighbour in the source.
        copied = sum(map(max, [False, *known], [*known, False])) if words else 0
        return (
            1,
            *(rouge[name].fmeasure for name in ROUGES),
            *(sum(word not in known_words for word in words), len(words)),
            *(len(known) - sum(known), len(pairs)),
            *(copied, len(words)),
            *(len(triples) - len({*triples}), len(triples)),
            *(len(words), len(cut(reference))),
        )

    def score(self, total: Sequence[float]) -> Scores:
        """Return scores from a sum of vectors, in percent except for `length_ratio`; 0 / 0 is 0.

        Returns:
            The four `ROUGES`, averaged over the summaries, and

            - `novel_unigrams`, `novel_bigrams`: share of the summaries' words, and of their pairs of
              neighbouring words, that the source does not have;
            - `copy_rate`: share of their words in sequences of two or more words from the source;
            - `repetition_rate`: share of their triples of words that occurred earlier in the same summary;
            - `length_ratio`: number of words in the summaries divided by that in the references.

        Raises:
            ValueError: there is no summary.
        """
        if not total or total[0] == 0:
            raise ValueError("ROUGE of no summaries")
        summaries, *sums = total
        scores = {name: 100 * sums[index] / summaries for index, name in enumerate(ROUGES)}
        parts, totals = sums[len(ROUGES) :: 2], sums[len(ROUGES) + 1 :: 2]
        shares = [part / total if total else 0.0 for part, total in zip(parts, totals, strict=True)]
        names = ("novel_unigrams", "novel_bigrams", "copy_rate", "repetition_rate")
        scores |= {name: 100 * share for name, share in zip(names, shares[:-1], strict=True)}
        return scores | {"length_ratio": shares[-1]}


def lead_lengths(longest: int) -> list[int]:
    """Return the candidates for k: every number up to 20, then steps of 10 %.

    If the important words come late in a text, more words than a reference has can be best. The largest k is three
    times the longest reference, where precision is at most a third.

    Args:
        longest: number of words in the longest reference.
    """
    ks, largest = [1], 3 * longest
    while ks[-1] < largest:
        ks.append(min(largest, ks[-1] + max(1, ks[-1] // 10)))
    return ks


def best_lead(
    pairs: Iterable[tuple[str, str]], ks: Iterable[int], words: Words = "rouge-score"
) -> int:
    """Return the k with the best mean ROUGE-L of Lead-k; the smallest one of several.

    Args:
        pairs: source and reference of each validation example.
        ks: candidates for k.
        words: the words that ROUGE counts.

    Raises:
        ValueError: there is no pair or no candidate.
    """
    examples, choices = list(pairs), sorted({*ks})
    if not examples or not choices:
        raise ValueError("choosing k for Lead-k needs at least one pair of texts and one candidate")

    def quality(k: int) -> float:
        rouge = (
            _scorer(words, [reference], ("rougeL",)).score(reference, lead(source, k))
            for source, reference in examples
        )
        return math.fsum(scores["rougeL"].fmeasure for scores in rouge)

    return max(choices, key=quality)


def _scorer(words: Words, references: Sequence[str], names: tuple[str, ...]) -> Any:
    """Return a scorer of these words; of Unicode words, or of characters, if the references have none of them."""
    if not has_plain_words(references):
        words = "unicode" if any(map(words_of, references)) else "symbols"
    return _build_scorer(words, names)


@cache
def _build_scorer(words: Words, names: tuple[str, ...]) -> Any:
    # Late: rouge_score imports nltk, which takes 2 s.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(names, tokenizer=WordTokenizer(words))


def _ngrams(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(order)), strict=False))
