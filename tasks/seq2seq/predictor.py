"""What `nlpseq.load` gives for translation and summarization: texts in, texts out."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch

from nlpseq.data.batch import ModelInput
from nlpseq.data.features import Features
from nlpseq.data.word_tokenizer import raw_words
from nlpseq.errors import TextError, UserError
from nlpseq.files import is_utf8
from nlpseq.metrics.base import Scores
from nlpseq.models.decoder import Decoder
from nlpseq.models.model import Model
from nlpseq.recipe import validate

from ..language_modeling.predictor import generator_of
from .pairs import Pair
from .recipe import TextDecodingConfig
from .search import EncodedSources, Output, Translator, search_batches

if TYPE_CHECKING:
    from .task import Seq2Seq


class _Batch(NamedTuple):
    rows: list[int]
    features: list[Features]
    pairs: list[Pair]


class Seq2SeqPredictor:
    """A trained model that answers texts with texts.

    Every option that is not given is the recipe's (`[decoding]`).

    Attributes:
        decoding: it takes options of decoding.
        kind: what it is, for people.
    """

    decoding: ClassVar[bool] = True
    kind: ClassVar[str] = "model of text to text"

    def __init__(self, task: "Seq2Seq", model: Model[Decoder], device: torch.device) -> None:
        self.task = task
        self.model = model.to(device).eval()
        self.device = device
        self._translator = Translator(task, self.model, device)

    def decoding_config(
        self, options: Mapping[str, Any], *, attention: bool = False
    ) -> TextDecodingConfig:
        """The recipe's `[decoding]` with these options in its place.

        Args:
            options: keys of `[decoding]`.
            attention: whether attention is asked for, too.

        Raises:
            UserError: an unknown option, a value that cannot be, or an option that would be given in vain.
        """
        recipe = self.task.recipe
        decoding = {**recipe.decoding.model_dump(), **options}
        document = {"task": recipe.task, "decoding": decoding}
        config = validate(type(recipe), document, "options of predict").decoding
        method = config.method
        for key in ("temperature", "top_k", "top_p"):
            asked = getattr(config, key) != type(config).model_fields[key].default
            if key in options and asked and method != "sample":
                raise UserError(f"{key} is of sampling, and method = {method}: set method = sample")
        if options.get("num_return", 1) > 1 and method != "beam":
            raise UserError(f"num_return is of a beam, and method = {method}: set method = beam")
        if attention and method == "sample":
            raise UserError(
                "attention is told of outputs that are found again, not of samples: set method to greedy or beam"
            )
        if config.replace_unknown and self.task.target.unk_id in self.task.forbidden:
            raise UserError(
                "replace_unknown: this model writes no unknown token that could be replaced"
            )
        return config

    def predict(
        self,
        texts: Sequence[str],
        *,
        prefix: str = "",
        seed: int | None = None,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """Answer texts, in their order.

        Args:
            texts: sources.
            prefix: how every output is to begin.
            seed: makes sampling repeatable.
            **options: keys of the recipe's `[decoding]` section, checked against it.

        Returns:
            for each its `text`, its `output`, and the `score` by which it was ranked (None for a source
            without a token, which is answered by an empty text); with num_return above 1 also
            `hypotheses`, each with `output`, `score` and `log_prob` in nats; and `truncated` = True
            where only the beginning of a source was read.

        Raises:
            UserError: an unknown option, a source that the recipe refuses for its length, or a model whose
                probabilities are no numbers.
        """
        config, texts = self.decoding_config(options), _checked(texts, prefix)
        results: list[dict[str, Any]] = [
            {"text": text, "output": "", "score": None} for text in texts
        ]
        batches, long = self._batches(texts, config)
        for row in long:
            results[row]["truncated"] = True
        for rows, _, _, found in self._search(batches, config, prefix, seed):
            for row, outputs in zip(rows, found, strict=True):
                results[row] |= {"output": outputs[0].text, "score": outputs[0].score}
                if config.num_return > 1:
                    results[row]["hypotheses"] = [
                        {"output": one.text, "score": one.score, "log_prob": one.log_prob}
                        for one in outputs
                    ]
        return results

    def attention(
        self,
        texts: Sequence[str],
        *,
        prefix: str = "",
        seed: int | None = None,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """Answers with what each output token attended to; arguments are those of `predict`.

        Returns:
            for each its `text`, `output`, `source_tokens`, `output_tokens` (the end as `</s>`, where the
            output has one), and `weights`, a row for each output token.

        Raises:
            UserError: as `predict`; or outputs are to be drawn by chance.
        """
        config, texts = self.decoding_config(options, attention=True), _checked(texts, prefix)
        results: list[dict[str, Any]] = [
            {"text": text, "output": "", "source_tokens": [], "output_tokens": [], "weights": []}
            for text in texts
        ]
        batches, _ = self._batches(texts, config)
        for rows, pairs, started, found in self._search(batches, config, prefix, seed):
            best = [outputs[0] for outputs in found]
            weights = self._translator.attention(started, [one.ids for one in best], config)
            for row, output, weight, pair in zip(rows, best, weights, pairs, strict=True):
                results[row] |= {
                    "output": output.text,
                    "source_tokens": self.task.pairs.spelt(pair.source),
                    "output_tokens": [*self._spelt(output.ids, pair), "</s>"][: len(weight)],
                    "weights": weight.tolist(),
                }
        return results

    def read(self, texts: Sequence[str]) -> ModelInput:
        """What the encoder reads of sources; see `ModelInput`."""
        spaced = [self._spaced(text) for text in texts]
        features, _ = self.task.read(spaced)
        tokens = self.task.reader.collate(features).to(self.device)
        spelt = [self.task.pairs.spelt(source) for source in spaced]
        return ModelInput(tokens, spelt)

    def evaluate(self, texts: Sequence[str], targets: Sequence[str], **options: Any) -> Scores:
        """The scores of the texts' outputs against targets.

        Raises:
            UserError: there are not as many targets as texts, or none.
        """
        if len(texts) != len(targets) or not texts:
            raise UserError(f"{len(texts)} texts and {len(targets)} targets cannot be scored")
        metric = self.task.text_metric
        answers = zip(self.predict(texts, **options), texts, targets, strict=True)
        vectors = [
            metric.statistics(answer["output"], self.task.reference(text, target))
            for answer, text, target in answers
        ]
        return metric.score([sum(part) for part in zip(*vectors, strict=True)])

    def _search(
        self, batches: Sequence[_Batch], config: TextDecodingConfig, prefix: str, seed: int | None
    ) -> Iterator[tuple[list[int], list[Pair], EncodedSources, list[list[Output]]]]:
        """The outputs of each batch, beside what they were found by."""
        generator = generator_of(seed, self.device)
        beginning = self._prefix(prefix)
        for rows, features, pairs in batches:
            started = self._translator.start(features, pairs)
            found = self._translator.search(
                started, pairs, config, prefix=beginning, generator=generator
            )
            if any(math.isnan(outputs[0].log_prob) for outputs in found):
                raise UserError("the model's probabilities are no numbers (nan): it cannot answer")
            yield rows, pairs, started, found

    def _prefix(self, prefix: str) -> list[int]:
        (ids,) = self.task.pairs.encode([self._spaced(prefix)])
        if self.task.target.unk_id in ids:
            raise UserError(f"prefix {prefix!r}: has a part that the model's vocabulary lacks")
        return ids

    def _batches(
        self, texts: Sequence[str], config: TextDecodingConfig
    ) -> tuple[list[_Batch], list[int]]:
        """Sources of like length, and rows that were cut; one without a token is in no batch."""
        spaced = [self._spaced(text) for text in texts]
        features, long = self.task.read(spaced)
        real = [row for row, one in enumerate(features) if len(one)]
        pairs = self.task.pairs.pairs([spaced[row] for row in real], [""] * len(real))
        lengths = [len(features[row]) for row in real]
        training, vocab_size = self.task.recipe.training, self.task.target_size
        batches = search_batches(lengths, None, config, training, vocab_size)
        return [
            _Batch(
                [real[number] for number in batch],
                [features[real[number]] for number in batch],
                [pairs[number] for number in batch],
            )
            for batch in batches
        ], long

    def _spaced(self, text: str) -> str:
        """Raw text as the data have it, whose words stand between spaces where tokens are words."""
        cut = self.task.tokenizer.kind == "word" and not self.task.pairs.by_rule
        return raw_words(text) if cut else text

    def _spelt(self, ids: Sequence[int], pair: Pair) -> list[str]:
        return [self.task.pairs.spell([id], pair) for id in ids]


def _checked(texts: Iterable[str], prefix: str) -> list[str]:
    """The texts; a UserError where one, or the prefix, is none."""
    if isinstance(texts, str):
        raise UserError(f"texts is the one text {texts!r:.60}: give a list of texts")
    found = list(texts)
    for place, text in enumerate(found):
        if fault := _fault(text):
            raise TextError(place, fault)
    if fault := _fault(prefix):
        raise UserError(f"prefix: {fault}")
    return found


def _fault(text: object) -> str:
    if not isinstance(text, str):
        return f"{text!r:.60} is no text"
    return "" if is_utf8(text) else f"{text!r:.60} is not UTF-8"
