"""Pairs of texts as a task reads them: tokens of both sides, features of sources, pairs with targets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from nlpseq import model_directory
from nlpseq.data.batch import Tokens
from nlpseq.data.detokenizer import Detokenizer
from nlpseq.data.features import Features
from nlpseq.data.report import DataReport
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.tokenizer_training import AT_SPACES
from nlpseq.errors import TextError, UserError
from nlpseq.task import Setting

from ..base.pipelines import (
    are_lists,
    new_parts,
    read_texts,
    training_texts,
    unknown_counts,
    with_language,
)
from ..base.text_recipe import check_same_layers
from ..base.text_task import TextTask
from .data_checks import check_positions, pair_notes
from .decoding import forbidden_ids
from .pairs import Pair, PairReader
from .recipe import Seq2SeqRecipe
from .references import (
    REFERENCES,
    target_texts,
)
from .settings import pair_settings


class PairTask(TextTask[Seq2SeqRecipe, Pair]):
    """A task whose examples are pairs of texts.

    Attributes:
        pairs: makes features and pairs of texts.
    """

    fields: tuple[str, ...] = ("source", "target")
    further_fields: ClassVar[tuple[str, ...]] = REFERENCES
    target_field = "target"
    base_recipe = "seq2seq/base"

    pairs: PairReader

    def __init__(self, recipe: Seq2SeqRecipe) -> None:
        super().__init__(recipe)
        self._target_texts: Sequence[Text] = ()
        # Number of truncated sources, by fingerprint of the split.
        self._truncated: dict[str, int] = {}

    @classmethod
    def settings(cls, report: DataReport) -> list[Setting]:
        """Choose tokens, lengths and the length of training."""
        return pair_settings(report)

    # Preparation

    def _train_tokenizer(self, texts: Iterable[Text]) -> Tokenizer:
        """Train the tokenizer of sources, which is that of both sides if the vocabulary is joint."""
        if self.recipe.tokenization.joint:
            return super()._train_tokenizer(chain(texts, self._training_targets(self._parts)))
        return super()._train_tokenizer(texts)

    def _learn_tokens(self, texts: Sequence[Text], pretokenized: bool) -> None:
        """Learn the tokenizers of both sides."""
        config = self.recipe.tokenization
        if not config.joint:
            parts = new_parts(config.target, config.kind, pretokenized=pretokenized)
            self.target_tokenizer = Tokenizer.from_config(
                config.target,
                self._training_targets(parts),
                parts["raw"] or AT_SPACES,
                marked=pretokenized,
            )
        super()._learn_tokens(texts, pretokenized)

    def _training_targets(self, parts: Mapping[str, Any]) -> Iterator[Text]:
        config = self.recipe.tokenization
        parts = with_language(parts, config.target.language)
        return training_texts(self._target_texts, parts, config.kind)

    def prepare_features(self, train: Split, folders: Sequence[Path]) -> None:
        """Learn tokens and characters from train, or take those of `objective.init_from`."""
        run = self.recipe.objective.init_from
        if run is None:
            self._target_texts = self._targets(train)
            super().prepare_features(train, folders)
            return
        source, model = model_directory.load_task_and_model(model_directory.locate(run))
        if type(source) is not type(self):
            raise UserError(f"objective.init_from: {run} is of another task, {source.recipe.task}")
        check_same_layers(
            self.recipe,
            source.recipe,
            "objective.init_from",
            sections=("encoder", "decoder"),
            tokenization_keys=("joint", "split", "language", "target_language"),
        )
        self.target_tokenizer = source.target_tokenizer
        self.restore(source.tokenizer, source.state())
        self._initial = dict(model.state_dict())
        self.notes.append(f"weights start from {Path(run).name}")

    def _set_pipeline(self) -> None:
        super()._set_pipeline()
        config = self.recipe.tokenization
        self.pairs = PairReader(
            self.pipeline,
            self.collator,
            TextPipeline(self.target, **with_language(self._parts, config.target.language)),
            copying=self.recipe.decoder.copying,
            vocab_size=self.target_size,
            max_source=config.max_source_length,
            too_long=config.too_long,
        )

    @property
    def has_target_tokenizer(self) -> bool:
        """Return whether the vocabularies of source and target differ."""
        return not self.recipe.tokenization.joint

    @property
    def target(self) -> Tokenizer:
        """The tokenizer of targets."""
        return self.target_tokenizer or self.tokenizer

    @property
    def target_size(self) -> int:
        """V, tokens that an output may have."""
        joint = self.target_tokenizer is None
        return len(self.target) - (self.extension if joint else 0)

    @property
    def forbidden(self) -> tuple[int, ...]:
        """The ids that no output contains."""
        return forbidden_ids(self.target, self.recipe.decoder.copying)

    def inspect(self, split: Split) -> list[str]:
        """Report empty sides and truncated texts."""
        notes = super().inspect(split)
        examples, config = self.examples(split), self.recipe.tokenization
        notes += pair_notes(split, examples, self._truncated[split.fingerprint], config)
        ids = [pair.ids for _, pair in examples]
        self.unknown_tokens[f"{split.name}_target"], unknown = unknown_counts(
            split.name,
            sum(list(row).count(self.target.unk_id) for row in ids),
            sum(map(len, ids)),
            self.target.kind,
            "target tokens",
        )
        notes += unknown
        check_positions(split, examples, self.recipe.decoder, config)
        return notes

    # Examples

    def texts(self, split: Split) -> Sequence[Text]:
        """Return the sources of a split: strings, or lists of words."""
        return read_texts(split, "source")

    def _targets(self, split: Split) -> Sequence[Text]:
        """Return the targets of a split: strings, or lists of words beside sources that are lists."""
        if are_lists(self.texts(split)):
            return read_texts(split, "target")
        return target_texts(split)

    def features(self, split: Split) -> list[Features]:
        """Return the features of the sources.

        Raises:
            UserError: a source is too long, and `tokenization.too_long = "refuse"`.
        """
        try:
            features, truncated = self.pairs.encode_sources(
                self.texts(split), pretokenized=self.is_pretokenized(split)
            )
        except TextError as error:
            raise UserError(
                f"{split.origin}, {split.name}: source {error.index + 1} {error.reason}, or set "
                "tokenization.too_long=truncate"
            ) from error
        self._truncated[split.fingerprint] = len(truncated)
        return features

    def targets(self, split: Split) -> Sequence[Pair]:
        """Return the pair of each source."""
        return self.pairs.make_pairs(
            self.texts(split), self._targets(split), pretokenized=self.is_pretokenized(split)
        )

    def collate(
        self, features: Sequence[Features], targets: Sequence[Pair]
    ) -> tuple[Tokens, Tokens]:
        """Pad both sides to a batch."""
        return self.pairs.collate(features, targets)

    def target_length(self, target: Pair) -> int:
        """Return the number of tokens of a target, its end included."""
        return len(target.ids)

    def learnable(self, features: Features, target: Pair) -> bool:
        """Leave out targets without a token: they teach only to generate nothing."""
        return bool(target.text.strip()) and len(target.ids) > 1

    # State

    def state(self) -> dict[str, Any]:
        """Return also where outputs have spaces."""
        detokenizer = self.pairs.detokenizer
        return super().state() | ({"detokenizer": detokenizer.state()} if detokenizer else {})

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        if "detokenizer" in state:
            self.pairs.detokenizer = Detokenizer.from_state(state["detokenizer"])
