"""One tag for each word: named entities and other spans, or plain tags such as parts of speech.

The scheme of spans does not matter, only the spans do: tags are converted to the scheme of the recipe
when they are read, learnt in it, decoded under its constraints, and scored as spans. Data are words with tags, or
texts with spans by offset, which are cut into words as `predict` cuts raw text.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nlpseq.data import tag_notation, tag_schemes
from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.features import Features
from nlpseq.data.known_words import KnownWords
from nlpseq.data.report import DataReport
from nlpseq.data.split import Split
from nlpseq.data.text_pipeline import Text
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores, perfect_scores, sum_statistics
from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.tags import TagScores
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.task import Baseline, LossSum, Progress, Record, Setting, Shard
from nlpseq.types import State
from nlpseq.wording import format_count

from ..base.label_names import names_by_id
from ..base.text_task import TextTask
from .baselines import train_baselines
from .metrics import mean_tag_scores, tag_tables, type_table
from .model import TaggerModel, build_tagger, word_outputs
from .predictor import SequenceTaggerPredictor
from .recipe import TaggingRecipe
from .settings import tagger_settings
from .span_texts import SpanTexts, perfect_statistics, read_span_texts, sentence_cutter, text_record
from .tag_columns import read_plain_tags, read_words, span_tags

SPAN_SCORES = ("precision", "recall", "conlleval_precision", "conlleval_recall", "conlleval_f1")
MANY_TAGS = 100
"""Tags from which a CRF is slow: a step costs their square."""


class Tagging(TextTask[TaggingRecipe, list[str]]):
    """Sequence tagging; the tags, or types of entities, are those of train.

    Attributes:
        tags: tags by id.
        scheme: BIO or BIOES for spans, none for plain tags.
        known_words: words of train; None: of a model of nlpseq 0.1, which has not kept them.
    """

    Config: ClassVar[type[Recipe]] = TaggingRecipe
    fields: tuple[str, ...] = ("tokens", "tags")
    alternative_fields = (("tokens", "tags"), ("text", "spans"))
    metric: SpanScores | TagScores
    label_field = "tags"
    tags_words: ClassVar[bool] = True
    main_metric = "f1"
    higher_is_better = True
    base_recipe = "tagging/base"
    score_directions = MappingProxyType(dict.fromkeys((*SPAN_SCORES, "token_accuracy"), True))
    hub_task = "token-classification"

    def __init__(self, recipe: TaggingRecipe) -> None:
        super().__init__(recipe)
        self.tags: list[str] = []
        self.scheme = "BIOES"
        self.known_words: KnownWords | None = None
        self._span_texts: dict[str, SpanTexts] = {}
        self._unknown: dict[str, list[list[bool]] | None] = {}

    @property
    def is_plain(self) -> bool:
        """Whether tags are learnt as they are, not as spans."""
        return self.scheme == "none"

    @property
    def reads_texts(self) -> bool:
        """Whether the data are texts with spans by offset."""
        return self.fields[0] == "text"

    @classmethod
    def settings(cls, report: DataReport) -> list[Setting]:
        """Choose features of words and the length of training."""
        return tagger_settings(report)

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens, characters and tags from train; encode every split."""
        if self.recipe.head.kind == "crf" and self.recipe.training.label_smoothing:
            raise UserError(
                "training.label_smoothing smooths each tag on its own: set head.kind = 'softmax', "
                "or leave it out"
            )
        train = splits["train"]
        self._learn_tags(train)
        self.prepare_features(train, folders)
        self._span_texts.clear()  # cut again, by the pipeline
        self.known_words = KnownWords.learn(self._canonical_words(train))
        for split in splits.values():
            self.notes += self.inspect(split)

    def _learn_tags(self, train: Split) -> None:
        """Learn whether tags are spans, and the tags or types of train."""
        self.scheme = self._choose_scheme(train)
        targets = self.targets(train)
        distinct = {tag for tags in targets for tag in tags}
        if self.is_plain:
            if len(distinct) < 2:
                raise UserError(
                    f"{train.origin}: every token of train has the tag {min(distinct, default='')!r}: a tagger "
                    "needs at least two tags"
                )
            self._set_tags(sorted(distinct))
            if self.recipe.head.scheme == "auto":
                self.notes.append(tag_notation.plain_note(distinct))
            if len(distinct) > MANY_TAGS and self.recipe.head.kind == "crf":
                self.notes.append(
                    f"a CRF over {len(distinct):,} tags is slow: head.kind = 'softmax' costs much less"
                )
            return
        types = {span.type for tags in targets for span in tag_schemes.tags_to_spans(tags)}
        if not types:
            what = "its spans are empty" if self.reads_texts else "all of its tags are O"
            raise UserError(f"{train.origin}: train has no entity, {what}")
        self._set_tags(tag_schemes.tag_vocabulary(types, self._span_scheme))
        if not self.reads_texts:
            data = span_tags(self._plain_tags(train), train)
            self.notes.append(tag_notation.scheme_note(data, self._span_scheme))

    def _choose_scheme(self, train: Split) -> str:
        wanted = self.recipe.head.scheme
        if self.reads_texts and wanted == "none":
            raise UserError("head.scheme = 'none' learns plain tags, but these data have spans: leave it out")
        if wanted != "auto":
            return wanted
        if self.reads_texts:
            return "BIOES"
        distinct = {tag for tags in self._plain_tags(train) for tag in tags}
        return "BIOES" if tag_notation.are_spans(distinct) else "none"

    @property
    def _span_scheme(self) -> tag_schemes.LearntScheme:
        return "BIO" if self.scheme == "BIO" else "BIOES"

    def _set_tags(self, tags: list[str]) -> None:
        self.tags = tags
        if self.is_plain:
            self.metric = TagScores()
            self.main_metric = "token_accuracy"
            self.score_directions = {"macro_f1": True, "weighted_f1": True}
            return
        types = {span.type for span in tag_schemes.tags_to_spans(tags)}
        self.metric = SpanScores(types, self._span_scheme)

    def is_cut(self, train: Split, texts: Sequence[Text]) -> bool:
        """Return whether the data cut texts into words; texts with spans are raw, unless the recipe says otherwise."""
        if self.reads_texts:
            return bool(self.recipe.data.pretokenized)
        return super().is_cut(train, texts)

    def inspect(self, split: Split) -> list[str]:
        """Report sentences without a token, spans that tags cannot say, and tags or types that train lacks."""
        notes = super().inspect(split)
        empty = sum(not len(features) for features, _ in self.examples(split))
        if empty:
            notes.append(f"{split.name}: {format_count(empty, 'sentence')} without a token")
        if self.reads_texts:
            notes += self.span_texts(split).counts.notes(split.name)
        targets = [tags for _, tags in self.examples(split)]
        return notes + (self._unseen_tags(split, targets) if self.is_plain else self._unseen_types(split, targets))

    def _unseen_tags(self, split: Split, targets: Sequence[list[str]]) -> list[str]:
        known = {*self.tags}
        unseen = [tag for tags in targets for tag in tags if tag not in known]
        if not unseen:
            return []
        named = ", ".join(sorted({*unseen})[:10])
        return [
            f"{split.name}: {format_count(len(unseen), 'token')} with a tag that train lacks ({named}), "
            "counted as wrong"
        ]

    def _unseen_types(self, split: Split, targets: Sequence[list[str]]) -> list[str]:
        spans = [span for tags in targets for span in tag_schemes.tags_to_spans(tags)]
        unseen = {span.type for span in spans} - {
            span.type for span in tag_schemes.tags_to_spans(self.tags)
        }
        if not unseen:
            return []
        count = sum(span.type in unseen for span in spans)
        named = ", ".join(sorted(name or "no name" for name in unseen))
        return [
            f"{split.name}: {format_count(count, 'entity', 'entities')} of a type that train lacks "
            f"({named}), counted as missed"
        ]

    def state(self) -> dict[str, Any]:
        """Return also the tags by id, as in configurations of transformers, their scheme, and the words of train."""
        known = {} if self.known_words is None else {"known_words": self.known_words.state()}
        return super().state() | {
            "id2label": dict(enumerate(self.tags)),
            "scheme": self.scheme,
            "fields": list(self.fields),
            **known,
        }

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` had learnt."""
        super().restore(tokenizer, state)
        tags = names_by_id(state["id2label"])
        self.fields = tuple(state.get("fields", self.fields))
        learnt = self.recipe.head.scheme
        self.scheme = str(state.get("scheme", "BIOES" if learnt == "auto" else learnt))
        if not self.is_plain:
            bare = tag_notation.are_bare(tags)
            tag_schemes.check_tags([tags], "config.json: learnt.id2label", bare=bare)
        if "known_words" in state:
            self.known_words = KnownWords.load(state["known_words"])
        self._set_tags(tags)

    def learnt_labels(self) -> Sequence[str]:
        """Return the tags."""
        return self.tags

    # Examples

    def texts(self, split: Split) -> Sequence[Text]:
        """Return the words of each sentence."""
        return self.words(split)

    def words(self, split: Split) -> list[list[str]]:
        """Return the words of each sentence."""
        return self.span_texts(split).words if self.reads_texts else read_words(split)

    def span_texts(self, split: Split) -> SpanTexts:
        """Return the texts of a split with their spans, sentences and tags."""
        key = split.fingerprint
        if key not in self._span_texts:
            cut = sentence_cutter(self.recipe, getattr(self, "pipeline", None))
            self._span_texts[key] = read_span_texts(split, self.recipe.data, cut, self._span_scheme)
        return self._span_texts[key]

    def targets(self, split: Split) -> Sequence[list[str]]:
        """Return the tags of each sentence, those of spans in the scheme that is learnt.

        Raises:
            UserError: a tag fits no scheme, or a sentence has more or fewer tags than tokens.
        """
        if self.reads_texts:
            return self.span_texts(split).tags
        given = self._plain_tags(split)
        if self.is_plain:
            return given
        return [tag_schemes.convert_tags(tags, self._span_scheme) for tags in span_tags(given, split)]

    def _plain_tags(self, split: Split) -> list[list[str]]:
        """Return the tags of each sentence as the data give them."""
        names, plain = self.recipe.data.tag_names, self.recipe.head.scheme == "none"
        return read_plain_tags(split, names, numbers=plain)

    def unknown_words(self, split: Split) -> list[list[bool]] | None:
        """Return for each word whether train lacks it; None if that is not known, or train has them all."""
        if self.known_words is None:
            return None
        key = split.fingerprint
        if key not in self._unknown:
            masks = [self.known_words.unknown(words) for words in self._canonical_words(split)]
            self._unknown[key] = masks if any(map(any, masks)) else None
        return self._unknown[key]

    def _canonical_words(self, split: Split) -> list[list[str]]:
        return [list(map(self.pipeline.canonical, words)) for words in self.words(split)]

    def collate_targets(self, targets: Sequence[list[str]], source: Tokens) -> Tensor:
        """Return the ids (B, W) of the tags, 0 at padding."""
        ids = {tag: index for index, tag in enumerate(self.tags)}
        longest = max(map(len, targets))
        return torch.tensor(
            [[*map(ids.__getitem__, tags), *[0] * (longest - len(tags))] for tags in targets]
        )

    # Model and loss

    def build_model(self) -> TaggerModel:
        """Build embedding, encoder and tagger."""
        recipe, embedding = self.recipe, self.build_embedding()
        smoothing = recipe.training.label_smoothing
        scheme = None if self.is_plain else self._span_scheme
        return build_tagger(embedding, recipe.encoder, recipe.head, self.tags, scheme, smoothing)

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum the nll over sentences; the count is the number of words."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        outputs, mask = word_outputs(model.encode(batch.source).outputs, batch.source)
        total = model.head.nll(outputs, batch.target, mask).sum()
        words = batch.target.numel() if mask is None else int(mask.sum())
        return LossSum(total, torch.tensor(words, device=total.device)), ()

    def has_loss(self, features: Features, target: list[str]) -> bool:
        """Tell whether the model knows every tag."""
        return all(tag in self.tags for tag in target)

    # Evaluation

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Predict the tags of each sentence, or the spans of each text."""
        assert isinstance(model, Model)
        if self.reads_texts:
            yield from self._evaluate_texts(model, split, device, shard, limit)
            return
        for index in self.empty_indices(split, shard, limit):
            yield self._record(split, index, [], [])
        indices = self._indices(split, shard, limit)
        for index, target, tags in self._decode(model, split, indices, device):
            yield self._record(split, index, target, tags)

    def _evaluate_texts(
        self, model: TaggerModel, split: Split, device: torch.device, shard: Shard, limit: int
    ) -> Iterator[Record]:
        """Score the spans of whole texts, whose sentences are tagged one by one."""
        texts = self.span_texts(split).texts
        size = min(limit, len(texts)) if limit else len(texts)
        chosen = range(shard.rank, size, shard.world_size)
        numbers = [number for index in chosen for number in texts[index].numbers]
        found = {number: tags for number, _, tags in self._decode(model, split, numbers, device)}
        for index in chosen:
            tags = [found.get(number, []) for number in texts[index].numbers]
            yield self._text_record(split, index, tags)

    def tag_records(self, split: Split, predicted: Sequence[Sequence[str]]) -> Iterator[Record]:
        """Score predicted tags of all sentences of a split; tags of spans may be in any scheme."""
        if not self.is_plain:
            predicted = [tag_schemes.convert_tags(tags, self._span_scheme) for tags in predicted]
        if self.reads_texts:
            for index, text in enumerate(self.span_texts(split).texts):
                yield self._text_record(split, index, [predicted[number] for number in text.numbers])
            return
        for index, (target, tags) in enumerate(zip(self.targets(split), predicted, strict=True)):
            yield self._record(split, index, target, tags)

    def _record(
        self, split: Split, index: int, target: Sequence[str], tags: Sequence[str]
    ) -> Record:
        unknown = self.unknown_words(split)
        mask = None if unknown is None else unknown[index]
        return Record(index, self.metric.statistics(tags, target, mask), list(target), list(tags))

    def _text_record(self, split: Split, index: int, tags: Sequence[Sequence[str]]) -> Record:
        assert isinstance(self.metric, SpanScores)
        text, unknown = self.span_texts(split).texts[index], self.unknown_words(split)
        masks = None if unknown is None else [unknown[number] for number in text.numbers]
        return text_record(index, text, tags, self.metric, masks)

    def plain_or_bio(self, tags: Sequence[str]) -> list[str]:
        """Return plain tags as they are, those of spans in the BIO scheme."""
        return list(tags) if self.is_plain else tag_schemes.convert_tags(tags, "BIO")

    def _decode(
        self, model: TaggerModel, split: Split, indices: Sequence[int], device: torch.device
    ) -> Iterator[tuple[int, list[str], list[str]]]:
        """Yield index, gold tags and predicted tags of sentences that have a token."""
        for batch, source, targets in self.iter_examples(split, indices, model.embedding):
            tokens = source.to(device)
            outputs, mask = word_outputs(model.encode(tokens).outputs, tokens)
            paths = model.head.decode(outputs, mask).tolist()
            for index, target, path in zip(batch, targets, paths, strict=True):
                yield index, target, [self.tags[tag_id] for tag_id in path[: len(target)]]

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        """Return the scores of a tagger that is always right."""
        if self.reads_texts and isinstance(self.metric, SpanScores):
            metric = self.metric
            total = sum_statistics(perfect_statistics(record, metric) for record in records)
            return metric.score(total) if total else {}
        return perfect_scores(self.metric, (record.target for record in records))

    def further_scores(self, records: Sequence[Record]) -> Scores:
        """Return macro and weighted F1 of plain tags."""
        return mean_tag_scores(records) if self.is_plain else {}

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return the scores of each type of entity, or of each tag with their confusions."""
        if isinstance(self.metric, SpanScores):
            return type_table(records, self.metric)
        return tag_tables(records)

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Train the most frequent tag of a word, and a CRF on word features."""
        return train_baselines(self, splits)

    def predictor(self, model: nn.Module, device: torch.device) -> SequenceTaggerPredictor:
        """Return a predictor of tags in raw texts."""
        assert isinstance(model, Model)
        return SequenceTaggerPredictor(
            self.pipeline, self.collator, self.tags, model, device, plain=self.is_plain
        )
