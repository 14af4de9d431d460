"""Entities in raw text, found by a trained tagger: words with their places, sentence by sentence."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nlpseq.data import tag_schemes as schemes
from nlpseq.data.batch import ModelInput, Tokens
from nlpseq.data.batching import bucket_batches
from nlpseq.data.features import FeatureReader
from nlpseq.data.word_tokenizer import Word, split_into_sentences
from nlpseq.layers.crf import Spans
from nlpseq.layers.linear_chain import best_paths
from nlpseq.layers.taggers import Tagger
from nlpseq.models.model import Model

TOKENS_AT_ONCE = 4096  # with padding; a step of the CRF takes about as long for 200 rows as for 30
SENTENCES_AT_ONCE = 20_000  # whose distinct words are kept with their vectors


def at_words(outputs: Tensor, tokens: Tokens) -> tuple[Tensor, Tensor | None]:
    """One vector a word: where words come in pieces, that of the first one.

    Args:
        outputs: (B, T, H).
        tokens: that were read.

    Returns:
        (B, W, H), and their mask (B, W), None where nothing is padded.
    """
    if tokens.word_starts is None:
        return outputs, tokens.mask
    mask = tokens.word_starts >= 0
    places = tokens.word_starts.clamp(min=0).unsqueeze(2).expand(-1, -1, outputs.size(2))
    return outputs.gather(1, places), mask


class TaggedSentence(NamedTuple):
    """A sentence with its tags, and the confidence of each of its entities."""

    tags: list[str]
    spans: list[schemes.Span]
    confidences: list[float]


class SequenceTaggerPredictor:
    """A trained tagger of raw texts.

    Args:
        reader: makes features as in training.
        tags: by id.
        model: trained.
        device: where to run.
    """

    def __init__(
        self,
        reader: FeatureReader,
        tags: Sequence[str],
        model: Model[Tagger],
        device: torch.device,
    ) -> None:
        self.reader = reader
        self.tags = list(tags)
        self.model = model.to(device).eval()
        self.device = device
        self._continues = torch.tensor(schemes.continuations(self.tags), device=device)
        self._outside = torch.tensor([tag == schemes.OUTSIDE for tag in self.tags], device=device)
        self._types = [tag[2:] for tag in self.tags]

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Find the entities of texts, in their order.

        A text is read sentence by sentence. An entity's `confidence` is the probability that exactly its
        words are an entity of its type.

        Returns:
            for each its `text`, its `entities` (`text`, `type`, `start`, `end` in the raw text,
            `confidence`), and its `tokens` with their `tags`.
        """
        cut = [split_into_sentences(text) for text in texts]
        every = [[word.text for word in sentence] for sentences in cut for sentence in sentences]
        tagged = iter(self.tag(every))
        return [self._result(*pair, tagged) for pair in zip(texts, cut, strict=True)]

    def _result(
        self, text: str, sentences: list[list[Word]], tagged: Iterator[TaggedSentence]
    ) -> dict[str, Any]:
        entities, tags = [], []
        for sentence in sentences:
            found = next(tagged)
            tags += schemes.convert(found.tags, "BIO")
            for span, confidence in zip(found.spans, found.confidences, strict=True):
                start, end = sentence[span.begin].begin, sentence[span.end - 1].end
                entities.append(
                    {
                        "text": text[start:end],
                        "type": span.type,
                        "start": start,
                        "end": end,
                        "confidence": confidence,
                    }
                )
        return {
            "text": text,
            "entities": entities,
            "tokens": [word.text for sentence in sentences for word in sentence],
            "tags": tags,
        }

    def read(self, texts: Sequence[str]) -> ModelInput:
        """What the model reads of texts, a row for each sentence; see `ModelInput`."""
        cut = [split_into_sentences(text) for text in texts]
        words = [[word.text for word in sentence] for sentences in cut for sentence in sentences]
        features = self.reader.read(words)
        real = [one for one, two in zip(words, features, strict=True) if len(two)]
        tokens = self.reader.collate([one for one in features if len(one)]).to(self.device)
        vocabulary, rows = self.reader.tokenizer.vocabulary, tokens.ids.tolist()
        pieces = [
            [vocabulary[one] for one in row[:n]]
            for row, n in zip(rows, tokens.lengths.tolist(), strict=True)
        ]
        return ModelInput(tokens, real if tokens.word_starts is None else pieces)

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[TaggedSentence]:
        """Tag sentences that come as words; one without words has no tags."""
        results: list[TaggedSentence] = []
        for begin in range(0, len(sentences), SENTENCES_AT_ONCE):
            results += self._tag_some(sentences[begin : begin + SENTENCES_AT_ONCE])
        return results

    @torch.no_grad()
    def _tag_some(self, sentences: Sequence[Sequence[str]]) -> list[TaggedSentence]:
        """Sentences of which each distinct word is read once, in whatever batch it is."""
        features = self.reader.read(sentences)
        results = [TaggedSentence([], [], []) for _ in sentences]
        places = [place for place, one in enumerate(features) if len(one)]
        lengths = [len(features[place]) for place in places]
        batches = [
            [places[number] for number in batch]
            for batch in bucket_batches(
                lengths, batch_size=0, batch_tokens=TOKENS_AT_ONCE, shuffle=False
            )
        ]
        collated = self.reader.collate_all([[features[row] for row in rows] for rows in batches])
        for rows, tokens in zip(batches, self.model.embedding.read_words(collated), strict=True):
            for row, one in zip(rows, self._tag(tokens.to(self.device)), strict=True):
                results[row] = one
        return results

    def _tag(self, tokens: Tokens) -> Iterator[TaggedSentence]:
        """Tag a batch."""
        outputs, mask = at_words(self.model.encode(tokens).outputs, tokens)
        lattice = self.model.head.lattice(outputs, mask)
        paths = best_paths(lattice).tags[:, 0]
        where = self._spans(paths, mask)
        log_probs = self.model.head.span_log_probs(lattice, paths, where, ~self._continues)
        types = [self._types[tag] for tag in paths[where.rows, where.begins].tolist()]
        spans = list(map(schemes.Span, types, where.begins.tolist(), where.ends.tolist()))
        confidences = log_probs.exp().clamp(max=1).tolist()
        counts = [paths.size(1)] * len(paths) if mask is None else mask.sum(1).tolist()
        begin = 0
        found = torch.bincount(where.rows, minlength=len(paths)).tolist()
        for path, count, number in zip(paths.tolist(), counts, found, strict=True):
            end = begin + number
            tags = [self.tags[tag] for tag in path[:count]]
            yield TaggedSentence(tags, spans[begin:end], confidences[begin:end])
            begin = end

    def _spans(self, paths: Tensor, mask: Tensor | None) -> Spans:
        """The entities of paths (B, T), as `schemes.spans` reads them, row by row."""
        inside = ~self._outside[paths]  # (B, T)
        if mask is not None:
            inside &= mask
        goes_on = self._continues[paths[:, :-1], paths[:, 1:]] & inside[:, 1:]  # (B, T - 1)
        rows, begins = (inside & ~F.pad(goes_on, (1, 0))).nonzero().unbind(1)
        lasts = (inside & ~F.pad(goes_on, (0, 1))).nonzero()[:, 1]
        return Spans(rows, begins, lasts + 1)
