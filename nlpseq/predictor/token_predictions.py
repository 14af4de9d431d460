"""Predictions for the tokens of a text: entities, plain tags, the next token."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from nlpseq.predictor.prediction import DrawnPrediction, Prediction
from nlpseq.reporting import highlight
from nlpseq.safe_text import for_terminal


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled span of a text.

    Attributes:
        text: the characters from `start` to `end` in the text as the user gave it.
        type: its label, such as PER.
        start: index of its first character.
        end: index after its last character.
        confidence: probability that exactly these words are an entity of this type.
    """

    text: str
    type: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class TaggedText(DrawnPrediction):
    """The entities in a text, and the tag of each token in the BIO scheme."""

    kind: ClassVar[str] = "entities"
    _of_tokens: ClassVar[frozenset[str]] = frozenset({"tokens", "tags"})

    entities: tuple[Entity, ...]
    tokens: tuple[str, ...]
    tags: tuple[str, ...]

    def parts(self, *, explain: bool = False) -> Iterable[highlight.Part]:
        """Return the text with its entities marked."""
        end = 0
        for entity in sorted(self.entities, key=lambda entity: entity.start):
            yield highlight.Plain(self.text[end : entity.start])
            marked = self.text[entity.start : entity.end]
            yield highlight.Mark(marked, entity.type, entity.confidence)
            end = entity.end
        yield highlight.Plain(self.text[end:])

    def to_conll(self) -> str:
        """Return a line `token tag` for each token, and an empty line at the end."""
        rows = zip(self.tokens, self.tags, strict=True)
        return "".join(f"{token} {tag}\n" for token, tag in rows) + "\n"

    def to_spans(self) -> dict[str, Any]:
        """Return the text and its entities by offset, as doccano and `data.format = "spans"` read them."""
        label = [[entity.start, entity.end, entity.type] for entity in self.entities]
        return {"text": self.text, "label": label}

    def summary(self) -> str:
        """Return the entities and their types: `Ada Lovelace PER, Paris LOC`."""
        entities = ", ".join(f"{entity.text} {entity.type}" for entity in self.entities)
        return for_terminal(entities, one_line=True) or "none"


@dataclass(frozen=True, slots=True)
class TaggedWords(TaggedText):
    """Plain tags of the words of a text, such as parts of speech; there are no entities.

    Attributes:
        offsets: begin and end of each token in the text as the user gave it.
        confidences: probability of each tag.
    """

    kind: ClassVar[str] = "tagged words"
    _omitted_if_empty: ClassVar[frozenset[str]] = frozenset({"entities"})
    _of_tokens: ClassVar[frozenset[str]] = frozenset({"offsets", "confidences"})

    @classmethod
    def formats(cls) -> list[str]:
        """Return the names of the formats, without that of spans."""
        return [name for name in TaggedText.formats() if name != "spans"]

    offsets: tuple[tuple[int, int], ...] = ()
    confidences: tuple[float, ...] = ()

    def parts(self, *, explain: bool = False) -> Iterable[highlight.Part]:
        """Return the text with a tag at each token."""
        before = 0
        rows = zip(self.tokens, self.tags, self.offsets, self.confidences, strict=True)
        for token, tag, (start, end), confidence in rows:
            yield highlight.Plain(self.text[before:start])
            yield highlight.Mark(token, tag, confidence)
            before = end
        yield highlight.Plain(self.text[before:])

    def summary(self) -> str:
        """Return the tokens with their tags: `the/DET cat/NOUN`."""
        return for_terminal(" ".join(map("/".join, zip(self.tokens, self.tags, strict=True))))


@dataclass(frozen=True, slots=True)
class TokenPredictions(Prediction):
    """The likeliest token at each position given the tokens before it, and its probability."""

    kind: ClassVar[str] = "predicted tokens"
    terminal_format: ClassVar[str] = "text"

    tokens: tuple[str, ...]
    predictions: tuple[str, ...]
    probabilities: tuple[float, ...]

    def to_text(self) -> str:
        """Return each token with the one that is predicted after it: `a>b b>c`."""
        return " ".join(map(">".join, zip(self.tokens, self.predictions, strict=True)))

    def summary(self) -> str:
        """Return the predicted tokens."""
        return for_terminal(" ".join(self.predictions))
