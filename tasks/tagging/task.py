"""One tag for each word: named entities and other spans, or plain tags such as parts of speech.

The scheme of spans does not matter, only the spans do: tags are converted to the scheme of the recipe
when they are read, learnt in it, decoded under its constraints, and scored as spans. Data are words with tags, or
texts with spans by offset, which are cut into words as `predict` cuts raw text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nlpseq.data import tag_notation, tag_schemes
from nlpseq.data.batch import Batch
from nlpseq.data.known_words import KnownWords
from nlpseq.data.report import DataReport
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores, perfect_scores, sum_statistics
from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.tags import TagScores
from nlpseq.models.model import Model
from nlpseq.recipe import Recipe
from nlpseq.stored_values import StoredValues
from nlpseq.task import Baseline, LossSum, Progress, Record, Setting, Shard
from nlpseq.types import State

from ..base.calibration import (
    Judged,
    calibration_state,
    check_calibration,
    choose_temperature,
    restored_temperature,
)
from ..base.label_names import names_by_id
from .baselines import train_baselines
from .calibration import ScoredBatch, calibration_scores, judge_records, mean_nll, reliability_table
from .examples import TaggedExamples
from .metrics import mean_tag_scores, tag_tables, type_table
from .model import TaggerModel, build_tagger, word_outputs
from .predictor import SequenceTaggerPredictor
from .recipe import TaggingRecipe
from .settings import tagger_settings
from .span_texts import perfect_statistics, text_record
from .tag_columns import span_tags
from .tagged_sentences import SentenceTagger

SPAN_SCORES = ("precision", "recall", "conlleval_precision", "conlleval_recall", "conlleval_f1")
MANY_TAGS = 100
"""Tags from which a CRF is slow: a step costs their square."""


class Tagging(TaggedExamples):
    """Sequence tagging; the tags, or types of entities, are those of train."""

    Config: ClassVar[type[Recipe]] = TaggingRecipe
    metric: SpanScores | TagScores
    main_metric = "f1"
    higher_is_better = True
    base_recipe = "tagging/base"
    score_directions: Mapping[str, bool] = MappingProxyType(
        dict.fromkeys((*SPAN_SCORES, "token_accuracy"), True)
    )
    hub_task = "token-classification"

    @classmethod
    def settings(cls, report: DataReport) -> list[Setting]:
        """Choose features of words and the length of training."""
        return tagger_settings(report)

    # Preparation

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn tokens, characters and tags from train; encode every split."""
        check_calibration(self.recipe.head.calibrate, splits)
        if self.recipe.head.kind == "crf" and self.recipe.training.label_smoothing:
            raise UserError(
                "training.label_smoothing smooths each tag on its own: set head.kind = 'softmax', "
                "or leave it out"
            )
        train = splits["train"]
        self._learn_tags(train)
        self.prepare_features(train, folders)
        self._span_texts.clear()  # cut again, by the pipeline
        self.known_words = KnownWords.learn(self.canonical_words(train))
        for split in splits.values():
            self.notes += self.inspect(split)

    def _learn_tags(self, train: Split) -> None:
        """Learn whether tags are spans, and the tags or types of train."""
        self.scheme = self.choose_scheme(train)
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
        self._set_tags(tag_schemes.tag_vocabulary(types, self.span_scheme))
        if not self.reads_texts:
            data = span_tags(self.given_tags(train), train)
            self.notes.append(tag_notation.scheme_note(data, self.span_scheme))

    def _set_tags(self, tags: list[str]) -> None:
        self.tags = tags
        if self.is_plain:
            self.metric = TagScores()
            self.main_metric = "token_accuracy"
            self.score_directions = {"macro_f1": True, "weighted_f1": True}
            return
        types = {span.type for span in tag_schemes.tags_to_spans(tags)}
        self.metric = SpanScores(types, self.span_scheme)

    def state(self) -> dict[str, Any]:
        """Return also the tags by id, as transformers has them, their scheme, the words of train, the temperature."""
        known = {} if self.known_words is None else {"known_words": self.known_words.state()}
        return super().state() | {
            "id2label": dict(enumerate(self.tags)),
            "scheme": self.scheme,
            "fields": list(self.fields),
            **known,
            **calibration_state(self.recipe.head.calibrate, self.temperature),
        }

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Restore what `prepare` and `fit_to_validation` had learnt."""
        super().restore(tokenizer, state)
        tags = names_by_id(state["id2label"])
        stored, learnt = StoredValues(state), self.recipe.head.scheme
        if "fields" in stored:
            self.fields = tuple(stored.texts("fields"))
        self.scheme = "BIOES" if learnt == "auto" else learnt
        if "scheme" in stored:
            self.scheme = stored.text("scheme", ("BIO", "BIOES", "none"))
        if not self.is_plain:
            bare = tag_notation.are_bare(tags)
            tag_schemes.check_tags([tags], "config.json: learnt.id2label", bare=bare)
        if "known_words" in state:
            self.known_words = KnownWords.load(stored.text("known_words"))
        self._set_tags(tags)
        self.temperature = restored_temperature(state)

    def learnt_labels(self) -> Sequence[str]:
        """Return the tags."""
        return self.tags

    # Model and loss

    def build_model(self) -> TaggerModel:
        """Build embedding, encoder and tagger."""
        recipe, embedding = self.recipe, self.build_embedding()
        smoothing = recipe.training.label_smoothing
        scheme = None if self.is_plain else self.span_scheme
        return build_tagger(embedding, recipe.encoder, recipe.head, self.tags, scheme, smoothing)

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """Sum the nll over sentences; the count is the number of words."""
        assert isinstance(model, Model)
        assert isinstance(batch.target, Tensor)
        outputs, mask = word_outputs(model.encode(batch.source).outputs, batch.source)
        total = model.head.nll(outputs, batch.target, mask).sum()
        if mask is None:
            return LossSum.counted(total, batch.target.numel()), ()
        return LossSum(total, mask.sum()), ()

    # Evaluation

    def fit_to_validation(
        self, model: nn.Module, split: Split, *, device: torch.device
    ) -> list[str]:
        """Choose the temperature, if `head.calibrate` says so."""
        if not self.recipe.head.calibrate:
            return []
        assert isinstance(model, Model)
        head, batches = model.head, []
        for batch in self.validation_batches(split):
            tokens = batch.source.to(device)
            assert isinstance(batch.target, Tensor)
            lattice = head.lattice(*word_outputs(model.encode(tokens).outputs, tokens))
            batches.append(ScoredBatch(lattice, batch.target.to(device)))
        if not batches:
            return ["temperature left at 1: train lacks tags of every sentence of validation"]

        def judge(temperature: float) -> Judged:
            self.temperature = temperature
            records = list(self.evaluate(model, split, device=device, shard=Shard()))
            return self._judge(records)

        nll = partial(mean_nll, head, batches)
        self.temperature, note = choose_temperature(nll, judge, "word")
        return [note]

    def _judge(self, records: Sequence[Record]) -> Judged:
        return judge_records(records, plain=self.is_plain, by_offset=self.reads_texts)

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Predict the tags of each sentence, or the spans of each text."""
        assert isinstance(model, Model)
        if self.reads_texts:
            yield from self._evaluate_texts(model, split, device, shard, limit)
            return
        for index in self.empty_indices(split, shard, limit):
            yield self._record(split, index, [], [], [] if self.recipe.head.calibrate else None)
        indices = self._indices(split, shard, limit)
        for index, target, tags, sure in self._decode(model, split, indices, device):
            yield self._record(split, index, target, tags, sure)

    def _evaluate_texts(
        self, model: TaggerModel, split: Split, device: torch.device, shard: Shard, limit: int
    ) -> Iterator[Record]:
        """Score the spans of whole texts, whose sentences are tagged one by one."""
        texts = self.span_texts(split).texts
        size = min(limit, len(texts)) if limit else len(texts)
        chosen = range(shard.rank, size, shard.world_size)
        numbers = [number for index in chosen for number in texts[index].numbers]
        found = {
            number: (tags, sure)
            for number, _, tags, sure in self._decode(model, split, numbers, device)
        }
        for index in chosen:
            parts = [found.get(number, ([], None)) for number in texts[index].numbers]
            record = self._text_record(split, index, [tags for tags, _ in parts])
            if self.recipe.head.calibrate:
                sure = [confidence for _, values in parts for confidence in values or ()]
                record = replace(record, confidences=sure)
            yield record

    def tag_records(self, split: Split, predicted: Sequence[Sequence[str]]) -> Iterator[Record]:
        """Score predicted tags of all sentences of a split; tags of spans may be in any scheme."""
        if not self.is_plain:
            predicted = [tag_schemes.convert_tags(tags, self.span_scheme) for tags in predicted]
        if self.reads_texts:
            for index, text in enumerate(self.span_texts(split).texts):
                yield self._text_record(
                    split, index, [predicted[number] for number in text.numbers]
                )
            return
        for index, (target, tags) in enumerate(zip(self.targets(split), predicted, strict=True)):
            yield self._record(split, index, target, tags)

    def _record(
        self,
        split: Split,
        index: int,
        target: Sequence[str],
        tags: Sequence[str],
        confidences: list[float] | None = None,
    ) -> Record:
        unknown = self.unknown_words(split)
        mask = None if unknown is None else unknown[index]
        statistics = self.metric.statistics(tags, target, mask)
        return Record(index, statistics, list(target), list(tags), confidences)

    def _text_record(self, split: Split, index: int, tags: Sequence[Sequence[str]]) -> Record:
        assert isinstance(self.metric, SpanScores)
        text, unknown = self.span_texts(split).texts[index], self.unknown_words(split)
        masks = None if unknown is None else [unknown[number] for number in text.numbers]
        return text_record(index, text, tags, self.metric, masks)

    def _bio_or_plain(self, split: Split) -> list[list[str]]:
        """Return plain tags as they are, those of spans in the BIO scheme."""
        targets = self.targets(split)
        if self.is_plain:
            return list(targets)
        return [tag_schemes.convert_tags(tags, "BIO") for tags in targets]

    def _decode(
        self, model: TaggerModel, split: Split, indices: Sequence[int], device: torch.device
    ) -> Iterator[tuple[int, list[str], list[str], list[float] | None]]:
        """Yield index, gold tags, predicted tags and, with `head.calibrate`, confidences of sentences with a token."""
        tagger = self._sentence_tagger(device) if self.recipe.head.calibrate else None
        for batch, source, targets in self.iter_examples(split, indices, model.embedding):
            tokens = source.to(device)
            outputs, mask = word_outputs(model.encode(tokens).outputs, tokens)
            if tagger is not None:
                tagged = tagger.tag(model.head, outputs, mask)
                for index, target, sentence in zip(batch, targets, tagged, strict=True):
                    yield index, target, sentence.tags, sentence.confidences
                continue
            paths = model.head.decode(outputs, mask).tolist()
            for index, target, path in zip(batch, targets, paths, strict=True):
                yield index, target, [self.tags[tag_id] for tag_id in path[: len(target)]], None

    def _sentence_tagger(self, device: torch.device) -> SentenceTagger:
        return SentenceTagger(self.tags, device, plain=self.is_plain, temperature=self.temperature)

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        """Return the scores of a tagger that is always right."""
        if self.reads_texts and isinstance(self.metric, SpanScores):
            metric = self.metric
            total = sum_statistics(perfect_statistics(record, metric) for record in records)
            return metric.score(total) if total else {}
        return perfect_scores(self.metric, (record.target for record in records))

    def further_scores(self, records: Sequence[Record]) -> Scores:
        """Return macro and weighted F1 of plain tags; with `head.calibrate` the calibration error."""
        means = mean_tag_scores(records) if self.is_plain else {}
        return means | calibration_scores(self._judge(records))

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return the scores of each type of entity, or of each tag with their confusions."""
        curves = reliability_table(self._judge(records), plain=self.is_plain)
        if isinstance(self.metric, SpanScores):
            return type_table(records, self.metric) | curves
        return tag_tables(records) | curves

    def baselines(self, splits: Mapping[str, Split]) -> Iterator[Baseline]:
        """Train the most frequent tag of a word, and a CRF on word features."""
        return train_baselines(splits, self.words, self._bio_or_plain, self.tag_records)

    def predictor(self, model: nn.Module, device: torch.device) -> SequenceTaggerPredictor:
        """Return a predictor of tags in raw texts."""
        assert isinstance(model, Model)
        return SequenceTaggerPredictor(
            self.pipeline,
            self.collator,
            self.tags,
            model,
            device,
            plain=self.is_plain,
            temperature=self.temperature,
        )
