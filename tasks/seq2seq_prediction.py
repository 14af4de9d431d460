"""Texts from a trained encoder and decoder: the search, and what `nlpseq.load` gives for these tasks."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from nlpseq.contracts import State
from nlpseq.data.batch import Tokens
from nlpseq.data.features import Features
from nlpseq.data.loaders import bucket_batches, collate
from nlpseq.decoding import BeamOptions, Hypothesis, SamplingOptions, beam_search, generate
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores
from nlpseq.models.attention_decoder import AttentionDecoder, Decoded, Memory
from nlpseq.models.model import Model
from nlpseq.recipe import validate

from .examples import raw_words
from .pairs import Pair
from .scheduled_sampling import read, shifted
from .sequence_training import closure

if TYPE_CHECKING:
    from .seq2seq import Seq2Seq, TextDecodingConfig


class Output(NamedTuple):
    """A text that was found for a source, its log-probability in nats, and by what it was ranked."""

    text: str
    ids: list[int]
    log_prob: float
    score: float


class Translator:
    """Searches for the outputs of sources that are ready as features; no gradient.

    Args:
        task: knows both sides' tokens.
        model: on `device`, in evaluation mode.
        device: where to run.
    """

    def __init__(
        self, task: "Seq2Seq", model: Model[AttentionDecoder], device: torch.device
    ) -> None:
        self.task = task
        self.model = model
        self.device = device

    @torch.no_grad()
    def nll(self, features: Sequence[Features], pairs: Sequence[Pair]) -> list[float]:
        """The nll of each target, its end included, in nats."""
        memory, state, _ = self._start(features, pairs)
        target = collate([pair.ids for pair in pairs], self.task.target.pad_id).to(self.device)
        decoded = self._read(target, memory, state)
        nll = self.model.head.nll(decoded, memory, target.ids).double()  # (B, T)
        return (nll if target.mask is None else nll.masked_fill(~target.mask, 0)).sum(1).tolist()

    def best(
        self, features: Sequence[Features], pairs: Sequence[Pair], config: "TextDecodingConfig"
    ) -> list[str]:
        """The best output of each source."""
        return [found[0].text for found in self.search(features, pairs, config)]

    @torch.no_grad()
    def search(
        self,
        features: Sequence[Features],
        pairs: Sequence[Pair],
        config: "TextDecodingConfig",
        *,
        prefix: str = "",
        generator: torch.Generator | None = None,
    ) -> list[list[Output]]:
        """Outputs of each source, the best first.

        Args:
            features: of sources, none of them empty.
            pairs: what belongs to each.
            config: how to search.
            prefix: how every output is to begin.
            generator: makes samples repeatable.
        """
        memory, state, lengths = self._start(features, pairs)
        found = self._hypotheses(memory, state, lengths, config, prefix, generator)
        if config.replace_unknown:
            return self._with_words(found, pairs, memory, state)
        return [
            [self._output(one, self.task.pairs.spell(one.ids, pair)) for one in hypotheses]
            for hypotheses, pair in zip(found, pairs, strict=True)
        ]

    @torch.no_grad()
    def attention(
        self,
        features: Sequence[Features],
        pairs: Sequence[Pair],
        outputs: Sequence[Sequence[int]],
    ) -> list[Tensor]:
        """What each output attended to: for each a matrix (its tokens and the end, source tokens)."""
        memory, state, _ = self._start(features, pairs)
        return self._weights(memory, state, outputs)

    def _start(
        self, features: Sequence[Features], pairs: Sequence[Pair]
    ) -> tuple[Memory, State, list[int]]:
        source, _ = self.task.collate(features, pairs)
        source = source.to(self.device)
        memory, state = self.model.head.start(self.model.encode(source), source)
        return memory, state, source.lengths.tolist()

    def _read(self, target: Tokens, memory: Memory, state: State) -> Decoded:
        return read(self.model.head, shifted(target.ids, self.task.target.bos_id), memory, state)

    def _hypotheses(
        self,
        memory: Memory,
        state: State,
        lengths: Sequence[int],
        config: "TextDecodingConfig",
        prefix: str,
        generator: torch.Generator | None,
    ) -> list[list[Hypothesis]]:
        target = self.task.target
        ids = torch.full((len(lengths),), target.bos_id, device=self.device)
        step = closure(self.model.head)
        limits: dict[str, Any] = {
            "eos_id": target.eos_id,
            "forbidden": self.task.forbidden,
            "memory": memory,
            "min_lengths": [_least(config, length) for length in lengths],
            "max_lengths": [_most(config, length) for length in lengths],
            "prefix": [target.encode(prefix)] * len(lengths) if prefix else None,
        }
        if config.method == "beam":
            mask = memory.mask if config.coverage_penalty else None
            return beam_search(step, ids, state, _beam_options(config), source_mask=mask, **limits)
        found = generate(step, ids, state, _sampling_options(config), generator=generator, **limits)
        log_probs = self._log_probs(found, memory, state, limits["max_lengths"])
        return [
            [Hypothesis(one, log_prob, log_prob)]
            for one, log_prob in zip(found, log_probs, strict=True)
        ]

    def _log_probs(
        self, outputs: Sequence[list[int]], memory: Memory, state: State, most: Sequence[int]
    ) -> list[float]:
        """Of outputs that a search without a beam found: those at their limit have no end."""
        eos_id = self.task.target.eos_id
        ended = [
            ids + [eos_id] * (len(ids) < limit) for ids, limit in zip(outputs, most, strict=True)
        ]
        target = collate(ended, self.task.target.pad_id).to(self.device)
        nll = self.model.head.nll(self._read(target, memory, state), memory, target.ids)
        return (-(nll if target.mask is None else nll.masked_fill(~target.mask, 0)).sum(1)).tolist()

    def _weights(
        self, memory: Memory, state: State, outputs: Sequence[Sequence[int]]
    ) -> list[Tensor]:
        """Attention of given outputs, by one pass over them."""
        ends = [[*ids, self.task.target.eos_id] for ids in outputs]
        target = collate(ends, self.task.target.pad_id).to(self.device)
        weights = self._read(target, memory, state).weights.cpu()  # (B, T, S)
        lengths = memory.mask.sum(1).tolist()
        return [
            weights[row, : len(ids), :length]
            for row, (ids, length) in enumerate(zip(ends, lengths, strict=True))
        ]

    def _with_words(
        self,
        found: Sequence[Sequence[Hypothesis]],
        pairs: Sequence[Pair],
        memory: Memory,
        state: State,
    ) -> list[list[Output]]:
        """Outputs in which an unknown token is the source's word that it attended to most."""
        results: list[list[Output]] = [[] for _ in found]
        unk_id, size = self.task.target.unk_id, self.task.target_size
        for place in range(max(map(len, found))):
            rows = [row for row, hypotheses in enumerate(found) if place < len(hypotheses)]
            kept = torch.tensor(rows, device=self.device)
            some = Memory(*(part.index_select(0, kept) for part in memory))
            weights = self._weights(
                some,
                tuple(part.index_select(0, kept) for part in state),
                [found[row][place].ids for row in rows],
            )
            for row, weight in zip(rows, weights, strict=True):
                one, best = found[row][place], weight.argmax(1).tolist()
                words = self.task.pairs.spelt(pairs[row].source)
                ids = [size + best[t] if id == unk_id else id for t, id in enumerate(one.ids)]
                pair = replace(pairs[row], words=words)
                results[row].append(self._output(one, self.task.pairs.spell(ids, pair)))
        return results

    @staticmethod
    def _output(hypothesis: Hypothesis, text: str) -> Output:
        return Output(text, hypothesis.ids, hypothesis.log_prob, hypothesis.score)


class Seq2SeqPredictor:
    """A trained model that answers texts with texts.

    Every option that is not given is the recipe's (`[decoding]`).

    Attributes:
        decoding: it takes options of decoding.
    """

    decoding: ClassVar[bool] = True

    def __init__(
        self, task: "Seq2Seq", model: Model[AttentionDecoder], device: torch.device
    ) -> None:
        self.task = task
        self.model = model.to(device).eval()
        self.device = device
        self._translator = Translator(task, self.model, device)

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
            `hypotheses`, each with `output`, `score` and `log_prob` in nats.

        Raises:
            UserError: an unknown option.
        """
        config = self._options(options)
        generator = torch.Generator(self.device)
        generator.seed() if seed is None else generator.manual_seed(seed)
        results: list[dict[str, Any]] = [
            {"text": text, "output": "", "score": None} for text in texts
        ]
        for rows, features, pairs in self._batches(texts):
            found = self._translator.search(
                features, pairs, config, prefix=prefix, generator=generator
            )
            for row, outputs in zip(rows, found, strict=True):
                results[row] |= {"output": outputs[0].text, "score": outputs[0].score}
                if config.num_return > 1:
                    results[row]["hypotheses"] = [
                        {"output": one.text, "score": one.score, "log_prob": one.log_prob}
                        for one in outputs
                    ]
        return results

    def attention(self, texts: Sequence[str], **options: Any) -> list[dict[str, Any]]:
        """Answers with what each output token attended to.

        Returns:
            for each its `text`, `output`, `source_tokens`, `output_tokens` (the end as `</s>`), and
            `weights`, a row for each output token.
        """
        config = self._options(options)
        results: list[dict[str, Any]] = [
            {"text": text, "output": "", "source_tokens": [], "output_tokens": [], "weights": []}
            for text in texts
        ]
        for rows, features, pairs in self._batches(texts):
            best = [found[0] for found in self._translator.search(features, pairs, config)]
            weights = self._translator.attention(features, pairs, [one.ids for one in best])
            for row, output, weight, pair in zip(rows, best, weights, pairs, strict=True):
                results[row] |= {
                    "output": output.text,
                    "source_tokens": self.task.pairs.spelt(pair.source),
                    "output_tokens": [*self._spelt(output.ids, pair), "</s>"],
                    "weights": weight.tolist(),
                }
        return results

    def evaluate(self, texts: Sequence[str], targets: Sequence[str], **options: Any) -> Scores:
        """The scores of the texts' outputs against targets."""
        metric = self.task.text_metric
        answers = zip(self.predict(texts, **options), texts, targets, strict=True)
        vectors = [
            metric.statistics(answer["output"], self.task.reference(text, target))
            for answer, text, target in answers
        ]
        return metric.score([sum(part) for part in zip(*vectors, strict=True)])

    def _batches(self, texts: Sequence[str]) -> list[tuple[list[int], list[Features], list[Pair]]]:
        """Sources of like length; one without a token is in none."""
        cut = [self._cut(text) for text in texts]
        features = self.task.read(cut, "the given texts")
        real = [row for row, one in enumerate(features) if len(one)]
        pairs = self.task.pairs.pairs([cut[row] for row in real], [""] * len(real))
        config = self.task.recipe.training
        batches = bucket_batches(
            [len(features[row]) for row in real],
            batch_size=config.batch_size,
            batch_tokens=config.batch_tokens,
            shuffle=False,
        )
        return [
            (
                [real[number] for number in batch],
                [features[real[number]] for number in batch],
                [pairs[number] for number in batch],
            )
            for batch in batches
        ]

    def _cut(self, text: str) -> str:
        """Raw text as the data have it, whose words stand between spaces where tokens are words."""
        cut = self.task.tokenizer.kind == "word" and not self.task.pairs.by_rule
        return raw_words(text) if cut else text

    def _spelt(self, ids: Sequence[int], pair: Pair) -> list[str]:
        return [self.task.pairs.spell([id], pair) for id in ids]

    def _options(self, options: dict[str, Any]) -> "TextDecodingConfig":
        recipe = self.task.recipe
        decoding = {**recipe.decoding.model_dump(), **options}
        if decoding["num_return"] > decoding["beam_size"]:
            raise UserError(
                f"num_return = {decoding['num_return']}: a beam of {decoding['beam_size']} has no more "
                f"hypotheses; set beam_size={decoding['num_return']}"
            )
        document = {"task": recipe.task, "decoding": decoding}
        return validate(type(recipe), document, "options of predict").decoding


def _beam_options(config: "TextDecodingConfig") -> BeamOptions:
    return BeamOptions(
        beam_size=config.beam_size,
        max_new_tokens=config.max_new_tokens,
        num_return=config.num_return,
        length_penalty=config.length_penalty,
        alpha=config.length_alpha,
        coverage_penalty=config.coverage_penalty,
        no_repeat_ngram=config.no_repeat_ngram,
        min_new_tokens=config.min_new_tokens,
        early_stopping=config.early_stopping,
    )


def _sampling_options(config: "TextDecodingConfig") -> SamplingOptions:
    return SamplingOptions(
        max_new_tokens=config.max_new_tokens,
        greedy=config.method == "greedy",
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
    )


def _least(config: "TextDecodingConfig", length: int) -> int:
    return max(config.min_new_tokens, math.floor(config.min_length_ratio * length))


def _most(config: "TextDecodingConfig", length: int) -> int:
    if not config.max_length_ratio:
        return config.max_new_tokens
    return max(1, min(config.max_new_tokens, math.ceil(config.max_length_ratio * length)))
