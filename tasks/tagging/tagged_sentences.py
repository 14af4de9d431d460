"""Tags of sentences with confidences, from the outputs of a tagger: in prediction, and in calibrated evaluation."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nlpseq.data import tag_schemes
from nlpseq.layers.crf import Spans
from nlpseq.layers.linear_chain import best_paths
from nlpseq.layers.taggers import Tagger


class TaggedSentence(NamedTuple):
    """The tags of a sentence, its entities, and the confidence of each entity; of plain tags that of each tag."""

    tags: list[str]
    spans: list[tag_schemes.Span]
    confidences: list[float]


class SentenceTagger:
    """Finds the best paths of tags, and their confidences.

    Args:
        tags: tags by id.
        device: of the model.
        plain: the tags are no spans.
        temperature: by which scores are divided for confidences; paths are found without it.
    """

    def __init__(
        self, tags: Sequence[str], device: torch.device, *, plain: bool, temperature: float = 1.0
    ) -> None:
        self.tags = list(tags)
        self.plain = plain
        self.temperature = temperature
        if plain:
            return
        self._continues = torch.tensor(tag_schemes.continuations(self.tags), device=device)
        self._outside = torch.tensor(
            [tag == tag_schemes.OUTSIDE for tag in self.tags], device=device
        )
        self._types = [tag[2:] for tag in self.tags]

    def tag(self, head: Tagger, outputs: Tensor, mask: Tensor | None) -> Iterator[TaggedSentence]:
        """Tag a batch.

        Args:
            head: of the model.
            outputs: (B, W, H) of words.
            mask: (B, W) of real words, None where nothing is padded.
        """
        lattice = head.lattice(outputs, mask)
        paths = best_paths(lattice).tags[:, 0]  # (B, W)
        lengths = [paths.size(1)] * len(paths) if mask is None else mask.sum(1).tolist()
        calibrated = head.at_temperature(lattice, self.temperature)
        if self.plain:
            probabilities = head.tag_probs(calibrated)  # (B, W, K)
            chosen = probabilities.gather(2, paths.unsqueeze(2)).squeeze(2).clamp(0, 1).tolist()
            for path, sure, length in zip(paths.tolist(), chosen, lengths, strict=True):
                yield TaggedSentence([self.tags[tag] for tag in path[:length]], [], sure[:length])
            return
        entities = self.find_spans(paths, mask)
        log_probs = head.span_log_probs(calibrated, paths, entities, ~self._continues)
        types = [self._types[tag] for tag in paths[entities.rows, entities.begins].tolist()]
        spans = list(map(tag_schemes.Span, types, entities.begins.tolist(), entities.ends.tolist()))
        confidences = log_probs.exp().clamp(max=1).tolist()
        counts = torch.bincount(entities.rows, minlength=len(paths)).tolist()  # entities of a row
        begin = 0
        for path, length, count in zip(paths.tolist(), lengths, counts, strict=True):
            end = begin + count
            tags = [self.tags[tag] for tag in path[:length]]
            yield TaggedSentence(tags, spans[begin:end], confidences[begin:end])
            begin = end

    def find_spans(self, paths: Tensor, mask: Tensor | None) -> Spans:
        """Return the entities of paths (B, T) row by row, as `tag_schemes.tags_to_spans` finds them."""
        inside = ~self._outside[paths]  # (B, T)
        if mask is not None:
            inside &= mask
        continued = self._continues[paths[:, :-1], paths[:, 1:]] & inside[:, 1:]  # (B, T - 1)
        rows, begins = (inside & ~F.pad(continued, (1, 0))).nonzero().unbind(1)
        lasts = (inside & ~F.pad(continued, (0, 1))).nonzero()[:, 1]
        return Spans(rows, begins, lasts + 1)
