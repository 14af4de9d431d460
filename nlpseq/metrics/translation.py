"""Scores of translations: BLEU, chrF and TER on raw text, and the lower-cased tokenized BLEU of older papers.

All are sacrebleu's (Post 2018), on detokenized text and one reference, with its default settings; `signatures`
says which. They equal its corpus scores, because each is made of sums over sentences:

- BLEU (Papineni et al. 2002): n-grams found and made, n = 1 to 4, and two lengths;
- chrF (Popovic 2015): n-grams of characters made, wanted and found, n = 1 to 6;
- TER (Snover et al. 2006): edits and words of the reference. Lower is better.

Two BLEUs of different text must not be compared. The second one here, `bleu_lowercased_tokenized`, exists for
figures that were published on a data set's own tokenized files, and has its own name for that reason.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sacrebleu
import sacremoses

from nlpseq.metrics.base import Scores

_CHRF, _TER = slice(11, 29), slice(29, 31)  # places in the vector, behind the sentences and BLEU
_BLEU, _TOKENIZED_BLEU = slice(1, 11), slice(31, 41)


class TranslationTarget(NamedTuple):
    """What a translation is held against where both kinds of BLEU are asked for.

    Attributes:
        text: the reference as it was written.
        tokenized: the same from the data set's own files, lower-cased, normalised and tokenized.
    """

    text: str
    tokenized: str


class LowercasedTokenizer:
    """Moses's lower-casing, punctuation normalisation and tokenization, in this order, by sacremoses.

    These steps and settings make the files `tok/*.lc.norm.tok.*` of Multi30k out of its raw ones; `"` is
    written `&quot;`, hyphens are not split. Lower-casing comes first, as it decides which dots are split off:
    abbreviations are looked up with their capitals.
    """

    def __init__(self, language: str) -> None:
        """Take a code such as `de`; a language that Moses does not know is treated as English."""
        self.language = language
        self._normalizer = sacremoses.MosesPunctNormalizer(lang=language)
        self._tokenizer = sacremoses.MosesTokenizer(lang=language)

    def __call__(self, text: str) -> str:
        """The tokens of a text, joined by single spaces."""
        normal = self._normalizer.normalize(text.lower())
        tokens = self._tokenizer.tokenize(normal, escape=True, aggressive_dash_splits=False)
        return " ".join(tokens)


class TranslationScores:
    """Scores of translations, from what was predicted and one reference each, both raw detokenized text.

    The statistics of a sentence are 1, ten numbers of BLEU, eighteen of chrF, two of TER, and ten more of the
    second BLEU where it is asked for.
    """

    def __init__(self, tokenized_language: str | None = None) -> None:
        """Choose the scores.

        Args:
            tokenized_language: the code of the target language, such as `de`, adds
                `bleu_lowercased_tokenized`; each target is then a `TranslationTarget`.
        """
        # `force` only keeps sacrebleu from warning of text that looks tokenized.
        self._bleu = sacrebleu.BLEU(force=True)
        self._chrf = sacrebleu.CHRF()
        self._ter = sacrebleu.TER()
        self._tokenized_bleu = sacrebleu.BLEU(tokenize="none", force=True)
        self._tokenizer = LowercasedTokenizer(tokenized_language) if tokenized_language else None

    @property
    def signatures(self) -> dict[str, str]:
        """How each score was computed, in sacrebleu's words, for whoever wants to compare with it."""
        metrics = {"bleu": self._bleu, "chrf": self._chrf, "ter": self._ter}
        if self._tokenizer:
            metrics["bleu_lowercased_tokenized"] = self._tokenized_bleu
        signatures = {}
        for name, metric in metrics.items():
            # Before it has scored anything, it does not know its number of references.
            metric.corpus_score([""], [[""]])
            signatures[name] = str(metric.get_signature())
        if self._tokenizer:
            signatures["bleu_lowercased_tokenized"] += (
                f"|hypotheses:lowercase+normalize+tokenize-{self._tokenizer.language}"
                f"|sacremoses:{sacremoses.__version__}"
            )
        return signatures

    def statistics(self, prediction: str, target: str | TranslationTarget) -> tuple[float, ...]:
        """Vector of one sentence.

        Args:
            prediction: the translation, detokenized; may be empty.
            target: the reference, alone or with its tokenized twin.

        Raises:
            ValueError: the tokenized reference is needed and missing.
        """
        text, tokenized = (target, None) if isinstance(target, str) else target
        edits = self._ter.corpus_score([prediction], [[text]])
        vector = [
            1.0,
            *_bleu_statistics(self._bleu, prediction, text),
            *_chrf_statistics(prediction, text),
            edits.num_edits,
            edits.ref_length,
        ]
        if self._tokenizer:
            if tokenized is None:
                raise ValueError("the lower-cased tokenized BLEU needs a tokenized reference")
            tokens = self._tokenizer(prediction)
            vector.extend(_bleu_statistics(self._tokenized_bleu, tokens, tokenized))
        return tuple(vector)

    def score(self, total: Sequence[float]) -> Scores:
        """Scores from a sum of vectors.

        Returns:
            `bleu`, `chrf` and `ter`, and `bleu_lowercased_tokenized` where it was asked for, all times 100
            (a TER may exceed 100), and `length_ratio`, tokens translated by tokens of the references as BLEU
            counts them: 1 is as long as it should be. It is 0 where all references are empty.

        Raises:
            ValueError: no sentence was translated.
        """
        if not total or total[0] == 0:
            raise ValueError("BLEU of no sentences")
        made, wanted = total[_BLEU][:2]
        scores = {
            "bleu": _bleu_score(total[_BLEU]),
            "chrf": _chrf_score(total[_CHRF]),
            "ter": _ter_score(*total[_TER]),
            "length_ratio": made / wanted if wanted else 0.0,
        }
        if self._tokenizer:
            scores["bleu_lowercased_tokenized"] = _bleu_score(total[_TOKENIZED_BLEU])
        return scores


def _bleu_statistics(metric: sacrebleu.BLEU, prediction: str, reference: str) -> list[float]:
    """Lengths of both, then n-grams found, then n-grams made."""
    found = metric.corpus_score([prediction], [[reference]])
    return [found.sys_len, found.ref_len, *found.counts, *found.totals]


def _bleu_score(total: Sequence[float]) -> float:
    # Rounded, as sums of a bootstrap or of `math.fsum` are floats and sacrebleu prints them as integers.
    made, wanted, *counts = map(round, total)
    # The smoothing that `corpus_bleu` takes by default.
    found = sacrebleu.BLEU.compute_bleu(counts[:4], counts[4:], made, wanted, "exp")
    return float(found.score)


# sacrebleu gives the statistics of chrF by private methods only; its n-grams of characters are public.
def _chrf_statistics(prediction: str, reference: str) -> Iterator[float]:
    """Of each order: n-grams made (where the reference has any), wanted and found."""
    for order in range(1, sacrebleu.CHRF.CHAR_ORDER + 1):
        made = sacrebleu.extract_char_ngrams(prediction, order)
        wanted = sacrebleu.extract_char_ngrams(reference, order)
        yield sum(made.values()) if wanted else 0
        yield sum(wanted.values())
        yield sum(min(count, wanted[ngram]) for ngram, count in made.items() if ngram in wanted)


def _chrf_score(total: Sequence[float]) -> float:
    """F of mean precision and mean recall over the orders that both sides have, recall weighted by beta^2."""
    orders = zip(total[0::3], total[1::3], total[2::3], strict=True)
    orders_seen = [(made, wanted, found) for made, wanted, found in orders if made and wanted]
    if not any(found for *_, found in orders_seen):
        return 0.0
    precision = sum(found / made for made, _, found in orders_seen) / len(orders_seen)
    recall = sum(found / wanted for _, wanted, found in orders_seen) / len(orders_seen)
    weight = sacrebleu.CHRF.BETA**2
    return 100 * (1 + weight) * precision * recall / (weight * precision + recall)


def _ter_score(edits: float, words: float) -> float:
    if words:
        return 100 * edits / words
    return 100.0 if edits else 0.0  # every reference is empty
