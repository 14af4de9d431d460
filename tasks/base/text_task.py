"""What tasks on whole texts share: features of texts, their embedding, batches of like length.

A text is read once, when its split is first used, and its features stay in memory: ids and references to
words, 16 to 40 bytes a token. What differs from task to task is the target beside its features, and the
head behind the encoder.
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
from nlpseq.models.model import Model
from nlpseq.recipe import HierarchicalConfig
from nlpseq.task import Cursor, Shard, Task

from .text_recipe import TextRecipe, check_same_reading

BATCHES_TOGETHER = 300  # of which the distinct words are kept with their vectors


RecipeT = TypeVar("RecipeT", bound=TextRecipe)
Target = TypeVar("Target")


class TextTask(Task[RecipeT], Generic[RecipeT, Target]):
    """A task whose examples are texts, each with a target.

    Attributes:
        reader: makes features of texts as in training.
        extension: words of the vocabulary that only the pretrained vectors know.
    """

    reader: FeatureReader

    def __init__(self, recipe: RecipeT) -> None:
        super().__init__(recipe)
        self.extension = 0
        self._examples: dict[str, list[tuple[Features, Target]]] = {}
        self._vectors: Vectors | None = None
        self._initial: dict[str, Tensor] = {}

    # What a task says of its examples

    @abstractmethod
    def texts(self, split: Split) -> Sequence[str]:
        """The texts of a split, tokens between white space where they are words."""

    @abstractmethod
    def features(self, split: Split) -> list[Features]:
        """The features of a split's examples."""

    @abstractmethod
    def targets(self, split: Split) -> Sequence[Target]:
        """What is to be predicted for each example of a split."""

    def collate_targets(self, targets: Sequence[Target], source: Tokens) -> Tensor:
        """The targets of a batch as a tensor, of a task that leaves `collate` as it is."""
        raise NotImplementedError

    def collate(
        self, features: Sequence[Features], targets: Sequence[Target]
    ) -> tuple[Tokens, Tensor | Tokens]:
        """What is read and what is predicted, of a batch."""
        source = self.reader.collate(features)
        return source, self.collate_targets(targets, source)

    def target_length(self, target: Target) -> int:
        """Tokens of a target that is a text; 0 where it is none."""
        return 0

    def learnable(self, features: Features, target: Target) -> bool:
        """Whether an example, which has a token, can be learnt from."""
        return True

    # Preparation

    def prepare_features(self, train: Split, folders: Sequence[Path]) -> None:
        """Learn tokens and characters from train, look up the pretrained vectors."""
        recipe, texts = self.recipe, self.texts(train)
        self.tokenizer = self._first_tokenizer(texts)
        config = recipe.embedding
        if config.pretrained is not None:
            words = self.tokenizer.vocabulary
            ids = [one for text in self.tokenizer.encode_batch(texts) for one in text]
            counts = torch.bincount(torch.tensor(ids), minlength=len(words)).tolist()
            extend = self.tokenizer.produces if self.tokenizer.kind == "word" else no_word
            vectors = load_vectors(
                config.pretrained, words, config.dim, folders, counts=counts, extend=extend
            )
            self.notes.append(str(vectors.coverage))
            if vectors.extra_words:
                self.tokenizer = self.tokenizer.extended(vectors.extra_words)
            self.extension = len(vectors.extra_words)
            self._vectors = vectors
        characters = None
        if config.characters != "none":
            characters = CharacterTable.learn(word for text in texts for word in text.split())
        self._set_reader(characters)

    def _first_tokenizer(self, texts: Sequence[str]) -> Tokenizer:
        """Learnt from train, or that of the language model whose weights to start from."""
        encoder = self.recipe.encoder
        run = getattr(encoder, "init_from", None)
        if run is None:
            return Tokenizer.from_config(self.recipe.tokenization, texts)
        if self.recipe.embedding.pretrained is not None:
            raise UserError(
                "encoder.init_from brings its own embedding: leave out embedding.pretrained"
            )
        source, model = model_directory.read(model_directory.locate(run))
        check_same_reading(self.recipe, source.recipe, "encoder.init_from")
        parts = ("embedding.", "encoder.")
        self._initial = {
            name: tensor for name, tensor in model.state_dict().items() if name.startswith(parts)
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
        """The characters, and how much of the vocabulary only the vectors know."""
        table = self.reader.characters
        return {"extension": self.extension, "characters": table.state() if table else ""}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Take back what `prepare` had learnt."""
        super().restore(tokenizer, state)
        self.extension = int(state["extension"])
        needed = self.recipe.embedding.characters != "none"
        self._set_reader(CharacterTable(state["characters"]) if needed else None)

    # Model

    def build_embedding(self) -> Embedding:
        """A fresh embedding, with the pretrained vectors in it."""
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

    def initialized(self, model: Model[Any]) -> Model[Any]:
        """The model, its embedding and encoder taken from a language model where the recipe says so."""
        if not self._initial:
            return model
        shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        for name, tensor in self._initial.items():
            if shapes.get(name) != tensor.shape:
                wanted = tuple(shapes[name]) if name in shapes else "nothing of that name"
                raise UserError(
                    f"encoder.init_from: its {name} has the shape {tuple(tensor.shape)}, this recipe "
                    f"wants {wanted}; [embedding] and [encoder] must be those of that run"
                )
        mine = [name for name in shapes if name.startswith("encoder.")]
        if missing := [name for name in mine if name not in self._initial]:
            raise UserError(
                f"encoder.init_from: that run has no {missing[0]}; [embedding] and [encoder] must be "
                "those of that run"
            )
        model.load_state_dict(self._initial, strict=False)
        return model

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """As of every task; with `training.layer_decay`, lower layers learn more slowly."""
        training = self.recipe.training
        if training.layer_decay == 1.0:
            return super().parameter_groups(model)
        depths: dict[int, dict[str, nn.Parameter]] = {}
        top = 1 + max((_level(name) for name, _ in model.named_parameters()), default=0)
        for name, parameter in model.named_parameters():
            depth = 0 if name.startswith("head.") else top - _level(name)
            depths.setdefault(depth, {})[name] = parameter
        groups = []
        for depth, parameters in sorted(depths.items()):
            rate = training.learning_rate * training.layer_decay**depth
            part = nn.ParameterDict({n.replace(".", "/"): p for n, p in parameters.items()})
            groups += [{**group, "lr": rate} for group in super().parameter_groups(part)]
        return [group for group in groups if group["params"]]

    # Batches

    def examples(self, split: Split) -> list[tuple[Features, Target]]:
        """Features and target of every example; a split is read once."""
        key = split.fingerprint
        if key not in self._examples:
            self._examples[key] = list(zip(self.features(split), self.targets(split), strict=True))
        return self._examples[key]

    def _plan(self, split: Split, seed: int, epoch: int, training: bool) -> list[list[int]]:
        """Places of the examples of each batch; those without a token are in none."""
        config, examples = self.recipe.training, self.examples(split)
        real = [
            place
            for place, example in enumerate(examples)
            if len(example[0]) and (not training or self.learnable(*example))
        ]
        batches = bucket_batches(
            **self._lengths([examples[place] for place in real]),
            batch_size=config.batch_size,
            batch_tokens=config.batch_tokens,
            seed=seed,
            epoch=epoch,
            shuffle=training,
        )
        return [[real[number] for number in batch] for batch in batches]

    def _lengths(self, examples: Sequence[tuple[Features, Target]]) -> dict[str, Any]:
        """By what examples of like length are found, and a budget of tokens counts."""
        targets = [self.target_length(target) for _, target in examples]
        return {
            "lengths": [len(features) for features, _ in examples],
            "targets": targets if any(targets) else None,
        }

    def steps_per_epoch(self, split: Split) -> int:
        """Batches of the first epoch; with a budget of tokens others differ by a few."""
        return len(self._plan(split, self.recipe.seed, 0, training=True))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """Batches of like length, from the start's on."""
        examples = self.examples(split)
        for places in self._plan(split, seed, start.epoch, training)[start.batch :]:
            source, target = self.collate(*zip(*(examples[place] for place in places), strict=True))
            yield Batch(source, target, torch.tensor(places))

    def iter_shard(
        self, split: Split, shard: Shard, limit: int, embedding: Embedding | None = None
    ) -> Iterator[tuple[list[int], Tokens, list[Target]]]:
        """This process's part of a split, for evaluation: places, features, targets of each batch.

        Given the embedding, the distinct words of many batches are read by their characters once.
        Examples without a token are left to the task: `empty`.
        """
        examples = self.examples(split)
        mine = [place for place in self._mine(split, shard, limit) if len(examples[place][0])]
        batches = self.evaluation_batches(**self._lengths([examples[place] for place in mine]))
        together = BATCHES_TOGETHER if embedding else 1
        for begin in range(0, len(batches), together):
            some = [[mine[number] for number in one] for one in batches[begin : begin + together]]
            read = self.reader.collate_all([[examples[place][0] for place in one] for one in some])
            if embedding:
                read = embedding.read_words(read)
            for places, tokens in zip(some, read, strict=True):
                yield places, tokens, [examples[place][1] for place in places]

    def evaluation_batches(
        self, lengths: Sequence[int], targets: Sequence[int] | None
    ) -> list[list[int]]:
        """Places of the examples that are evaluated together, given the tokens of each side."""
        config = self.recipe.training
        return bucket_batches(
            lengths,
            targets=targets,
            batch_size=config.batch_size,
            batch_tokens=config.batch_tokens,
            shuffle=False,
        )

    def empty(self, split: Split, shard: Shard, limit: int) -> list[int]:
        """Places of this process's examples that have no token."""
        examples = self.examples(split)
        return [place for place in self._mine(split, shard, limit) if not len(examples[place][0])]

    def _mine(self, split: Split, shard: Shard, limit: int) -> range:
        number = len(self.examples(split))
        return range(shard.rank, min(limit, number) if limit else number, shard.world_size)


def by_number(id2label: Any) -> list[str]:
    """The names of classes or tags in the order of their numbers, as config.json keeps them.

    Raises:
        UserError: it is no mapping of all numbers from 0 on.
    """
    names = id2label if isinstance(id2label, Mapping) else {}
    found = [names.get(str(number), names.get(number)) for number in range(len(names))]
    if not found or not all(isinstance(name, str) for name in found):
        raise UserError(
            "config.json: learnt.id2label is damaged: it maps each number from 0 on to a name"
        )
    return [str(name) for name in found]


def _level(name: str) -> int:
    """How high a parameter stands below the head: embedding 0, encoder layers 1, 2, ..."""
    parts = name.split(".")
    if parts[0] != "encoder":
        return 0
    return 1 + next((int(part) for part in parts if part.isdigit()), 0)
