"""A trained tagger: raw texts in, entities or tagged words with their characters and confidences out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import torch

from nlpseq.data import tag_schemes
from nlpseq.data.batch import ModelInput, Tokens
from nlpseq.data.batching import bucket_batches
from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.data.word_tokenizer import Word
from nlpseq.predictor import Entity, TaggedText, TaggedWords, as_cut_texts, joined

from ..base.predictor_repr import PredictorRepr
from .model import TaggerModel, word_outputs
from .tagged_sentences import SentenceTagger, TaggedSentence

TOKENS_AT_ONCE = 4096  # with padding; a step of the CRF takes about as long for 200 rows as for 30
SENTENCES_AT_ONCE = 20_000  # whose distinct words are kept with their vectors


class SequenceTaggerPredictor(PredictorRepr):
    """A trained tagger.

    Args:
        pipeline: makes features of sentences, as in training.
        collator: makes batches of features.
        tags: tags by id.
        model: trained tagger.
        device: where to run.
        plain: the tags are no spans.
        temperature: by which scores are divided for confidences.
    """

    name: ClassVar[str] = "sequence tagger"

    def __init__(
        self,
        pipeline: TextPipeline,
        collator: FeatureCollator,
        tags: Sequence[str],
        model: TaggerModel,
        device: torch.device,
        *,
        plain: bool = False,
        temperature: float = 1.0,
    ) -> None:
        self.pipeline = pipeline
        self.collator = collator
        self.tags = list(tags)
        self.model = model.to(device).eval()
        self.device = device
        self.plain = plain
        self.sentence_tagger = SentenceTagger(
            self.tags, device, plain=plain, temperature=temperature
        )

    @property
    def prediction_type(self) -> type[TaggedText]:
        """`TaggedWords` for plain tags, `TaggedText` for spans."""
        return TaggedWords if self.plain else TaggedText

    def predict(self, texts: Iterable[Text], /, *, pretokenized: bool = False) -> list[TaggedText]:
        """Find the entities of texts, or plain tags of their words; each text is tagged sentence by sentence.

        Args:
            texts: raw texts, or lists of words; each list is a sentence that is cut as the training data are.
            pretokenized: the strings are such sentences too, words between white space.

        Returns:
            the predictions, in the order of the texts; tags of spans are in the BIO scheme. The confidence of an
            entity is the probability that exactly its words are an entity of its type, that of a plain tag its
            probability.

        Raises:
            UserError: `texts` is not an iterable of strings or lists; a wrong one is named by its index.
        """
        given = as_cut_texts(texts)
        cut = [self.pipeline.sentences(text, pretokenized=pretokenized) for text in given]
        words = [[word.text for word in sentence] for sentences in cut for sentence in sentences]
        tagged = iter(self.tag(words))
        to_prediction = _tagged_words if self.plain else _tagged_text
        return [
            to_prediction(text, sentences, tagged)
            for text, sentences in zip(given, cut, strict=True)
        ]

    def read_texts(self, texts: Sequence[str]) -> ModelInput:
        """Encode texts as the model reads them, one row for each sentence."""
        cut = [self.pipeline.sentences(text) for text in texts]
        words = [[word.text for word in sentence] for sentences in cut for sentence in sentences]
        features = self.pipeline.read(words)
        used = [index for index, sentence in enumerate(features) if len(sentence)]
        tokens = self.collator.collate([features[index] for index in used]).to(self.device)
        if tokens.word_starts is None:
            return ModelInput(tokens, [words[index] for index in used])
        vocabulary, lengths = self.pipeline.tokenizer.vocabulary, tokens.lengths.tolist()
        pieces = [
            [vocabulary[token_id] for token_id in row[:length]]
            for row, length in zip(tokens.ids.tolist(), lengths, strict=True)
        ]
        return ModelInput(tokens, pieces)

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[TaggedSentence]:
        """Tag sentences that are cut into words; a sentence without words has no tags."""
        tagged: list[TaggedSentence] = []
        for begin in range(0, len(sentences), SENTENCES_AT_ONCE):
            tagged += self._tag_group(sentences[begin : begin + SENTENCES_AT_ONCE])
        return tagged

    @torch.no_grad()
    def _tag_group(self, sentences: Sequence[Sequence[str]]) -> list[TaggedSentence]:
        """Tag sentences in batches of similar length; each distinct word is encoded once for all."""
        features = self.pipeline.read(sentences)
        results = [TaggedSentence([], [], []) for _ in sentences]
        used = [index for index, sentence in enumerate(features) if len(sentence)]
        lengths = [len(features[index]) for index in used]
        batches = [
            [used[number] for number in batch]
            for batch in bucket_batches(
                lengths, batch_size=0, batch_tokens=TOKENS_AT_ONCE, shuffle=False
            )
        ]
        collated = self.collator.collate_all([[features[row] for row in rows] for rows in batches])
        for rows, tokens in zip(batches, self.model.embedding.encode_words(collated), strict=True):
            for row, tagged in zip(rows, self._tag_batch(tokens.to(self.device)), strict=True):
                results[row] = tagged
        return results

    def _tag_batch(self, tokens: Tokens) -> Iterator[TaggedSentence]:
        outputs, mask = word_outputs(self.model.encode(tokens).outputs, tokens)
        return self.sentence_tagger.tag(self.model.head, outputs, mask)


def _tagged_text(
    given: Text, sentences: Sequence[Sequence[Word]], tagged: Iterator[TaggedSentence]
) -> TaggedText:
    """Join the tagged sentences of a text, taken from `tagged` in their order."""
    text = joined(given)
    entities: list[Entity] = []
    tags: list[str] = []
    for sentence in sentences:
        result = next(tagged)
        tags += tag_schemes.convert_tags(result.tags, "BIO")
        for span, confidence in zip(result.spans, result.confidences, strict=True):
            start, end = sentence[span.begin].begin, sentence[span.end - 1].end
            entities.append(Entity(text[start:end], span.type, start, end, confidence))
    return TaggedText(text, tuple(entities), _tokens(text, sentences), tuple(tags))


def _tagged_words(
    given: Text, sentences: Sequence[Sequence[Word]], tagged: Iterator[TaggedSentence]
) -> TaggedWords:
    """Join the sentences of a text that have plain tags, taken from `tagged` in their order."""
    text = joined(given)
    results = [next(tagged) for _ in sentences]
    return TaggedWords(
        text,
        (),
        _tokens(text, sentences),
        tuple(tag for result in results for tag in result.tags),
        tuple((word.begin, word.end) for sentence in sentences for word in sentence),
        tuple(sure for result in results for sure in result.confidences),
    )


def _tokens(text: str, sentences: Sequence[Sequence[Word]]) -> tuple[str, ...]:
    return tuple(text[word.begin : word.end] for sentence in sentences for word in sentence)
