"""A trained language model: continues prompts and scores texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar

import torch
from datasets import Dataset
from torch import Tensor

from nlpseq.data.batch import NO_TARGET, ModelInput, Tokens
from nlpseq.data.batching import collate, pad_rows
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.decoding.beam import beam_search
from nlpseq.decoding.sampling import generate, stream
from nlpseq.errors import UserError
from nlpseq.files import is_utf8
from nlpseq.layers.cpu.token_by_token import for_single_steps
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.predictor import TextScore, as_cut_texts, as_texts, joined
from nlpseq.recipe import DecodingConfig
from nlpseq.task import Shard
from nlpseq.types import State, Step, select

from ..base.decoding_config import (
    beam_options,
    build_generator,
    override_decoding,
    sampling_options,
)
from ..base.predictor_repr import PredictorRepr
from .detokenizer import Detokenizer
from .model import LanguageModel
from .recipe import LanguageModelingRecipe
from .scoring import METRIC, StreamScorer, start_id, stream_of


class LanguageModelPredictor(PredictorRepr):
    """A trained language model.

    Options of decoding that are not given are those of the recipe (`[decoding]`). Generation uses the weights of
    the first time that it is called.

    Args:
        pipeline: makes ids of texts, as in training.
        recipe: recipe of the model.
        model: trained language model.
        device: where to run.
    """

    name: ClassVar[str] = "language model"
    prediction_type: ClassVar[type[TextScore]] = TextScore

    def __init__(
        self,
        pipeline: TextPipeline,
        recipe: LanguageModelingRecipe,
        model: LanguageModel,
        device: torch.device,
    ) -> None:
        self.pipeline = pipeline
        self.tokenizer = tokenizer = pipeline.tokenizer
        self.recipe = recipe
        self.model = model.to(device).eval()
        self.device = device
        self._start_id = start_id(tokenizer, recipe.tokenization)

    # Generate

    def generate(
        self, prompt: str = "", *, num_samples: int = 1, seed: int | None = None, **options: Any
    ) -> list[str]:
        """Continue a prompt; each result begins with the prompt.

        Args:
            prompt: raw text; empty to start a text.
            num_samples: number of results; of a beam search, the best ones.
            seed: makes sampling repeatable.
            **options: keys of the recipe's `[decoding]` section.

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
        prompt_ids = self._encode_prompt(prompt)
        ids, state = self._read_prompt(prompt_ids, num_samples)
        with torch.no_grad():
            if config.method == "beam":
                first_state = tuple(part[:1] for part in state)
                outputs = self._beam_search(ids[:1], first_state, config, num_samples)
            else:
                outputs = generate(self.step, ids, state, **self._sampling_arguments(config, seed))
        return [
            prompt + "".join(self._detokenize(prompt_ids, output)).rstrip("\n")
            for output in outputs
        ]

    def stream(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """Continue a prompt and yield the text piece by piece; the prompt is the first piece.

        A beam search knows its text only at the end, and yields it as one piece.

        Raises:
            UserError: as for `generate`.
        """
        config = self.decoding_config(options)
        if config.method == "beam":
            return iter(self.generate(prompt, **options))
        prompt_ids = self._encode_prompt(prompt)
        ids, state = self._read_prompt(prompt_ids, 1)
        tokens = stream(self.step, ids, state, **self._sampling_arguments(config, seed))
        return chain([prompt], self._detokenize(prompt_ids, (int(row[0]) for row in tokens)))

    def decoding_config(self, options: Mapping[str, Any]) -> DecodingConfig:
        """Return the recipe's `[decoding]` with these options in place of its own.

        Raises:
            UserError: an unknown option, an impossible value, or an option that the method does not use.
        """
        return override_decoding(self.recipe, options, "generate").decoding

    def step(self, ids: Tensor, state: State, *memory: Tensor) -> Step:
        """Read one token in each row, ids (B,) with state (B, L, H): the step function of every search.

        A language model attends to nothing: there is no memory.
        """
        model = self._stepping_model
        outputs, state = model.encoder.step(model.embedding.lookup(ids), state)
        return Step(model.head.log_probs(outputs), state)

    @cached_property
    def _stepping_model(self) -> LanguageModel:
        return for_single_steps(self.model)

    def _encode_prompt(self, prompt: str) -> list[int]:
        if not isinstance(prompt, str):
            raise UserError(f"prompt {prompt!r:.60}: give one text, a string")
        if not is_utf8(prompt):
            raise UserError(f"prompt {prompt!r}: not valid Unicode text")
        ids = list(read_ids([prompt], self.pipeline)[0])
        if ids and all(token_id == self.tokenizer.unk_id for token_id in ids):
            raise UserError(
                f"prompt {prompt!r}: the model knows none of its {len(ids)} tokens; "
                "use words or characters of its training text"
            )
        return ids

    def _read_prompt(self, prompt_ids: Sequence[int], rows: int) -> tuple[Tensor, State]:
        """Read a prompt up to its last token; return that token (B,) and the state before it."""
        ids = torch.tensor([[self._start_id, *prompt_ids]], device=self.device)
        with torch.no_grad():
            state = self.model.encoder.initial_state(1)
            if ids.size(1) > 1:
                state = self.model.encode(Tokens.unpadded(ids[:, :-1]), state).state
        return ids[:, -1].repeat(rows), select(state, ids.new_zeros(rows))

    def _sampling_arguments(self, config: DecodingConfig, seed: int | None) -> dict[str, Any]:
        return {
            "options": sampling_options(config),
            "eos_id": self._eos_id(config),
            "generator": build_generator(seed, self.device),
            "forbidden": self._forbidden,
        }

    def _beam_search(
        self, ids: Tensor, state: State, config: DecodingConfig, num_return: int
    ) -> list[list[int]]:
        beams = beam_search(
            self.step,
            ids,
            state,
            beam_options(config, num_return),
            eos_id=self._eos_id(config),
            forbidden=self._forbidden,
        )
        return [list(hypothesis.ids) for hypothesis in beams[0]]

    def _detokenize(self, prompt_ids: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
        detokenizer = Detokenizer(self.tokenizer, prompt_ids)
        return (detokenizer.add(token_id) for token_id in ids)

    @property
    def _forbidden(self) -> tuple[int, ...]:
        """Tokens that no text contains."""
        tokenizer = self.tokenizer
        special = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id}
        return tuple(special - {tokenizer.eos_id})  # some tokenizers have one id for both

    def _eos_id(self, config: DecodingConfig) -> int | None:
        return self.tokenizer.eos_id if config.stop_at_eos else None

    # Score

    def predict(self, texts: Iterable[Text], /, *, pretokenized: bool = False) -> list[TextScore]:
        """Score each text on its own.

        Args:
            texts: texts.
            pretokenized: the texts are words between white space, or lists of words.

        Returns:
            nll in nats, number of tokens and perplexity of each text, in the order of the texts. The
            perplexity of a text without a token is None.

        Raises:
            UserError: `texts` is not an iterable of strings; a wrong one is named by its index.
        """
        given: Sequence[Text] = as_cut_texts(texts) if pretokenized else as_texts(texts)
        names = [joined(text) for text in given]
        scores = [TextScore(name, 0.0, 0, None) for name in names]
        ids = read_ids(given, self.pipeline, pretokenized=pretokenized)
        if not names or not self.recipe.tokenization.add_eos and not any(ids):
            return scores
        for index, statistics in self._score(names, ids, documents=True):
            nll, tokens, *_ = statistics
            perplexity = METRIC.score(statistics)["perplexity"]
            scores[index] = TextScore(names[index], nll, int(tokens), perplexity)
        return scores

    def evaluate(self, texts: Iterable[str]) -> Scores:
        """Return the scores of texts, read as `[evaluation]` of the recipe says.

        Raises:
            UserError: the texts hold no token.
        """
        given = as_texts(texts)
        ids = read_ids(given, self.pipeline)
        records = self._score(given, ids, documents=self.recipe.evaluation.documents)
        return METRIC.score(sum_statistics(statistics for _, statistics in records))

    def _score(
        self, texts: list[str], ids: Sequence[Sequence[int]], documents: bool
    ) -> list[tuple[int, tuple[float, ...]]]:
        """Return index and statistics of each text that has a token."""
        split = Split("given", Dataset.from_dict({"text": texts}), "the given texts")
        stream = stream_of(split, ids, self.tokenizer, self.recipe.tokenization)
        evaluation = self.recipe.evaluation.model_copy(update={"documents": documents})
        recipe = self.recipe.model_copy(update={"evaluation": evaluation})
        scorer = StreamScorer(self.model, self.tokenizer, recipe, self.device)
        with torch.no_grad():
            return [
                (record.index, record.statistics)
                for record in scorer.records(split, stream, Shard())
            ]

    def read_texts(self, texts: Sequence[str]) -> ModelInput:
        """Encode texts as the model reads them, each after the start token."""
        return encode_texts(texts, self.pipeline, self._start_id, self.device)


def read_ids(
    texts: Sequence[Text], pipeline: TextPipeline, *, pretokenized: bool = False
) -> list[Sequence[int]]:
    """Return the ids of texts, which a language model reads as its training data."""
    cut = pretokenized or pipeline.pretokenized
    return [features.ids for features in pipeline.read(texts, pretokenized=cut)]


def encode_texts(
    texts: Sequence[str], pipeline: TextPipeline, start: int, device: torch.device
) -> ModelInput:
    """Encode texts as a language model reads them: the start token, then the tokens of the text."""
    tokenizer = pipeline.tokenizer
    ids = [[start, *text_ids] for text_ids in read_ids(texts, pipeline)]
    token_texts = [[tokenizer.vocabulary[token_id] for token_id in row] for row in ids]
    targets = [[*row[1:], NO_TARGET] for row in ids]
    tokens = collate(ids, tokenizer.pad_id).to(device)
    return ModelInput(tokens, token_texts, pad_rows(targets, NO_TARGET).to(device))
