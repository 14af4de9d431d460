"""Pairs of a source and a target text as ids of both sides, with the source tokens that can be copied."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import torch

from nlpseq.data.batch import CopySource, Tokens
from nlpseq.data.batching import collate, pad_rows
from nlpseq.data.detokenizer import Detokenizer, detokenize_by_moses, moses_signature
from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.features import Features
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.errors import TextError
from nlpseq.predictor import joined


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and its target, beside the features of the source.

    Attributes:
        ids: ids of the target's tokens, the end included; from V on for words copied from the source.
        source: source as the data have it.
        text: target as the data have it.
        copies: for each source token, its id in the target's vocabulary, or from V on.
        words: spelling of the source tokens with the ids V, V + 1, ...
        given: source as the pipeline reads it, a string or a list of words.
        pretokenized: the given string is words between white space.
    """

    ids: Sequence[int]
    source: str
    text: str
    copies: Sequence[int] = ()
    words: Sequence[str] = ()
    given: Text = ""
    pretokenized: bool = False


class PairReader:
    """Makes features of sources, and pairs of sources and targets.

    Args:
        source: makes features of sources.
        collator: makes batches of features.
        target: makes ids of targets.
        copying: target tokens may be copied from the source.
        vocab_size: V, tokens of the target's vocabulary.
        max_source: number of source tokens that are read; 0: all.
        too_long: whether a longer source is truncated, or an error.

    Attributes:
        detokenizes: outputs are detokenized.
        detokenizer: learnt from the targets of train; None in models of nlpseq 0.1.
    """

    def __init__(
        self,
        source: TextPipeline,
        collator: FeatureCollator,
        target: TextPipeline,
        *,
        copying: bool,
        vocab_size: int,
        max_source: int = 0,
        too_long: Literal["truncate", "refuse"] = "truncate",
    ) -> None:
        self.source = source
        self.collator = collator
        self.target_pipeline = target
        self.target = target.tokenizer
        self.copying = copying
        self.vocab_size = vocab_size
        self.max_source = max_source
        self.too_long = too_long
        self.detokenizer: Detokenizer | None = None
        raw = target.raw
        cut = raw is not None and raw.rule == "words" and not target.pretokenized
        self.detokenizes = cut or self.target.kind == "wordpiece"  # which cuts off every mark
        special = {self.target.pad_id, self.target.bos_id, self.target.eos_id}
        if target.normalizer is not None:  # models of nlpseq 0.1 have no text that is spelt <unk>
            special.add(self.target.unk_id)
        self._target_ids = {
            token: id
            for id, token in enumerate(self.target.vocabulary[:vocab_size])
            if id not in special
        }

    def encode_sources(
        self, texts: Sequence[Text], *, pretokenized: bool = False
    ) -> tuple[list[Features], list[int]]:
        """Return the features of sources, and the indices of sources that were truncated.

        A blank source has no token.

        Args:
            texts: strings, or lists of words.
            pretokenized: the strings are words between white space.

        Raises:
            TextError: a source is too long, and `too_long` is "refuse".
        """
        limit = self.max_source
        features = self.source.read(texts, pretokenized=pretokenized, blank="empty")
        long = [index for index, encoded in enumerate(features) if 0 < limit < len(encoded)]
        if long and self.too_long == "refuse":
            raise TextError(
                long[0],
                f"has more than tokenization.max_source_length = {limit} tokens; shorten it",
            )
        for index in long:
            features[index] = features[index].cut(limit)
        return features, long

    def encode_targets(
        self, texts: Sequence[Text], *, pretokenized: bool = False
    ) -> list[list[int]]:
        """Return the ids of targets; words that only the vectors of sources have are unknown."""
        read = self.target_pipeline.read(texts, pretokenized=pretokenized)
        unk_id, size = self.target.unk_id, self.vocab_size
        return [[id if id < size else unk_id for id in features.ids] for features in read]

    def make_pairs(
        self, sources: Sequence[Text], targets: Sequence[Text], *, pretokenized: bool = False
    ) -> list[Pair]:
        """Pair sources with targets; the ids of an empty target are its end alone."""
        end = [self.target.eos_id]
        encoded = [ids + end for ids in self.encode_targets(targets, pretokenized=pretokenized)]
        pairs = [
            Pair(ids, joined(source), joined(target), given=source, pretokenized=pretokenized)
            for ids, source, target in zip(encoded, sources, targets, strict=True)
        ]
        if not self.copying:
            return pairs
        return list(map(self._copying_pair, pairs, targets))

    def collate(self, features: Sequence[Features], pairs: Sequence[Pair]) -> tuple[Tokens, Tokens]:
        """Pad sources and targets to a batch."""
        source = self.collator.collate(features)
        if self.copying:
            most_words = max(len(pair.words) for pair in pairs)
            extras = torch.zeros(len(pairs), most_words, dtype=torch.bool)
            # Padding is copied with a weight of zero.
            copies = pad_rows([pair.copies for pair in pairs], self.target.pad_id)
            source = replace(source, copies=CopySource(copies, extras))
        return source, collate([pair.ids for pair in pairs], self.target.pad_id)

    def decode(self, ids: Sequence[int], pair: Pair) -> str:
        """Return the text of target ids; copied words are spelt as in the source."""
        text = self.join(ids, pair)
        if not self.detokenizes:
            return text
        return self.detokenizer(text) if self.detokenizer else detokenize_by_moses(text)

    def join(self, ids: Sequence[int], pair: Pair) -> str:
        """Return the tokens of target ids with separators, before they are detokenized."""
        parts: list[str] = []
        for copied, run in groupby(ids, lambda id: id >= self.vocab_size):
            if copied:
                parts += [pair.words[id - self.vocab_size] for id in run]
            else:
                parts.append(self.target.decode(run))
        return self.target.separator.join(filter(None, parts))

    def learn_detokenizer(self, pairs: Iterable[Pair]) -> None:
        """Learn from pairs where outputs have spaces, if outputs are detokenized."""
        if self.detokenizes:
            self.detokenizer = Detokenizer.learn(
                (self.join(pair.ids[:-1], pair).split(), self.target_pipeline.canonical(pair.text))
                for pair in pairs
            )

    @property
    def signature(self) -> str:
        """Signature of the detokenization of outputs; empty without one."""
        if not self.detokenizes:
            return ""
        return self.detokenizer.signature if self.detokenizer else moses_signature()

    def source_tokens(self, pair: Pair) -> list[str]:
        """Return each source token that is read, as it is spelt in the text."""
        return [spelling for spelling, _ in self._source_forms(pair)]

    def _source_forms(self, pair: Pair) -> list[tuple[str, str]]:
        """Return each source token as it is spelt in the text, and as a vocabulary has it."""
        pipeline, tokenizer = self.source, self.source.tokenizer
        forms = []
        for id, spelling in _spelt_tokens(pipeline, pair.given, pair.pretokenized):
            form = pipeline.fold(spelling) if id == tokenizer.unk_id else tokenizer.vocabulary[id]
            forms.append((spelling, form))
        return forms[: self.max_source or None]

    def _copying_pair(self, pair: Pair, target: Text) -> Pair:
        """Give ids to the source tokens of a pair; those that the target's vocabulary lacks get own ids."""
        own_ids: dict[str, int] = {}
        words: list[str] = []
        copies = []
        for spelling, form in self._source_forms(pair):
            id = self._target_ids.get(form, own_ids.get(form))
            if id is None:
                id = own_ids[form] = self.vocab_size + len(words)
                words.append(spelling.strip() if self.target.separator else spelling)
            copies.append(id)
        ids = pair.ids
        if own_ids and self.target.unk_id in ids:
            ids = self._copy_unknown(target, pair, own_ids)
        return replace(pair, ids=ids, copies=copies, words=words)

    def _copy_unknown(self, target: Text, pair: Pair, own_ids: dict[str, int]) -> list[int]:
        """Replace unknown ids of a target by the ids of source tokens with the same form."""
        pipeline, unk_id = self.target_pipeline, self.target.unk_id
        spelt = _spelt_tokens(pipeline, target, pair.pretokenized)
        forms = [pipeline.fold(spelling) for _, spelling in spelt]
        return [
            own_ids.get(form, id) if id == unk_id else id
            for id, form in zip(pair.ids, [*forms, ""], strict=False)
        ]


def _spelt_tokens(pipeline: TextPipeline, text: Text, pretokenized: bool) -> list[tuple[int, str]]:
    """Return id and spelling of each token of a text."""
    (features,) = pipeline.read([text], pretokenized=pretokenized, offsets=True)
    if not isinstance(text, str) and pipeline.whole_words:
        return list(zip(features.ids, text, strict=True))
    string = joined(text)
    spelt = (string[begin:end] for begin, end in features.offsets)
    return list(zip(features.ids, spelt, strict=True))


def truncate_targets(target: Tokens, length: int) -> Tokens:
    """Return the first tokens of long targets, without the ends of those that are truncated."""
    host = target.host
    if host is not None:
        host = host._replace(lengths=host.lengths.clamp(max=length))
    lengths = target.lengths.clamp(max=length)
    return replace(target, ids=target.ids[:, :length], lengths=lengths, host=host)


def hide_common(
    source: Tokens, target: Tokens, rate: float, *, vocab_size: int, unk_id: int
) -> tuple[Tokens, Tokens]:
    """Make words that both sides of a pair share unknown, so that they have to be copied.

    If train knows every word, nothing else teaches a model to copy the words that it does not know.

    Args:
        source: source tokens with `copies`; a hidden word gets an id of its own, as an unknown word has.
        target: target tokens (B, T).
        rate: probability that a word is hidden, everywhere in a pair.
        vocab_size: V of the target.
        unk_id: id that the source's encoder reads in place of a hidden word.
    """
    assert source.copies is not None
    copies, extras = source.copies.ids, source.copies.extras  # (B, S), (B, X)
    known = copies < vocab_size if source.mask is None else (copies < vocab_size) & source.mask
    same = (copies.unsqueeze(2) == target.ids.unsqueeze(1)) & known.unsqueeze(2)  # (B, S, T)
    first = (copies.unsqueeze(2) == copies.unsqueeze(1)).int().argmax(2)  # (B, S) of equal words
    coins = torch.rand(copies.shape, device=copies.device) < rate
    hidden = same.any(2) & coins.gather(1, first)  # (B, S)
    own_ids = first + vocab_size + extras.size(1)
    copied = same & hidden.unsqueeze(2)  # (B, S, T)
    target_ids = own_ids.gather(1, copied.int().argmax(1))  # (B, T)
    source = replace(
        source,
        ids=source.ids.masked_fill(hidden, unk_id),
        copies=CopySource(
            own_ids.where(hidden, copies),
            extras.new_zeros(len(copies), extras.size(1) + copies.size(1)),
        ),
    )
    return source, replace(target, ids=target_ids.where(copied.any(1), target.ids))
