"""A trained model of translation or summarization: raw texts in, generated texts out."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch

from nlpseq.data.batch import ModelInput
from nlpseq.data.features import Features
from nlpseq.data.text_pipeline import Text
from nlpseq.errors import UserError
from nlpseq.files import is_utf8
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.predictor import AttendedText, GeneratedText, Hypothesis, as_cut_texts, as_texts, joined

from ..base.decoding_config import build_generator, override_decoding
from ..base.predictor_repr import PredictorRepr
from .metrics import TextMetric
from .model import Seq2SeqModel
from .pairs import Pair, PairReader
from .recipe import Seq2SeqRecipe, TextDecodingConfig
from .search import EncodedSources, Output, OutputSearch, search_batches


class _Batch(NamedTuple):
    rows: list[int]
    features: list[Features]
    pairs: list[Pair]


class _SearchedBatch(NamedTuple):
    rows: list[int]
    pairs: list[Pair]
    sources: EncodedSources
    outputs: list[list[Output]]


class Seq2SeqPredictor(PredictorRepr):
    """A trained model that generates a text for each text.

    Options of decoding that are not given are those of the recipe (`[decoding]`).

    Args:
        pairs: makes features and pairs of texts, as in training.
        recipe: recipe of the model.
        forbidden: ids that no output contains.
        model: trained model.
        device: where to run.
        metric: scores outputs in `evaluate`.
        reference: makes the reference of `metric` from a source and its target.
    """

    name: ClassVar[str] = "sequence-to-sequence model"
    prediction_type: ClassVar[type[GeneratedText]] = GeneratedText

    def __init__(
        self,
        pairs: PairReader,
        recipe: Seq2SeqRecipe,
        forbidden: Sequence[int],
        model: Seq2SeqModel,
        device: torch.device,
        *,
        metric: TextMetric,
        reference: Callable[[str, str], Any],
    ) -> None:
        self.pairs = pairs
        self.recipe = recipe
        self.forbidden = tuple(forbidden)
        self.model = model.to(device).eval()
        self.device = device
        self._metric = metric
        self._reference = reference
        self._search = OutputSearch(pairs, forbidden, self.model, device)

    def decoding_config(
        self, options: Mapping[str, Any], /, *, attention: bool = False
    ) -> TextDecodingConfig:
        """Return the recipe's `[decoding]` with these options in place of its own.

        Args:
            options: keys of `[decoding]`.
            attention: check that attention weights can be computed, too.

        Raises:
            UserError: an unknown option, an impossible value, or an option that is not used.
        """
        config = override_decoding(self.recipe, options, "predict").decoding
        if attention and config.method == "sample":
            raise UserError(
                "attention weights need outputs that are not sampled: set method to greedy or beam"
            )
        if config.replace_unknown and self.pairs.target.unk_id in self.forbidden:
            raise UserError(
                "replace_unknown: this model generates no unknown token that could be replaced"
            )
        return config

    def predict(
        self,
        texts: Iterable[Text],
        /,
        *,
        prefix: str = "",
        seed: int | None = None,
        pretokenized: bool = False,
        **options: Any,
    ) -> list[GeneratedText]:
        """Generate an output for each text.

        Args:
            texts: sources.
            prefix: text with which every output begins.
            seed: makes sampling repeatable.
            pretokenized: the texts are cut as the training data are: words between white space, or lists of words.
            **options: keys of the recipe's `[decoding]` section.

        Returns:
            the outputs, in the order of the texts. A source without a token has an empty output and no
            score; hypotheses are listed if `num_return` is above 1.

        Raises:
            UserError: an unknown option, a source that the recipe refuses for its length, or a model whose
                probabilities are nan.
        """
        config, given = self.decoding_config(options), _given_texts(texts, pretokenized)
        prefix_ids, generator = self._encode_prefix(prefix), build_generator(seed, self.device)
        batches, truncated = self._batches(given, config, pretokenized)
        best: dict[int, list[Output]] = {}
        for batch in self._search_all(batches, config, prefix_ids, generator):
            best.update(zip(batch.rows, batch.outputs, strict=True))
        return [
            _generated_text(joined(text), best.get(row, []), config.num_return, row in truncated)
            for row, text in enumerate(given)
        ]

    def attention(
        self,
        texts: Iterable[Text],
        /,
        *,
        prefix: str = "",
        seed: int | None = None,
        pretokenized: bool = False,
        **options: Any,
    ) -> list[AttendedText]:
        """Generate an output for each text, with what each of its tokens attended to.

        The arguments are those of `predict`.

        Raises:
            UserError: as for `predict`, or outputs are sampled.
        """
        config = self.decoding_config(options, attention=True)
        given = _given_texts(texts, pretokenized)
        prefix_ids, generator = self._encode_prefix(prefix), build_generator(seed, self.device)
        predictions = [AttendedText(joined(text), "", (), (), ()) for text in given]
        batches, _ = self._batches(given, config, pretokenized)
        for rows, pairs, sources, outputs in self._search_all(
            batches, config, prefix_ids, generator
        ):
            best = [row_outputs[0] for row_outputs in outputs]
            weights = self._search.attention(sources, [output.ids for output in best], config)
            for row, output, weight, pair in zip(rows, best, weights, pairs, strict=True):
                spelt = [self.pairs.decode([token_id], pair) for token_id in output.ids]
                predictions[row] = AttendedText(
                    joined(given[row]),
                    output.text,
                    tuple(self.pairs.source_tokens(pair)),
                    tuple([*spelt, "</s>"][: len(weight)]),
                    tuple(map(tuple, weight.tolist())),
                )
        return predictions

    def read_texts(self, texts: Sequence[str]) -> ModelInput:
        """Encode sources as the encoder reads them."""
        features, _ = self.pairs.encode_sources(texts)
        tokens = self.pairs.collator.collate(features).to(self.device)
        pairs = self.pairs.make_pairs(texts, [""] * len(texts))
        return ModelInput(tokens, [self.pairs.source_tokens(pair) for pair in pairs])

    def evaluate(self, texts: Iterable[str], targets: Iterable[str], **options: Any) -> Scores:
        """Return the scores of the outputs of texts against targets.

        Raises:
            UserError: there are more or fewer targets than texts, or none.
        """
        texts, targets = as_texts(texts), as_texts(targets)
        if len(texts) != len(targets) or not texts:
            raise UserError(
                f"{len(texts)} texts and {len(targets)} targets: give as many targets as texts, "
                "at least one"
            )
        predictions = self.predict(texts, **options)
        return self._metric.score(
            sum_statistics(
                self._metric.statistics(prediction.output, self._reference(text, target))
                for prediction, text, target in zip(predictions, texts, targets, strict=True)
            )
        )

    def _search_all(
        self,
        batches: Sequence[_Batch],
        config: TextDecodingConfig,
        prefix: Sequence[int],
        generator: torch.Generator,
    ) -> Iterator[_SearchedBatch]:
        """Search for the outputs of each batch."""
        for rows, features, pairs in batches:
            sources = self._search.encode(features, pairs)
            outputs = self._search.search(
                sources, pairs, config, prefix=prefix, generator=generator
            )
            if any(math.isnan(row_outputs[0].log_prob) for row_outputs in outputs):
                raise UserError("the model's probabilities are nan: it cannot generate text")
            yield _SearchedBatch(rows, pairs, sources, outputs)

    def _encode_prefix(self, prefix: str) -> list[int]:
        if not isinstance(prefix, str) or not is_utf8(prefix):
            raise UserError(f"prefix: {prefix!r:.60} is not valid Unicode text")
        (ids,) = self.pairs.encode_targets([prefix])
        if self.pairs.target.unk_id in ids:
            raise UserError(f"prefix {prefix!r}: has a part that the model's vocabulary lacks")
        return ids

    def _batches(
        self, texts: Sequence[Text], config: TextDecodingConfig, pretokenized: bool
    ) -> tuple[list[_Batch], set[int]]:
        """Group sources by length; return also the rows that are truncated.

        A source without a token is in no batch.
        """
        features, truncated = self.pairs.encode_sources(texts, pretokenized=pretokenized)
        used = [row for row, encoded in enumerate(features) if len(encoded)]
        sources = [texts[row] for row in used]
        pairs = self.pairs.make_pairs(sources, [""] * len(used), pretokenized=pretokenized)
        lengths = [len(features[row]) for row in used]
        training, vocab_size = self.recipe.training, self.pairs.vocab_size
        batches = search_batches(lengths, None, config, training, vocab_size)
        return [
            _Batch(
                [used[number] for number in batch],
                [features[used[number]] for number in batch],
                [pairs[number] for number in batch],
            )
            for batch in batches
        ], set(truncated)


class TranslationPredictor(Seq2SeqPredictor):
    """A trained translation model."""

    name: ClassVar[str] = "translation model"


class SummarizationPredictor(Seq2SeqPredictor):
    """A trained summarization model."""

    name: ClassVar[str] = "summarization model"


def _given_texts(texts: object, pretokenized: bool) -> Sequence[Text]:
    return as_cut_texts(texts) if pretokenized else as_texts(texts)


def _generated_text(
    text: str, outputs: Sequence[Output], num_return: int, truncated: bool
) -> GeneratedText:
    """Make the prediction of a text from its outputs, the best first; it has none without a token."""
    if not outputs:
        return GeneratedText(text, "", None, truncated=truncated)
    hypotheses = [Hypothesis(output.text, output.score, output.log_prob) for output in outputs]
    return GeneratedText(
        text,
        outputs[0].text,
        outputs[0].score,
        truncated=truncated,
        hypotheses=tuple(hypotheses) if num_return > 1 else (),
    )
