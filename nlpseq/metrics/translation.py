"""Scores of translations: BLEU, chrF and TER on raw text, and the lower-cased tokenized BLEU of older papers.

All are computed by sacrebleu (Post 2018) on detokenized text with its default settings, except that BLEU's
tokenizer follows the language; `signatures` states both. They equal its corpus scores, with one reference or
several, because each is computed from sums over sentences:

- BLEU (Papineni et al. 2002): matched and predicted n-grams, n = 1 to 4, and both lengths;
- chrF (Popovic 2015): predicted, reference and matched character n-grams, n = 1 to 6;
- TER (Snover et al. 2006): edits and words of the reference. Lower is better.

BLEU scores on differently tokenized text are not comparable. `bleu_lowercased_tokenized` is for comparison with
results on a data set's own tokenized files, and has a separate name for that reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import sacrebleu
import sacremoses

from nlpseq.metrics.base import Scores
from nlpseq.metrics.bleu_tokenizers import DEFAULT, build_bleu

# Indices in the statistics vector; index 0 is the number of sentences.
_BLEU, _CHRF, _TER, _TOKENIZED_BLEU = slice(1, 11), slice(11, 29), slice(29, 31), slice(31, 41)


class TranslationTarget(NamedTuple):
    """References of a translation for both kinds of BLEU.

    Attributes:
        text: the reference as raw text.
        tokenized: the same from the data set's own files: lower-cased, normalised and tokenized.
        further: further references as raw text.
    """

    text: str
    tokenized: str | None = None
    further: tuple[str, ...] = ()


class LowercasedTokenizer:
    """Lower-casing, punctuation normalisation and tokenization in this order, with Moses's rules by sacremoses.

    These steps and settings turn the raw files of Multi30k into its files `tok/*.lc.norm.tok.*`: `"` becomes
    `&quot;`, hyphens are not split. Lower-casing comes first, because it affects which dots are split off:
    abbreviations are looked up with their capitals.
    """

    def __init__(self, language: str) -> None:
        """Store a language code such as `de`; languages without rules in Moses are treated as English."""
        self.language = language
        self._normalizer = sacremoses.MosesPunctNormalizer(lang=language)
        self._tokenizer = sacremoses.MosesTokenizer(lang=language)

    def __call__(self, text: str) -> str:
        """Return the tokens of a text, joined by single spaces."""
        normalized = self._normalizer.normalize(text.lower())
        tokens = self._tokenizer.tokenize(normalized, escape=True, aggressive_dash_splits=False)
        return " ".join(tokens)


class TranslationScores:
    """Scores of predicted translations against one or more references each, all raw detokenized text.

    The statistics of a sentence are 1, ten numbers for BLEU, eighteen for chrF, two for TER, and ten more for
    the lower-cased tokenized BLEU, if that is wanted.

    Attributes:
        bleu_tokenizer: name of sacrebleu's tokenizer for BLEU; it is built when it is first used.
        num_references: number of references of each sentence, for the signatures; -1 if it varies.
    """

    directions: ClassVar[Mapping[str, bool]] = MappingProxyType(
        {"bleu": True, "chrf": True, "ter": False}
    )

    def __init__(
        self, tokenized_language: str | None = None, *, bleu_tokenizer: str = DEFAULT
    ) -> None:
        """Choose the scores.

        Args:
            tokenized_language: code of the target language, such as `de`; adds
                `bleu_lowercased_tokenized`, and each target has to be a `TranslationTarget`.
            bleu_tokenizer: name of sacrebleu's tokenizer for BLEU, such as `zh`.
        """
        self.bleu_tokenizer = bleu_tokenizer
        self.num_references = 1
        self._chrf = sacrebleu.CHRF()
        # Asian characters are words of TER, where BLEU's tokenizer says that the text is Chinese or Japanese.
        asian = bleu_tokenizer in ("zh", "ja-mecab")
        self._ter = sacrebleu.TER(normalized=asian, asian_support=asian)
        self._tokenized_bleu = build_bleu("none")
        self._tokenizer = LowercasedTokenizer(tokenized_language) if tokenized_language else None

    @cached_property
    def _bleu(self) -> sacrebleu.BLEU:
        return build_bleu(self.bleu_tokenizer)

    @property
    def signatures(self) -> dict[str, str]:
        """Settings and versions of each score, as sacrebleu's signatures."""
        metrics = {"bleu": self._bleu, "chrf": self._chrf, "ter": self._ter}
        if self._tokenizer:
            metrics["bleu_lowercased_tokenized"] = self._tokenized_bleu
        signatures = {}
        for name, metric in metrics.items():
            # A metric knows its number of references only after it has scored something.
            many = self.num_references if name != "bleu_lowercased_tokenized" else 1
            # A second sentence with fewer references makes their number vary.
            streams: list[list[str]] = [[""]] * many if many > 0 else [["", ""], ["", None]]  # type: ignore[list-item]
            metric.corpus_score([""] * len(streams[0]), streams)
            signatures[name] = str(metric.get_signature())
        if self._tokenizer:
            signatures["bleu_lowercased_tokenized"] += (
                f"|hypotheses:lowercase+normalize+tokenize-{self._tokenizer.language}"
                f"|sacremoses:{sacremoses.__version__}"
            )
        return signatures

    def statistics(self, prediction: str, target: str | TranslationTarget) -> tuple[float, ...]:
        """Return the statistics vector of one sentence.

        Args:
            prediction: the detokenized translation; may be empty.
            target: the reference, or a `TranslationTarget` with its other forms and further references.

        Raises:
            ValueError: the tokenized reference is needed, but missing.
            UserError: BLEU's tokenizer cannot be used.
        """
        text, tokenized, further = TranslationTarget(target) if isinstance(target, str) else target
        references = [text, *further]
        edits = self._ter.corpus_score([prediction], [[reference] for reference in references])
        vector = [
            1.0,
            *_bleu_statistics(self._bleu, prediction, references),
            *_best_chrf_statistics(prediction, references),
            edits.num_edits,
            edits.ref_length,
        ]
        if self._tokenizer:
            if tokenized is None:
                raise ValueError("the lower-cased tokenized BLEU needs a tokenized reference")
            tokens = self._tokenizer(prediction)
            vector.extend(_bleu_statistics(self._tokenized_bleu, tokens, [tokenized]))
        return tuple(vector)

    def score(self, total: Sequence[float]) -> Scores:
        """Return scores from a sum of vectors.

        Returns:
            `bleu`, `chrf`, `ter` and, if wanted, `bleu_lowercased_tokenized`, all times 100 (TER may exceed
            100), and `length_ratio`: tokens of the translations divided by tokens of the references, as BLEU
            counts them; 0 if all references are empty.

        Raises:
            ValueError: there is no sentence.
        """
        if not total or total[0] == 0:
            raise ValueError("BLEU of no sentences")
        length, reference_length = total[_BLEU][:2]
        scores = {
            "bleu": _bleu_score(total[_BLEU]),
            "chrf": _chrf_score(total[_CHRF]),
            "ter": _ter_score(*total[_TER]),
            "length_ratio": length / reference_length if reference_length else 0.0,
        }
        if self._tokenizer:
            scores["bleu_lowercased_tokenized"] = _bleu_score(total[_TOKENIZED_BLEU])
        return scores


def _bleu_statistics(
    metric: sacrebleu.BLEU, prediction: str, references: Sequence[str]
) -> list[float]:
    """Return both lengths, the matched n-grams and the predicted n-grams."""
    score = metric.corpus_score([prediction], [[reference] for reference in references])
    return [score.sys_len, score.ref_len, *score.counts, *score.totals]


def _bleu_score(total: Sequence[float]) -> float:
    # Rounded: sums of a bootstrap or of `math.fsum` are floats, and sacrebleu expects integers.
    length, reference_length, *counts = map(round, total)
    # "exp" is the default smoothing of `corpus_bleu`.
    bleu = sacrebleu.BLEU.compute_bleu(counts[:4], counts[4:], length, reference_length, "exp")
    return float(bleu.score)


def _best_chrf_statistics(prediction: str, references: Sequence[str]) -> list[float]:
    """Return the statistics for the reference with the best chrF, the first of several."""
    statistics = [[*_chrf_statistics(prediction, reference)] for reference in references]
    return max(statistics, key=_chrf_score) if len(statistics) > 1 else statistics[0]


# sacrebleu computes the statistics of chrF in private methods only; its character n-grams are public.
def _chrf_statistics(prediction: str, reference: str) -> Iterator[float]:
    """Yield for each order: predicted n-grams (if the reference has any), its n-grams, matches."""
    for order in range(1, sacrebleu.CHRF.CHAR_ORDER + 1):
        predicted = sacrebleu.extract_char_ngrams(prediction, order)
        gold = sacrebleu.extract_char_ngrams(reference, order)
        yield sum(predicted.values()) if gold else 0
        yield sum(gold.values())
        yield sum(min(count, gold[ngram]) for ngram, count in predicted.items() if ngram in gold)


def _chrf_score(total: Sequence[float]) -> float:
    """Return F of mean precision and mean recall over the orders of both sides, recall weighted by beta^2."""
    orders = zip(total[0::3], total[1::3], total[2::3], strict=True)
    present = [
        (predicted, gold, matches) for predicted, gold, matches in orders if predicted and gold
    ]
    if not any(matches for *_, matches in present):
        return 0.0
    precision = sum(matches / predicted for predicted, _, matches in present) / len(present)
    recall = sum(matches / gold for _, gold, matches in present) / len(present)
    weight = sacrebleu.CHRF.BETA**2
    return 100 * (1 + weight) * precision * recall / (weight * precision + recall)


def _ter_score(edits: float, words: float) -> float:
    if words:
        return 100 * edits / words
    return 100.0 if edits else 0.0  # all references are empty
