"""What a trained model predicts: the protocols of predictors, and one frozen dataclass a kind of prediction.

`nlpseq.load(run).predict(texts)` returns a list of these, in the order of the texts. Each renders itself:
`to_json` always, `to_text`, `to_conll` and `to_html` where they make sense. Attributes have the names of the
JSON. Nothing here imports torch.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from nlpseq.errors import TextError, UserError
from nlpseq.files import is_utf8


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model predicts for one text.

    Attributes:
        kind: how messages call it, with its article.
        text: the text as the user gave it.
    """

    kind: ClassVar[str] = "a prediction"

    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the prediction as a JSON object; attributes that are None or empty extras are left out."""
        return {
            field.name: _json(getattr(self, field.name))
            for field in fields(self)
            if not (field.name in self._optional and not getattr(self, field.name))
        }

    _optional: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Classification(Prediction):
    """The class of a text.

    Attributes:
        label: the likeliest class; None for a text without a token.
        probabilities: of every class.
        tokens: what the model read, where it attends.
        weights: attention on each token; in a hierarchical network they sum to 1 in each sentence.
        sentences: of a hierarchical network.
        sentence_weights: attention on each sentence.
    """

    kind: ClassVar[str] = "a classification"
    _optional: ClassVar[frozenset[str]] = frozenset(
        {"tokens", "weights", "sentences", "sentence_weights"}
    )

    label: str | None
    probabilities: Mapping[str, float]
    tokens: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    sentences: tuple[str, ...] = ()
    sentence_weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled span of a text.

    Attributes:
        text: the characters `start` to `end` of the text as the user gave it.
        type: its label, such as PER.
        start: of its first character.
        end: behind its last character.
        confidence: probability that exactly these words are an entity of this type.
    """

    text: str
    type: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class TaggedText(Prediction):
    """The entities of a text, and the tag of each token in the BIO scheme."""

    kind: ClassVar[str] = "entities"

    entities: tuple[Entity, ...]
    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One output of a beam: its text, the score that ranks it, and its log-probability in nats."""

    output: str
    score: float
    log_prob: float


@dataclass(frozen=True, slots=True)
class GeneratedText(Prediction):
    """The output for a source text.

    Attributes:
        output: the generated text; empty for a source without a token.
        score: by which it was ranked; None for a source without a token.
        hypotheses: the best outputs of the beam, where several were asked for.
        truncated: only the beginning of the source was read.
    """

    kind: ClassVar[str] = "generated text"
    _optional: ClassVar[frozenset[str]] = frozenset({"hypotheses", "truncated"})

    output: str
    score: float | None
    hypotheses: tuple[Hypothesis, ...] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class TextScore(Prediction):
    """How likely a language model finds a text: nll in nats, tokens, and perplexity (None without a token)."""

    kind: ClassVar[str] = "a text's score"

    nll: float
    tokens: int
    perplexity: float | None


@dataclass(frozen=True, slots=True)
class TokenPredictions(Prediction):
    """The likeliest token at each position given the tokens before it, and its probability."""

    kind: ClassVar[str] = "predictions of tokens"

    tokens: tuple[str, ...]
    predictions: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AttendedText(Prediction):
    """An output and what each of its tokens attended to.

    Attributes:
        output: the generated text.
        source_tokens: S tokens of the source.
        output_tokens: T tokens of the output, the end as `</s>`.
        weights: (T, S) attention weights.
    """

    kind: ClassVar[str] = "attention weights"

    output: str
    source_tokens: tuple[str, ...]
    output_tokens: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]


PredictionT = TypeVar("PredictionT", bound=Prediction)


@runtime_checkable
class Predictor(Protocol[PredictionT]):
    """A trained model: texts in, predictions out, with the text processing of training."""

    def predict(self, texts: Iterable[str], /) -> list[PredictionT]:
        """Predict for each text, in the order of the texts.

        Raises:
            UserError: `texts` is not an iterable of strings; a wrong one is named by its index.
        """
        ...


@runtime_checkable
class Generator(Predictor[TextScore], Protocol):
    """A trained language model: it scores texts and continues prompts."""

    def generate(
        self, prompt: str = "", *, num_samples: int = 1, seed: int | None = None, **options: Any
    ) -> list[str]:
        """Continue a prompt; each result begins with it. `options` are keys of `[decoding]`."""
        ...

    def stream(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """Continue a prompt piece by piece; the prompt is the first piece."""
        ...


@runtime_checkable
class TextGenerator(Predictor[GeneratedText], Protocol):
    """A trained model of translation or summarization: it generates a text for each text."""

    def predict(
        self, texts: Iterable[str], /, *, prefix: str = "", seed: int | None = None, **options: Any
    ) -> list[GeneratedText]:
        """Generate an output for each text. `options` are keys of `[decoding]`."""
        ...

    def attention(
        self, texts: Iterable[str], /, *, prefix: str = "", seed: int | None = None, **options: Any
    ) -> list[AttendedText]:
        """Generate outputs with what each output token attended to."""
        ...


def as_texts(texts: object) -> list[str]:
    """Return texts as a list of strings: from a list, tuple, generator, array, Series or column.

    Raises:
        UserError: a single string, a mapping, a table or a set instead of a sequence of texts.
        TextError: one of them is no string (None, NaN), or is not valid Unicode; its index is named.
    """
    if isinstance(texts, str | bytes):
        raise UserError(
            f"predict takes a list of texts, not one text: write predict([{texts!r:.60}])"
        )
    if isinstance(texts, Mapping | set | frozenset) or hasattr(texts, "columns"):
        raise UserError(
            f"predict takes a list of texts, not a {type(texts).__name__}: give one column or list of it"
        )
    if not isinstance(texts, Iterable):
        raise UserError(f"predict takes a list of texts, not {texts!r:.60}")
    found = []
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            missing = text is None or (isinstance(text, float) and math.isnan(text))
            advice = "; drop or fill missing texts first" if missing else ""
            raise TextError(index, f"{text!r:.60} is not a string{advice}")
        if not is_utf8(text):
            raise TextError(index, f"{text!r:.60} is not valid Unicode")
        found.append(str(text))
    return found


def _json(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, tuple) else value
