"""Protocols of predictors: what a trained model offers, by the kind of model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from nlpseq.predictor.generation_predictions import AttendedText, GeneratedText, TextScore
from nlpseq.predictor.prediction import Prediction

PredictionT = TypeVar("PredictionT", bound=Prediction)


@runtime_checkable
class Predictor(Protocol[PredictionT]):
    """A trained model with the text processing of its training: texts in, predictions out."""

    @property
    def name(self) -> str:
        """The kind of model, without an article: `text classifier`."""
        ...

    @property
    def prediction_type(self) -> type[PredictionT]:
        """The class of its predictions."""
        ...

    def predict(
        self, texts: Iterable[str | Sequence[str]], /, *, pretokenized: bool = False
    ) -> list[PredictionT]:
        """Predict for each text, in the order of the texts.

        Args:
            texts: a list, tuple, generator, array, Series or column of strings; see `as_texts`.
            pretokenized: the texts are cut as the training data are: words between white space, or lists of
                words.

        Raises:
            UserError: `texts` is something else; an item that is no string is named by its index.
        """
        ...


@runtime_checkable
class Explainer(Predictor[PredictionT], Protocol[PredictionT]):
    """A trained model that says how much each token contributes to its prediction."""

    def explain(
        self,
        texts: Iterable[str | Sequence[str]],
        /,
        *,
        method: str = "gradients",
        pretokenized: bool = False,
    ) -> list[PredictionT]:
        """Predict as `predict`, with attributions of tokens by `gradients` or `leave-one-out`."""
        ...


@runtime_checkable
class ColumnReader(Predictor[PredictionT], Protocol[PredictionT]):
    """A trained model that names the columns of the training data from which its texts came.

    A model with two columns reads pairs of texts: `predict([(text, text2), ...])`.
    """

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The names of the columns: one, or the two of pairs."""
        ...


@runtime_checkable
class Generator(Predictor[TextScore], Protocol):
    """A trained language model: it scores texts and continues prompts."""

    def decoding_config(self, options: Mapping[str, Any], /) -> object:
        """Return the recipe's `[decoding]` with `options` in place of its values.

        Raises:
            UserError: an unknown option or an impossible value.
        """
        ...

    def generate(
        self, prompt: str = "", *, num_samples: int = 1, seed: int | None = None, **options: Any
    ) -> list[str]:
        """Continue a prompt; each result begins with it. `options` are keys of `[decoding]`."""
        ...

    def stream(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """Continue a prompt and yield the text piece by piece; the prompt is the first piece."""
        ...


@runtime_checkable
class TextGenerator(Predictor[GeneratedText], Protocol):
    """A trained model for translation or summarization: it generates an output for each text."""

    def decoding_config(self, options: Mapping[str, Any], /, *, attention: bool = False) -> object:
        """Return the recipe's `[decoding]` with `options` in place of its values.

        Raises:
            UserError: an unknown option, an impossible value, or one without effect; with `attention`
                also sampling, whose outputs cannot be reproduced.
        """
        ...

    def predict(
        self,
        texts: Iterable[str | Sequence[str]],
        /,
        *,
        prefix: str = "",
        seed: int | None = None,
        pretokenized: bool = False,
        **options: Any,
    ) -> list[GeneratedText]:
        """Generate an output for each text. `options` are keys of `[decoding]`."""
        ...

    def attention(
        self, texts: Iterable[str], /, *, prefix: str = "", seed: int | None = None, **options: Any
    ) -> list[AttendedText]:
        """Generate an output for each text, with what each of its tokens attended to."""
        ...
