"""Shared by tasks on whole texts: features of texts, their embedding, batches of similar length.

A text is encoded once, when its split is first used, and its features stay in memory: ids and references to
words, 16 to 40 bytes a token. Tasks differ in the target beside the features and in the head on the encoder.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from nlpseq import model_directory
from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.batching import bucket_batches
from nlpseq.data.features import NUM_CASINGS, CharacterTable, FeatureReader, Features
from nlpseq.data.pretrained_vectors import Vectors, load_vectors, no_word
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.layers.embedding import Embedding
from nlpseq.models.builders import build_embedding
from nlpseq.recipe import HierarchicalConfig
from nlpseq.task import Cursor, Shard, Task

from .layer_decay import layerwise_groups
from .text_recipe import TextRecipe, check_same_layers

BATCHES_TOGETHER = 300  # evaluation batches whose distinct words are encoded together


RecipeT = TypeVar("RecipeT", bound=TextRecipe)
Target = TypeVar("Target")


class TextTask(Task[RecipeT], Generic[RecipeT, Target]):
    """A task whose examples are texts, each with a target.

    Attributes:
        reader: makes features of texts, as in training.
        extension: number of vocabulary words that only the pretrained vectors have.
    """

    reader: FeatureReader

    def __init__(self, recipe: RecipeT) -> None:
        super().__init__(recipe)
        self.extension = 0
        self._examples: dict[str, list[tuple[Features, Target]]] = {}
        self._vectors: Vectors | None = None
        self._initial: dict[str, Tensor] = {}

    # Examples: defined by each task

    @abstractmethod
    def texts(self, split: Split) -> Sequence[str]:
        """Return the texts of a split; where tokens are words, they are separated by white space."""

    @abstractmethod
    def features(self, split: Split) -> list[Features]:
        """Return the features of each example of a split."""

    @abstractmethod
    def targets(self, split: Split) -> Sequence[Target]:
        """Return the target of each example of a split."""

    def collate_targets(self, targets: Sequence[Target], source: Tokens) -> Tensor:
        """Make a tensor of the targets of a batch; not needed by a task that overrides `collate`."""
        raise NotImplementedError

    def collate(
        self, features: Sequence[Features], targets: Sequence[Target]
    ) -> tuple[Tokens, Tensor | Tokens]:
        """Pad features and targets to a batch."""
        source = self.reader.collate(features)
        return source, self.collate_targets(targets, source)

    def target_length(self, target: Target) -> int:
        """Return the number of tokens of a target that is a text; 0 for any other target."""
        return 0

    def learnable(self, features: Features, target: Target) -> bool:
        """Tell whether training uses an example that has a token."""
        return True

    # Preparation

    def prepare_features(self, train: Split, folders: Sequence[Path]) -> None:
        """Learn tokens and characters from train, look up the pretrained vectors."""
        texts = self.texts(train)
        self.tokenizer = self._first_tokenizer(texts)
        if self.recipe.embedding.pretrained is not None:
            self._load_vectors(texts, folders)
        characters = None
        if self.recipe.embedding.characters != "none":
            characters = CharacterTable.learn(word for text in texts for word in text.split())
        self._set_reader(characters)

    def _load_vectors(self, texts: Sequence[str], folders: Sequence[Path]) -> None:
        """Load the pretrained vectors, and extend the vocabulary by words that only they have."""
        config, words = self.recipe.embedding, self.tokenizer.vocabulary
        assert config.pretrained is not None
        ids = [token_id for text in self.tokenizer.encode_batch(texts) for token_id in text]
        counts = torch.bincount(torch.tensor(ids), minlength=len(words)).tolist()
        extend = self.tokenizer.produces if self.tokenizer.kind == "word" else no_word
        vectors = load_vectors(
            config.pretrained, words, config.dim, folders, counts=counts, extend=extend
        )
        self.notes.append(str(vectors.coverage))
        if vectors.extra_words:
            self.tokenizer = self.tokenizer.with_words(vectors.extra_words)
        self.extension = len(vectors.extra_words)
        self._vectors = vectors

    def _first_tokenizer(self, texts: Sequence[str]) -> Tokenizer:
        """Learn the tokenizer from texts, or take that of the language model to start from."""
        run = getattr(self.recipe.encoder, "init_from", None)
        if run is None:
            return Tokenizer.from_config(self.recipe.tokenization, texts)
        if self.recipe.embedding.pretrained is not None:
            raise UserError(
                "encoder.init_from brings its own embedding: leave out embedding.pretrained"
            )
        source, model = model_directory.load_task_and_model(model_directory.locate(run))
        check_same_layers(self.recipe, source.recipe, "encoder.init_from")
        prefixes = ("embedding.", "encoder.")
        self._initial = {
            name: tensor for name, tensor in model.state_dict().items() if name.startswith(prefixes)
        }
        self.notes.append(f"embedding and encoder start from {Path(run).name}")
        return source.tokenizer

    def _set_reader(self, characters: CharacterTable | None) -> None:
        recipe = self.recipe
        self.reader = FeatureReader(
            self.tokenizer,
            characters,
            casing=recipe.embedding.casing_dim > 0,
            segments=isinstance(recipe.encoder, HierarchicalConfig),
            lower_unknown=self.extension > 0,
        )

    def state(self) -> dict[str, Any]:
        """Return the character table, and how many words only the pretrained vectors have."""
        table = self.reader.characters
        return {"extension": self.extension, "characters": table.state() if table else ""}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        self.extension = int(state["extension"])
        needed = self.recipe.embedding.characters != "none"
        self._set_reader(CharacterTable(state["characters"]) if needed else None)

    # Model

    def build_embedding(self) -> Embedding:
        """Build a fresh embedding, with the pretrained vectors in it."""
        table = self.reader.characters
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
        shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        for name, tensor in self._initial.items():
            if shapes.get(name) != tensor.shape:
                expected = tuple(shapes[name]) if name in shapes else "nothing of that name"
                raise UserError(
                    f"encoder.init_from: its {name} has the shape {tuple(tensor.shape)}, this recipe "
                    f"wants {expected}; [embedding] and [encoder] must be those of that run"
                )
        encoder = [name for name in shapes if name.startswith("encoder.")]
        if missing := [name for name in encoder if name not in self._initial]:
            raise UserError(
                f"encoder.init_from: that run has no {missing[0]}; [embedding] and [encoder] must be "
                "those of that run"
            )
        model.load_state_dict(self._initial, strict=False)

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Group parameters as every task does; with `training.layer_decay` also by layer."""
        training, plain_groups = self.recipe.training, super().parameter_groups
        if training.layer_decay == 1.0:
            return plain_groups(model)
        return layerwise_groups(model, training.learning_rate, training.layer_decay, plain_groups)

    # Batches

    def examples(self, split: Split) -> list[tuple[Features, Target]]:
        """Return features and target of every example; a split is encoded once."""
        key = split.fingerprint
        if key not in self._examples:
            self._examples[key] = list(zip(self.features(split), self.targets(split), strict=True))
        return self._examples[key]

    def _batch_indices(
        self, split: Split, seed: int, epoch: int, training: bool
    ) -> list[list[int]]:
        """Return the indices of the examples of each batch; examples without a token are left out."""
        config, examples = self.recipe.training, self.examples(split)
        used = [
            index
            for index, example in enumerate(examples)
            if len(example[0]) and (not training or self.learnable(*example))
        ]
        batches = bucket_batches(
            **self._lengths([examples[index] for index in used]),
            batch_size=config.batch_size,
            batch_tokens=config.batch_tokens,
            seed=seed,
            epoch=epoch,
            shuffle=training,
        )
        return [[used[number] for number in batch] for batch in batches]

    def _lengths(self, examples: Sequence[tuple[Features, Target]]) -> dict[str, Any]:
        """Return the lengths by which examples are batched."""
        targets = [self.target_length(target) for _, target in examples]
        return {
            "lengths": [len(features) for features, _ in examples],
            "targets": targets if any(targets) else None,
        }

    def steps_per_epoch(self, split: Split) -> int:
        """Count the batches of the first epoch; with a token budget, other epochs differ slightly."""
        return len(self._batch_indices(split, self.recipe.seed, 0, training=True))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """Yield the batches of one epoch from `start` on; a batch holds texts of similar length."""
        examples = self.examples(split)
        for indices in self._batch_indices(split, seed, start.epoch, training)[start.batch :]:
            features, targets = zip(*(examples[index] for index in indices), strict=True)
            source, target = self.collate(features, targets)
            yield Batch(source, target, torch.tensor(indices))

    # Evaluation

    def iter_shard(
        self, split: Split, shard: Shard, limit: int, embedding: Embedding | None = None
    ) -> Iterator[tuple[list[int], Tokens, list[Target]]]:
        """Yield indices, features and targets of each evaluation batch of this process.

        Examples without a token are left to the task: see `empty_indices`.

        Args:
            split: data to evaluate.
            shard: part of the examples that this process evaluates.
            limit: evaluate only the first so many examples; 0: all.
            embedding: encodes the distinct words of many batches by their characters at once.
        """
        examples = self.examples(split)
        used = [index for index in self._indices(split, shard, limit) if len(examples[index][0])]
        batches = self.evaluation_batches(**self._lengths([examples[index] for index in used]))
        together = BATCHES_TOGETHER if embedding else 1
        for begin in range(0, len(batches), together):
            group = [[used[number] for number in b] for b in batches[begin : begin + together]]
            tokens = self.reader.collate_all(
                [[examples[index][0] for index in indices] for indices in group]
            )
            if embedding:
                tokens = embedding.encode_words(tokens)
            for indices, source in zip(group, tokens, strict=True):
                yield indices, source, [examples[index][1] for index in indices]

    def evaluation_batches(
        self, lengths: Sequence[int], targets: Sequence[int] | None
    ) -> list[list[int]]:
        """Group examples for evaluation by their number of tokens on each side."""
        config = self.recipe.training
        return bucket_batches(
            lengths,
            targets=targets,
            batch_size=config.batch_size,
            batch_tokens=config.batch_tokens,
            shuffle=False,
        )

    def empty_indices(self, split: Split, shard: Shard, limit: int) -> list[int]:
        """Return the indices of this process's examples that have no token."""
        examples = self.examples(split)
        return [i for i in self._indices(split, shard, limit) if not len(examples[i][0])]

    def _indices(self, split: Split, shard: Shard, limit: int) -> range:
        """Return the indices of this process's examples."""
        size = len(self.examples(split))
        return range(shard.rank, min(limit, size) if limit else size, shard.world_size)


def names_by_id(id2label: Any) -> list[str]:
    """Return the names of classes or tags in the order of their ids, from `id2label` of config.json.

    Raises:
        UserError: `id2label` does not map each id from 0 on to a name.
    """
    mapping = id2label if isinstance(id2label, Mapping) else {}
    names = [mapping.get(str(index), mapping.get(index)) for index in range(len(mapping))]
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(
            "config.json: learnt.id2label is damaged: it maps each id from 0 on to a name"
        )
    return [str(name) for name in names]
