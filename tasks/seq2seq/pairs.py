"""Pairs of a source and a target text as ids of both sides, with the source tokens that can be copied."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import torch

from nlpseq.data.batch import CopySource, Tokens
from nlpseq.data.batching import collate, pad_rows
from nlpseq.data.features import FeatureReader, Features
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.tokenizer_training import normalize
from nlpseq.data.word_tokenizer import detokenize, tokenize_words
from nlpseq.errors import TextError


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and its target, beside the features of the source.

    Attributes:
        ids: ids of the target's tokens, the end included; from V on for words copied from the source.
        source: source as the data have it.
        text: target as the data have it.
        copies: for each source token, its id in the target's vocabulary, or from V on.
        words: spelling of the source tokens with the ids V, V + 1, ...
    """

    ids: Sequence[int]
    source: str
    text: str
    copies: Sequence[int] = ()
    words: Sequence[str] = ()


class PairReader:
    """Makes features of sources, and pairs of sources and targets.

    Args:
        reader: makes features of sources.
        target: tokenizer of targets.
        copying: target tokens may be copied from the source.
        vocab_size: V, tokens of the target's vocabulary.
        max_source: number of source tokens that are read; 0: all.
        too_long: whether a longer source is truncated, or an error.
        by_rule: cut both sides into words by rule first.

    Attributes:
        detokenizes: outputs are detokenized.
    """

    def __init__(
        self,
        reader: FeatureReader,
        target: Tokenizer,
        *,
        copying: bool,
        vocab_size: int,
        max_source: int = 0,
        too_long: Literal["truncate", "refuse"] = "truncate",
        by_rule: bool = False,
    ) -> None:
        self.reader = reader
        self.target = target
        self.copying = copying
        self.vocab_size = vocab_size
        self.max_source = max_source
        self.too_long = too_long
        self.by_rule = by_rule
        self.detokenizes = by_rule or target.kind == "wordpiece"  # which cuts off every mark
        self._target_ids = {token: id for id, token in enumerate(target.vocabulary[:vocab_size])}

    def cut(self, texts: Sequence[str]) -> Sequence[str]:
        """Cut texts into words if the recipe says so."""
        return [tokenize_words(text) for text in texts] if self.by_rule else texts

    def encode_sources(self, texts: Sequence[str]) -> tuple[list[Features], list[int]]:
        """Return the features of sources, and the indices of sources that were truncated.

        A blank source has no token.

        Raises:
            TextError: a source is too long, and `too_long` is "refuse".
        """
        limit = self.max_source
        features = [
            encoded if text.strip() else Features(())
            for encoded, text in zip(self.reader.read_texts(self.cut(texts)), texts, strict=True)
        ]
        long = [index for index, encoded in enumerate(features) if 0 < limit < len(encoded)]
        if long and self.too_long == "refuse":
            raise TextError(
                long[0],
                f"has more than tokenization.max_source_length = {limit} tokens; shorten it",
            )
        for index in long:
            features[index] = features[index].cut(limit)
        return features, long

    def encode_targets(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of targets; words that only the vectors of sources have are unknown."""
        encoded = self.target.encode_batch(self.cut(texts))
        if len(self.target) == self.vocab_size:
            return encoded
        unk_id = self.target.unk_id
        return [[id if id < self.vocab_size else unk_id for id in ids] for ids in encoded]

    def make_pairs(self, sources: Sequence[str], targets: Sequence[str]) -> list[Pair]:
        """Pair sources with targets; the ids of an empty target are its end alone."""
        end = [self.target.eos_id]
        encoded = [ids + end for ids in self.encode_targets(targets)]
        make_pair = self._copying_pair if self.copying else Pair
        return list(map(make_pair, encoded, sources, targets))

    def collate(self, features: Sequence[Features], pairs: Sequence[Pair]) -> tuple[Tokens, Tokens]:
        """Pad sources and targets to a batch."""
        source = self.reader.collate(features)
        if self.copying:
            most_words = max(len(pair.words) for pair in pairs)
            extras = torch.zeros(len(pairs), most_words, dtype=torch.bool)
            # Padding is copied with a weight of zero.
            copies = pad_rows([pair.copies for pair in pairs], self.target.pad_id)
            source = replace(source, copies=CopySource(copies, extras))
        return source, collate([pair.ids for pair in pairs], self.target.pad_id)

    def decode(self, ids: Sequence[int], pair: Pair) -> str:
        """Return the text of target ids; copied words are spelt as in the source."""
        parts: list[str] = []
        for copied, run in groupby(ids, lambda id: id >= self.vocab_size):
            if copied:
                parts += [pair.words[id - self.vocab_size] for id in run]
            else:
                parts.append(self.target.decode(run))
        text = self.target.separator.join(filter(None, parts))
        return detokenize(text) if self.detokenizes else text

    def source_tokens(self, text: str) -> list[str]:
        """Return each source token that is read, as it is spelt in the text."""
        return [spelling for spelling, _ in self._source_forms(text)]

    def _source_forms(self, text: str) -> list[tuple[str, str]]:
        """Return each source token as it is spelt in the text, and as a vocabulary has it."""
        tokenizer, (text,) = self.reader.tokenizer, self.cut([text])
        encoding = tokenizer.backend.encode(text, add_special_tokens=False)
        forms = []
        for id, (begin, end) in zip(encoding.ids, encoding.offsets, strict=True):
            spelling = text[begin:end]
            unknown = id == tokenizer.unk_id
            form = normalize(tokenizer.backend, spelling) if unknown else tokenizer.vocabulary[id]
            forms.append((spelling, form))
        return forms[: self.max_source or None]

    def _copying_pair(self, ids: list[int], source: str, target: str) -> Pair:
        """Pair a source with a target; source tokens that the target's vocabulary lacks get own ids."""
        own_ids: dict[str, int] = {}
        words: list[str] = []
        copies = []
        for spelling, form in self._source_forms(source):
            id = self._target_ids.get(form, own_ids.get(form))
            if id is None:
                id = own_ids[form] = self.vocab_size + len(words)
                words.append(spelling.strip() if self.target.separator else spelling)
            copies.append(id)
        if own_ids and self.target.unk_id in ids:
            ids = self._copy_unknown(target, ids, own_ids)
        return Pair(ids, source, target, copies, words)

    def _copy_unknown(self, target: str, ids: list[int], own_ids: dict[str, int]) -> list[int]:
        """Replace unknown ids of a target by the ids of source tokens with the same form."""
        (target,) = self.cut([target])
        encoding = self.target.backend.encode(target, add_special_tokens=False)
        forms = [normalize(self.target.backend, target[b:e]) for b, e in encoding.offsets]
        unk_id = self.target.unk_id
        return [
            own_ids.get(form, id) if id == unk_id else id
            for id, form in zip(ids, [*forms, ""], strict=False)
        ]


def truncate_targets(target: Tokens, length: int) -> Tokens:
    """Return the first tokens of long targets, without the ends of those that are truncated."""
    return replace(target, ids=target.ids[:, :length], lengths=target.lengths.clamp(max=length))


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
