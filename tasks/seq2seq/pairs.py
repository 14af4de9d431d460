"""Pairs of a source and a target text as a model reads them: ids of both sides, and what can be copied."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch

from nlpseq.data.batch import CopySource, Tokens
from nlpseq.data.batching import collate, padded
from nlpseq.data.features import FeatureReader, Features
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.data.tokenizer_training import normalized
from nlpseq.data.word_tokenizer import detokenized, raw_words


@dataclass(frozen=True, slots=True)
class Pair:
    """What belongs to a source beside its features.

    Attributes:
        ids: of the target's tokens, the end included; from V on for words copied from the source.
        source: as it stands in the data.
        text: the target as it stands in the data.
        copies: of each source token, its id in the target's vocabulary or from V on.
        words: how the source's tokens of the ids V, V + 1, ... are spelt.
    """

    ids: Sequence[int]
    source: str
    text: str
    copies: Sequence[int] = ()
    words: Sequence[str] = ()


class PairReader:
    """Makes features of sources, and pairs of sources and targets.

    Args:
        reader: of sources.
        target: tokenizer of targets.
        copying: whether target tokens may be copied from the source.
        vocab_size: V of the target.
        max_source: tokens of a source that are read; 0: all.
        by_rule: cut both sides into words by rule first; else they come as the tokenizer wants them.

    Attributes:
        detokenizes: whether what it spells goes through `detokenized`.
    """

    def __init__(
        self,
        reader: FeatureReader,
        target: Tokenizer,
        *,
        copying: bool,
        vocab_size: int,
        max_source: int,
        by_rule: bool = False,
    ) -> None:
        self.reader = reader
        self.target = target
        self.copying = copying
        self.vocab_size = vocab_size
        self.max_source = max_source
        self.by_rule = by_rule
        self.detokenizes = by_rule or target.kind == "wordpiece"  # which cuts every mark off
        self._target_ids = {token: id for id, token in enumerate(target.vocabulary[:vocab_size])}

    def cut(self, texts: Sequence[str]) -> Sequence[str]:
        """Texts as the tokenizers want them."""
        return [raw_words(text) for text in texts] if self.by_rule else texts

    def sources(self, texts: Sequence[str]) -> tuple[list[Features], list[int]]:
        """Features of sources, and the places of those that were cut; blank ones have no token."""
        features, limit = self.reader.read_text(self.cut(texts)), self.max_source
        features = [
            one if text.strip() else Features(()) for one, text in zip(features, texts, strict=True)
        ]
        long = [place for place, one in enumerate(features) if 0 < limit < len(one)]
        for place in long:
            features[place] = features[place].cut(limit)
        return features, long

    def encode(self, targets: Sequence[str]) -> list[list[int]]:
        """Ids of targets; words that only the vectors of sources know are unknown as outputs."""
        encoded = self.target.encode_batch(self.cut(targets))
        if len(self.target) == self.vocab_size:
            return encoded
        unk_id = self.target.unk_id
        return [[id if id < self.vocab_size else unk_id for id in ids] for ids in encoded]

    def pairs(self, sources: Sequence[str], targets: Sequence[str]) -> list[Pair]:
        """What goes with the features of these sources; an empty target is the end alone."""
        ends = [self.target.eos_id]
        encoded = [ids + ends for ids in self.encode(targets)]
        if not self.copying:
            return [Pair(*pair) for pair in zip(encoded, sources, targets, strict=True)]
        return [self._copied(*one) for one in zip(sources, targets, encoded, strict=True)]

    def collate(self, features: Sequence[Features], pairs: Sequence[Pair]) -> tuple[Tokens, Tokens]:
        """A batch of sources and targets, padded."""
        source = self.reader.collate(features)
        if self.copying:
            longest = max(len(pair.words) for pair in pairs)
            extras = torch.zeros(len(pairs), longest, dtype=torch.bool)
            # Padding is copied with a weight of zero.
            copies = padded([pair.copies for pair in pairs], self.target.pad_id)
            source = replace(source, copies=CopySource(copies, extras))
        return source, collate([pair.ids for pair in pairs], self.target.pad_id)

    def spell(self, ids: Sequence[int], pair: Pair) -> str:
        """The text of target ids as it is written, copied words as the source spells them."""
        parts: list[str] = []
        for copied, run in groupby(ids, lambda id: id >= self.vocab_size):
            if copied:
                parts += [pair.words[id - self.vocab_size] for id in run]
            else:
                parts.append(self.target.decode(run))
        text = self.target.separator.join(filter(None, parts))
        return detokenized(text) if self.detokenizes else text

    def spelt(self, text: str) -> list[str]:
        """How each source token reads in the text, as many as are read."""
        return [piece for piece, _ in self._pieces(text)]

    def _pieces(self, text: str) -> list[tuple[str, str]]:
        """Each source token as it reads in the text, and as a vocabulary has it."""
        tokenizer, (text,) = self.reader.tokenizer, self.cut([text])
        encoding = tokenizer.backend.encode(text, add_special_tokens=False)
        pieces = []
        for id, (begin, end) in zip(encoding.ids, encoding.offsets, strict=True):
            piece = text[begin:end]
            unknown = id == tokenizer.unk_id
            form = normalized(tokenizer.backend, piece) if unknown else tokenizer.vocabulary[id]
            pieces.append((piece, form))
        return pieces[: self.max_source or None]

    def _copied(self, source: str, target: str, ids: list[int]) -> Pair:
        """Tokens of the source that the target's vocabulary lacks get ids of their own."""
        numbers: dict[str, int] = {}
        words: list[str] = []
        copies = []
        for piece, form in self._pieces(source):
            id = self._target_ids.get(form, numbers.get(form))
            if id is None:
                id = numbers[form] = self.vocab_size + len(words)
                words.append(piece.strip() if self.target.separator else piece)
            copies.append(id)
        if numbers and self.target.unk_id in ids:
            ids = self._with_copies(target, ids, numbers)
        return Pair(ids, source, target, copies, words)

    def _with_copies(self, target: str, ids: list[int], numbers: dict[str, int]) -> list[int]:
        (target,) = self.cut([target])
        encoding = self.target.backend.encode(target, add_special_tokens=False)
        forms = [normalized(self.target.backend, target[b:e]) for b, e in encoding.offsets]
        unk = self.target.unk_id
        return [
            numbers.get(form, id) if id == unk else id
            for id, form in zip(ids, [*forms, ""], strict=False)
        ]


def cut_targets(target: Tokens, length: int) -> Tokens:
    """The first tokens of long targets; what is cut off takes the end with it."""
    return replace(target, ids=target.ids[:, :length], lengths=target.lengths.clamp(max=length))


def hide_common(
    source: Tokens, target: Tokens, rate: float, *, vocab_size: int, unk_id: int
) -> tuple[Tokens, Tokens]:
    """Make words that both sides of a pair share unknown, so that they have to be copied.

    Where train knows every word, nothing else tells a model to copy those that it does not know.

    Args:
        source: with `copies`; a word that is hidden gets an id of its own, as one that is unknown has.
        target: ids (B, T).
        rate: with which probability a word is hidden, at all of its places in a pair.
        vocab_size: V of the target.
        unk_id: what the source's encoder reads in its place.
    """
    assert source.copies is not None
    copies, extras = source.copies.ids, source.copies.extras
    known = copies < vocab_size if source.mask is None else (copies < vocab_size) & source.mask
    same = (copies.unsqueeze(2) == target.ids.unsqueeze(1)) & known.unsqueeze(2)  # (B, S, T)
    first = (copies.unsqueeze(2) == copies.unsqueeze(1)).int().argmax(2)  # (B, S) of equal words
    coins = torch.rand(copies.shape, device=copies.device) < rate
    hidden = same.any(2) & coins.gather(1, first)  # (B, S)
    own = first + vocab_size + extras.size(1)
    found = same & hidden.unsqueeze(2)
    copied = own.gather(1, found.int().argmax(1))  # (B, T)
    source = replace(
        source,
        ids=source.ids.masked_fill(hidden, unk_id),
        copies=CopySource(
            own.where(hidden, copies),
            extras.new_zeros(len(copies), extras.size(1) + copies.size(1)),
        ),
    )
    return source, replace(target, ids=copied.where(found.any(1), target.ids))
