"""Entities in raw text, found by a trained tagger: words with their places, sentence by sentence."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nlpseq.data import tags as schemes
from nlpseq.data.batch import Tokens
from nlpseq.data.features import FeatureReader, Features
from nlpseq.data.loaders import bucket_batches
from nlpseq.data.words import Word, split_into_sentences
from nlpseq.layers.crf import Spans
from nlpseq.layers.tagging import Tagger
from nlpseq.models.model import Model


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


class Tagged(NamedTuple):
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
        batch_size: sentences at once.
    """

    def __init__(
        self,
        reader: FeatureReader,
        tags: Sequence[str],
        model: Model[Tagger],
        device: torch.device,
        batch_size: int,
    ) -> None:
        self.reader = reader
        self.tags = list(tags)
        self.model = model.to(device).eval()
        self.device = device
        self.batch_size = batch_size
        self._closing = ~torch.tensor(schemes.continuations(self.tags), device=device)

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
        self, text: str, sentences: list[list[Word]], tagged: Iterator[Tagged]
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

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[Tagged]:
        """Tag sentences that come as words; one without words has no tags."""
        features = self.reader.read(sentences)
        results = [Tagged([], [], []) for _ in sentences]
        places = [place for place, one in enumerate(features) if len(one)]
        lengths = [len(features[place]) for place in places]
        for batch in bucket_batches(lengths, batch_size=self.batch_size, shuffle=False):
            rows = [places[number] for number in batch]
            counts = [len(sentences[row]) for row in rows]
            found = self._tag([features[row] for row in rows], counts)
            for row, one in zip(rows, found, strict=True):
                results[row] = one
        return results

    @torch.no_grad()
    def _tag(self, features: Sequence[Features], counts: Sequence[int]) -> list[Tagged]:
        tokens = self.reader.collate(features).to(self.device)
        outputs, mask = at_words(self.model.encode(tokens).outputs, tokens)
        paths = self.model.head.decode(outputs, mask)
        tags = [
            [self.tags[number] for number in path[:count]]
            for path, count in zip(paths.tolist(), counts, strict=True)
        ]
        spans = [schemes.spans(one) for one in tags]
        places = [(row, span.begin, span.end) for row, found in enumerate(spans) for span in found]
        if not places:
            return [Tagged(one, [], []) for one in tags]
        where = Spans(*torch.tensor(places, device=self.device).unbind(1))
        log_probs = self.model.head.span_log_probs(outputs, mask, paths, where, self._closing)
        confidences = iter(log_probs.exp().clamp(max=1).tolist())
        return [
            Tagged(one, found, [next(confidences) for _ in found])
            for one, found in zip(tags, spans, strict=True)
        ]
