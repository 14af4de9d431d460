"""Shared by tasks on whole texts: tokenizer, features of texts, their embedding; `examples` has the batches.

Tasks differ in the target beside the features and in the head on the encoder.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.feature_store import FeatureStore
from nlpseq.data.features import NUM_CASINGS, CharacterTable, Features
from nlpseq.data.normalizer import Normalizer
from nlpseq.data.pretrained_vectors import Vectors, load_vectors, no_word
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.tokenizer_training import AT_SPACES
from nlpseq.errors import UserError
from nlpseq.layers.embedding import Embedding
from nlpseq.models.builders import build_embedding
from nlpseq.recipe import HierarchicalConfig
from nlpseq.stored_values import StoredValues
from nlpseq.wording import format_count

from .examples import ExampleTask
from .language_model_start import load_language_model, read_language_model
from .layer_decay import layerwise_groups
from .pipelines import (
    are_lists,
    collect_features,
    cutting_note,
    is_pretokenized,
    known_words,
    new_parts,
    raw_text_notes,
    saved_parts,
    training_texts,
    unknown_note,
)
from .resolved_recipe import with_cutting
from .text_recipe import TextRecipe

RecipeT = TypeVar("RecipeT", bound=TextRecipe)
Target = TypeVar("Target")


class TextTask(ExampleTask[RecipeT, Target]):
    """A task whose examples are texts, each with a target.

    Attributes:
        pipeline: makes features of texts, as in training.
        extension: number of vocabulary words that only the pretrained vectors have.
    """

    pipeline: TextPipeline

    def __init__(self, recipe: RecipeT) -> None:
        super().__init__(recipe)
        self.extension = 0
        self._characters: CharacterTable | None = None
        self._parts: dict[str, Any] = {}
        self._vectors: Vectors | None = None
        self._initial: dict[str, Tensor] = {}

    # Examples: defined by each task

    tags_words: ClassVar[bool] = False
    """Whether words are tagged, so that a tokenizer of pieces marks where words begin."""

    @abstractmethod
    def texts(self, split: Split) -> Sequence[Text]:
        """Return the texts of a split: strings, or lists of words."""

    def features(self, split: Split) -> Sequence[Features]:
        """Return the features of each example of a split."""
        return self.read_store(self.texts(split), pretokenized=self.is_pretokenized(split))

    def read_store(self, texts: Sequence[Text], *, pretokenized: bool) -> FeatureStore:
        """Return features of many texts, which are read some at a time."""
        return collect_features(self.pipeline.read, texts, pretokenized=pretokenized)

    # Preparation

    def is_pretokenized(self, split: Split) -> bool:
        """Return whether the strings of a split are words between white space."""
        return is_pretokenized(split, self.recipe.data.pretokenized, self.pipeline)

    def is_cut(self, train: Split, texts: Sequence[Text]) -> bool:
        """Return whether the texts of train are cut into words by the data.

        Raises:
            UserError: they are, and the recipe says that they are not.
        """
        given = self.recipe.data.pretokenized
        if not are_lists(texts):
            return is_pretokenized(train, given)
        if given is False:
            raise UserError(
                f"{train.origin}: data.pretokenized = false, but the texts are lists of words; leave it out"
            )
        return True

    def prepare_features(self, train: Split, folders: Sequence[Path]) -> None:
        """Learn tokens and characters from train, look up the pretrained vectors."""
        texts = self.texts(train)
        pretokenized = self.is_cut(train, texts)
        self._learn_tokens(texts, pretokenized)
        if self.recipe.embedding.pretrained is not None:
            self._load_vectors(texts, pretokenized, folders)
        if self.recipe.embedding.characters != "none":
            words = (
                word.text
                for text in texts
                for word in self.pipeline.words(text, pretokenized=pretokenized)
            )
            self._characters = CharacterTable.learn(words)
        self._set_pipeline()
        self.notes.append(cutting_note(texts, self.pipeline))
        self.notes += raw_text_notes(train, texts, self.pipeline)

    def _learn_tokens(self, texts: Sequence[Text], pretokenized: bool) -> None:
        """Learn the tokenizer from texts, or take that of the language model to start from."""
        config = self.recipe.tokenization
        source = self._initial_tokenizer()
        known = source[0] if source else Tokenizer.load(config.path) if config.path else None
        kind = known.kind if known else config.kind
        self._parts = new_parts(config, kind, pretokenized=pretokenized, tags=self.tags_words)
        if source:
            self._parts["normalizer"] = source[1]
        self._parts["words"] = known_words(texts, self._parts, kind)
        self.tokenizer = known or self._train_tokenizer(
            training_texts(texts, self._parts, config.kind)
        )
        self._set_pipeline()

    def _train_tokenizer(self, texts: Iterable[Text]) -> Tokenizer:
        """Train a tokenizer on texts, see `training_texts`."""
        config, raw = self.recipe.tokenization, self._parts["raw"] or AT_SPACES
        return Tokenizer.train(config, texts, raw, marked=self._parts["pretokenized"])

    def _load_vectors(
        self, texts: Sequence[Text], pretokenized: bool, folders: Sequence[Path]
    ) -> None:
        """Load the pretrained vectors, and extend the vocabulary by words that only they have."""
        config, words = self.recipe.embedding, self.tokenizer.vocabulary
        assert config.pretrained is not None
        features = self.read_store(texts, pretokenized=pretokenized)
        counts = features.counts(len(words)).tolist()
        extend = self.tokenizer.produces if self.tokenizer.kind == "word" else no_word
        vectors = load_vectors(
            config.pretrained, words, config.dim, folders, counts=counts, extend=extend
        )
        note = str(vectors.coverage)
        if vectors.extra_words:
            self.tokenizer = self.tokenizer.with_words(vectors.extra_words)
            note += f"; {format_count(len(vectors.extra_words), 'further word')} of the file, not trained"
        self.notes.append(note)
        self.extension = len(vectors.extra_words)
        self._vectors = vectors

    def _initial_tokenizer(self) -> tuple[Tokenizer, Normalizer | None] | None:
        """Return tokenizer and normalisation of the language model to start from, if there is any."""
        run = getattr(self.recipe.encoder, "init_from", None)
        if run is None:
            return None
        if self.recipe.embedding.pretrained is not None:
            raise UserError(
                "encoder.init_from brings its own embedding: leave out embedding.pretrained"
            )
        start = read_language_model(self.recipe, run)
        self._initial = start.tensors
        self.notes.append(f"embedding and encoder start from {Path(run).name}")
        return start.tokenizer, start.normalizer

    def _set_pipeline(self) -> None:
        recipe = self.recipe
        self.pipeline = TextPipeline(
            self.tokenizer,
            **self._parts,
            word_pieces=self.tags_words,
            characters=self._characters,
            casing=recipe.embedding.casing_dim > 0,
            segments=isinstance(recipe.encoder, HierarchicalConfig),
            lower_unknown=self.extension > 0,
        )
        self.collator = FeatureCollator(
            self.tokenizer.pad_id, self._characters, casing=self.pipeline.casing
        )

    def inspect(self, split: Split) -> list[str]:
        """Report also the share of unknown tokens."""
        notes = super().inspect(split)
        sides = self.examples(split).features.sides
        self.unknown_tokens[split.name], unknown = unknown_note(split.name, sides, self.pipeline)
        return notes + unknown

    def state(self) -> dict[str, Any]:
        """Return the pipeline, the character table, and how many words only the vectors have."""
        table = self._characters
        return {
            "extension": self.extension,
            "characters": table.state() if table else "",
            "pipeline": self.pipeline.state(),
        }

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        stored = StoredValues(state)
        self.extension = stored.integer("extension", 0, len(tokenizer) - 1)
        needed = self.recipe.embedding.characters != "none"
        self._characters = CharacterTable(stored.text("characters")) if needed else None
        self._parts = saved_parts(
            state, self.recipe.tokenization, tokenizer.kind, tags=self.tags_words
        )
        self._set_pipeline()

    def resolved_recipe(self) -> RecipeT:
        """Return the recipe with the cutting of texts that `prepare` settled."""
        return with_cutting(self.recipe, self.pipeline)

    # Model

    def build_embedding(self) -> Embedding:
        """Build a fresh embedding, with the pretrained vectors in it."""
        table = self._characters
        embedding = build_embedding(
            self.recipe.embedding,
            vocab_size=len(self.tokenizer) - self.extension,
            pad_id=self.tokenizer.pad_id,
            unk_id=self.tokenizer.unk_id,
            num_characters=len(table) if table else 0,
            num_casings=NUM_CASINGS,
            extension_size=self.extension,
        )
        if self._vectors is not None:
            embedding.tokens.load(self._vectors.table)
        return embedding

    def load_initial_weights(self, model: nn.Module) -> None:
        """Load embedding and encoder of the language model that `encoder.init_from` names, if any.

        Raises:
            UserError: that model has other layers than this recipe.
        """
        if not self._initial:
            return
        load_language_model(model, self._initial)

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Group parameters as every task does; with `training.layer_decay` also by layer."""
        training, plain_groups = self.recipe.training, super().parameter_groups
        if training.layer_decay == 1.0:
            return plain_groups(model)
        return layerwise_groups(model, training.learning_rate, training.layer_decay, plain_groups)
