"""Text from a trained language model: what `nlpseq.load` gives for this task."""

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from torch import Tensor

from nlpseq.data.batch import ModelInput, Tokens
from nlpseq.data.batching import collate, padded
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.decoding.beam import beam_search
from nlpseq.decoding.options import BeamOptions, SamplingOptions
from nlpseq.decoding.sampling import generate, stream
from nlpseq.errors import UserError
from nlpseq.files import is_utf8
from nlpseq.layers.cpu.token_by_token import for_single_steps
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.metrics.base import Scores
from nlpseq.models.model import Model
from nlpseq.recipe import DecodingConfig, validate
from nlpseq.task import Shard
from nlpseq.types import State, Step, select

if TYPE_CHECKING:
    from .task import LanguageModeling

NO_TARGET = -1
LanguageModel = Model[SoftmaxLayer | AdaptiveSoftmaxLayer]


class LanguageModelPredictor:
    """A trained language model that continues prompts and scores texts.

    Every option that is not given is the recipe's (`[decoding]`). It generates with the weights of
    the first time that it does.
    """

    def __init__(
        self, task: "LanguageModeling", model: LanguageModel, device: torch.device
    ) -> None:
        self.task = task
        self.model = model.to(device).eval()
        self.device = device

    def generate(
        self, prompt: str = "", *, num_samples: int = 1, seed: int | None = None, **options: Any
    ) -> list[str]:
        """Continue a prompt; the prompt is part of each result.

        Args:
            prompt: raw text; empty to start a text.
            num_samples: results; of a beam, its best ones.
            seed: makes sampling repeatable.
            **options: keys of the recipe's `[decoding]` section, checked against it.

        Raises:
            UserError: an unknown option, or a prompt of which the model knows no token.
        """
        config = self.decoding_config(options)
        if num_samples < 1:
            raise UserError(f"num_samples = {num_samples}: write a whole number above 0")
        if config.method == "beam" and num_samples > config.beam_size:
            raise UserError(
                f"num_samples = {num_samples}: a beam of {config.beam_size} has no more than "
                f"{config.beam_size} results; set beam_size={num_samples}"
            )
        ids, state = self._read(prompt, num_samples)
        with torch.no_grad():
            if config.method == "beam":
                found = self._beam(ids[:1], tuple(part[:1] for part in state), config, num_samples)
            else:
                found = generate(
                    self.step,
                    ids,
                    state,
                    sampling_options(config),
                    eos_id=self._eos(config),
                    generator=generator_of(seed, self.device),
                    forbidden=self._forbidden,
                )
        prompt_ids = self.task.tokenizer.encode(prompt)
        return [prompt + "".join(self._pieces(prompt_ids, one)).rstrip("\n") for one in found]

    def stream(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """Continue a prompt and give the text piece by piece; the prompt is the first piece.

        A beam knows its text only at the end: it is one piece.

        Raises:
            UserError: as `generate`.
        """
        config = self.decoding_config(options)
        if config.method == "beam":
            return iter(self.generate(prompt, **options))
        ids, state = self._read(prompt, 1)
        tokens = stream(
            self.step,
            ids,
            state,
            sampling_options(config),
            eos_id=self._eos(config),
            generator=generator_of(seed, self.device),
            forbidden=self._forbidden,
        )
        ids_of_row = (int(row[0]) for row in tokens)
        return chain([prompt], self._pieces(self.task.tokenizer.encode(prompt), ids_of_row))

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The nll in nats, the number of tokens and the perplexity of each text, read on its own.

        A text without a token has a perplexity of None.
        """
        empty = {"nll": 0.0, "tokens": 0, "perplexity": None}
        results: list[dict[str, Any]] = [{"text": text, **empty} for text in texts]
        if not any(texts) and not self.task.recipe.tokenization.add_eos or not texts:
            return results
        for index, statistics in self._score(texts, documents=True):
            perplexity = self.task.metric.score(statistics)["perplexity"]
            results[index] |= {
                "nll": statistics[0],
                "tokens": int(statistics[1]),
                "perplexity": perplexity,
            }
        return results

    def evaluate(self, texts: Sequence[str]) -> Scores:
        """The scores of some texts, read as one stream.

        Raises:
            UserError: there is no token in them.
        """
        records = self._score(texts, documents=self.task.recipe.evaluation.documents)
        return self.task.metric.score(
            [sum(part) for part in zip(*(s for _, s in records), strict=True)]
        )

    def read(self, texts: Sequence[str]) -> ModelInput:
        """What the model reads of texts, each with the start token in front; see `ModelInput`."""
        return read_stream(self.task, texts, self.device)

    def step(self, ids: Tensor, state: State, *memory: Tensor) -> Step:
        """Read one token a row: ids (B,), state (B, L, H) -> what follows, and the next state.

        A language model attends to nothing: there is no memory.
        """
        model = self._twin
        outputs, state = model.encoder.step(model.embedding.lookup(ids), state)
        return Step(model.head.log_probs(outputs), state)

    @cached_property
    def _twin(self) -> LanguageModel:
        return for_single_steps(self.model)

    def _score(self, texts: Sequence[str], documents: bool) -> list[tuple[int, tuple[float, ...]]]:
        rows = Dataset.from_dict({"text": list(texts)})
        split = Split(name="given", rows=rows, origin="the given texts")
        evaluation = self.task.recipe.evaluation.model_copy(update={"documents": documents})
        recipe = self.task.recipe.model_copy(update={"evaluation": evaluation})
        task = type(self.task)(recipe)
        task.restore(self.task.tokenizer, self.task.state())
        with torch.no_grad():
            records = task.evaluate(self.model, split, device=self.device, shard=Shard())
            return [(record.index, record.statistics) for record in records]

    def _pieces(self, prompt_ids: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
        detokenizer = Detokenizer(self.task.tokenizer, prompt_ids)
        return (detokenizer.add(one) for one in ids)

    def _read(self, prompt: str, rows: int) -> tuple[Tensor, State]:
        """Read all of a prompt but its last token; that one (B,) and the state before it."""
        tokenizer = self.task.tokenizer
        if not is_utf8(prompt):
            raise UserError(f"prompt {prompt!r}: not valid Unicode text")
        ids = tokenizer.encode(prompt)
        if ids and all(one == tokenizer.unk_id for one in ids):
            raise UserError(
                f"prompt {prompt!r}: the model knows none of its {len(ids)} tokens; "
                "use words or characters of its training text"
            )
        given = torch.tensor([[self.task.start_id, *ids]], device=self.device)
        with torch.no_grad():
            state = self.model.encoder.initial_state(1)
            if given.size(1) > 1:
                state = self.model.encode(Tokens.unpadded(given[:, :-1]), state).state
        first = given.new_zeros(rows)
        return given[:, -1].repeat(rows), select(state, first)

    def _beam(
        self, ids: Tensor, state: State, config: DecodingConfig, best: int
    ) -> list[list[int]]:
        options = BeamOptions(
            beam_size=config.beam_size,
            max_new_tokens=config.max_new_tokens,
            num_return=best,
            length_penalty=config.length_penalty,
            alpha=config.length_alpha,
            no_repeat_ngram=config.no_repeat_ngram,
            min_new_tokens=config.min_new_tokens,
            early_stopping=config.early_stopping,
        )
        eos_id = self._eos(config)
        found = beam_search(
            self.step, ids, state, options, eos_id=eos_id, forbidden=self._forbidden
        )
        return [list(hypothesis.ids) for hypothesis in found[0]]

    def decoding_config(self, options: Mapping[str, Any]) -> DecodingConfig:
        """The recipe's `[decoding]` with these options in its place.

        Raises:
            UserError: an unknown option, or a value that cannot be.
        """
        decoding = {**self.task.recipe.decoding.model_dump(), **options}
        document = {"task": self.task.recipe.task, "decoding": decoding}
        return validate(type(self.task.recipe), document, "options of generate").decoding

    @property
    def _forbidden(self) -> tuple[int, ...]:
        """Tokens that no text is made of."""
        tokenizer = self.task.tokenizer
        outside = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id}
        return tuple(outside - {tokenizer.eos_id})  # foreign tokenizers may have one id for both

    def _eos(self, config: DecodingConfig) -> int | None:
        return self.task.tokenizer.eos_id if config.stop_at_eos else None


def generator_of(seed: int | None, device: torch.device) -> torch.Generator:
    """What draws repeatable samples, or others each time without a seed.

    Raises:
        UserError: the seed is no whole number from 0 to 2**63 - 1.
    """
    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
        return generator
    try:
        number = operator.index(seed)  # numpy's whole numbers are as good
    except TypeError:
        number = -1
    if not 0 <= number < 2**63:
        raise UserError(f"seed = {seed}: write a whole number from 0 to 2**63 - 1")
    return generator.manual_seed(number)


class Detokenizer:
    """Turns ids into text as they come, at a cost a token that does not grow.

    A token's text can depend on those before it (a space, a half character), so a short window of them is
    decoded with it. An end of text within is a line's end.
    """

    window = 16

    def __init__(self, tokenizer: Tokenizer, prompt: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._ids = list(prompt[-self.window :])
        self._shown = len(tokenizer.decode(self._ids))

    def add(self, token_id: int) -> str:
        """The text that a further token brings; empty while a character is incomplete."""
        if token_id == self._tokenizer.eos_id:
            self._ids, self._shown = [], 0
            return "\n"
        self._ids.append(token_id)
        text = self._tokenizer.decode(self._ids)
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        piece = text[self._shown :]
        if len(self._ids) > 2 * self.window:
            self._ids = self._ids[-self.window :]
            text = self._tokenizer.decode(self._ids)
        self._shown = len(text)
        return piece


def read_stream(task: "LanguageModeling", texts: Sequence[str], device: torch.device) -> ModelInput:
    """Texts as a language model reads them: the start token, then those of the text."""
    tokenizer = task.tokenizer
    ids = [[task.start_id, *one] for one in tokenizer.encode_batch(list(texts))]
    spelt = [[tokenizer.vocabulary[one] for one in row] for row in ids]
    targets = [[*row[1:], NO_TARGET] for row in ids]
    tokens = collate(ids, tokenizer.pad_id).to(device)
    return ModelInput(tokens, spelt, padded(targets, NO_TARGET).to(device))


def sampling_options(config: DecodingConfig) -> SamplingOptions:
    """What a `[decoding]` section says of greedy search and sampling."""
    return SamplingOptions(
        max_new_tokens=config.max_new_tokens,
        greedy=config.method == "greedy",
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
        no_repeat_ngram=config.no_repeat_ngram,
        min_new_tokens=config.min_new_tokens,
    )
