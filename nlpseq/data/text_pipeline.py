"""The way from text to features: in training, evaluation, prediction and inspection.

text -> normal form -> words (cut by rule, or cut already) -> ids, characters, casing, sentences: `Features`, with
offsets into the text as it was given. A pipeline is saved with its model (`state`); it imports no torch.

Text is a string or, cut already, a list of words. Strings are raw text, or words between white space where
`pretokenized` says so. Models of nlpseq 0.1 saved no pipeline: theirs leaves everything to their tokenizer.json, and
cuts raw text as 0.1 did.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from typing import Any, Literal

from nlpseq.data.features import CharacterTable, Features, segments_of
from nlpseq.data.normalizer import AlignedText, Normalizer
from nlpseq.data.rust_panics import no_panic
from nlpseq.data.text_cutter import Span, TextCutter, join_words, whole
from nlpseq.data.tokenizer import TEXTS_AT_ONCE, Tokenizer
from nlpseq.data.tokenizer_training import AT_SPACES, normalize
from nlpseq.data.word_joiner import WordJoiner, words_of_parts
from nlpseq.data.word_tokenizer import Word, group_by_lines, sentence_numbers
from nlpseq.errors import UserError
from nlpseq.stored_values import StoredValues

CACHED_WORDS = 200_000
Text = str | Sequence[str]
Blank = Literal["read", "unknown", "empty"]


class TextPipeline:
    """Makes features from texts.

    Args:
        tokenizer: gives the ids.
        normalizer: normalises texts; None: the tokenizer does, as in models of 0.1 and with a tokenizer from elsewhere.
        raw: cuts raw text into words; None: the tokenizer reads it as it is.
        pretokenized: the strings of the training data are cut into words already.
        joins_words: raw text is also cut into known words that hold a space, or several characters of a script
            without spaces, see `word_joiner`.
        words: the known words; of a word tokenizer, those of its vocabulary.
        word_pieces: the pieces of each word of a list are marked, for tags of words.
        characters: table of characters, for word tokenizers; None: no character ids.
        casing: give casing classes, for word tokenizers.
        segments: number the sentences.
        lower_unknown: look unknown words up in lower case, as `load_vectors` does; for word tokenizers.

    Raises:
        UserError: characters or casing are wanted, but tokens are pieces of words.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        normalizer: Normalizer | None = None,
        raw: TextCutter | None = None,
        *,
        pretokenized: bool = True,
        joins_words: bool = False,
        words: Sequence[str] = (),
        word_pieces: bool = False,
        characters: CharacterTable | None = None,
        casing: bool = False,
        segments: bool = False,
        lower_unknown: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.normalizer = normalizer
        self.raw = raw
        self.pretokenized = pretokenized
        self.word_pieces = word_pieces
        self.characters = characters
        self.casing = casing
        self.segments = segments
        self.lower_unknown = lower_unknown
        self.whole_words = tokenizer.kind == "word"
        self.spells = characters is not None or casing
        if self.spells and not self.whole_words:
            raise UserError(
                "embedding.characters and embedding.casing_dim are for whole words: set "
                f"tokenization.kind = 'word', it is {tokenizer.kind!r}"
            )
        outside = {tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id}
        self._vocabulary = {
            token: id for id, token in enumerate(tokenizer.vocabulary) if id not in outside
        }
        self._known_words = () if self.whole_words or not joins_words else tuple(words)
        self._joiner: WordJoiner | None = None
        if joins_words and raw is not None:
            known = words_of_parts(self._vocabulary, raw) if self.whole_words else words
            self._joiner = WordJoiner(known, raw, normalizer.fold if normalizer else str) or None
        self._word_id = lru_cache(CACHED_WORDS)(self._look_up)
        self._pieces = lru_cache(CACHED_WORDS)(self._cut_word)
        if self.state() is not None:
            tokenizer.differs = self._unexpressed()

    # Reading

    def read(
        self,
        texts: Sequence[Text],
        *,
        pretokenized: bool = False,
        offsets: bool = False,
        blank: Blank = "read",
    ) -> list[Features]:
        """Return features of texts.

        Args:
            texts: strings, or lists of words.
            pretokenized: the strings are words between white space.
            offsets: return also the offsets of the tokens of strings.
            blank: what a blank text is, see `is_blank`: `read` as it is, which may give no token, one `unknown`
                token, or `empty`, no token.
        """
        features = self._read(texts, pretokenized, offsets)
        if blank == "read":
            return features
        unknown = self._unknown if blank == "unknown" else Features(())
        return [
            unknown if is_blank(text) or not len(one) else one
            for text, one in zip(texts, features, strict=True)
        ]

    @cached_property
    def _unknown(self) -> Features:
        """The features of one unknown token."""
        return Features(
            [self.tokenizer.unk_id],
            [""] if self.spells else (),
            [0] if self.segments else (),
            [0] if self.word_pieces and not self.whole_words else (),
            [(0, 0)],
        )

    def _read(self, texts: Sequence[Text], pretokenized: bool, offsets: bool) -> list[Features]:
        features: list[Features] = []
        for begin in range(0, len(texts), TEXTS_AT_ONCE):
            chunk = texts[begin : begin + TEXTS_AT_ONCE]
            if self.whole_words or self.word_pieces:
                features += [self._read_words(text, pretokenized, offsets) for text in chunk]
            else:
                features += self._read_pieces(chunk, pretokenized, offsets)
        return features

    def words(self, text: Text, *, pretokenized: bool = False) -> list[Word]:
        """Return the words of a text in the normal form, with their offsets in the text as it was given.

        The offsets of a list are those of its words with a space between them.
        """
        if not isinstance(text, str):
            begins = accumulate((len(word) + 1 for word in text), initial=0)
            return [
                Word(self.canonical(word), begin, begin + len(word))
                for begin, word in zip(begins, text, strict=False)
            ]
        aligned = self.normalizer.align(text) if self.normalizer else AlignedText(text)
        text = aligned.text
        if pretokenized or self.raw is None:
            spans = (self.raw or AT_SPACES).words_between_blanks(text)
        elif self._joiner is None:
            spans = self.raw.spans(text)
        else:
            words = self._joiner.join(text, self.raw.spans(text))
            return [Word(word.spell(text), *aligned.span(*word.span)) for word in words]
        return [Word(text[begin:end], *aligned.span(begin, end)) for begin, end in spans]

    def sentences(self, text: Text, *, pretokenized: bool = False) -> list[list[Word]]:
        """Return the words of each sentence of a raw text; a text that is cut already is one sentence."""
        words = self.words(text, pretokenized=pretokenized)
        if pretokenized or not isinstance(text, str):
            return [words] if words else []
        return sentences_of(text, words)

    def spellings(self, text: Text, *, pretokenized: bool = False) -> list[str]:
        """Return each token as the text spells it, known or not; a blank text is one token."""
        string = text if isinstance(text, str) else " ".join(text)
        if is_blank(text):
            return [string]
        if self.whole_words:
            words = self.words(text, pretokenized=pretokenized)
            if not isinstance(text, str):
                return list(text)
            return [text[word.begin : word.end] for word in words] or [text]
        (features,) = self._read_pieces([text], pretokenized, True)
        pieces = [string[begin:end] for begin, end in features.offsets] or [string]
        return [piece.strip() or piece for piece in pieces]

    def canonical(self, text: str) -> str:
        """Return a text in the normal form."""
        return self.normalizer.canonical(text) if self.normalizer else text

    def fold(self, text: str) -> str:
        """Return a text as the vocabulary spells it, for example in lower case."""
        if self.normalizer is None:
            return normalize(self.tokenizer.backend, text)
        return self.normalizer.fold(self.canonical(text))

    def unknown(self, features: Iterable[Features]) -> tuple[int, int]:
        """Return the number of unknown tokens, and that of all tokens."""
        rows = [list(text.ids) for text in features]
        return sum(row.count(self.tokenizer.unk_id) for row in rows), sum(map(len, rows))

    # Words

    def _read_words(self, text: Text, pretokenized: bool, offsets: bool) -> Features:
        if self.normalizer is None and isinstance(text, str) and self.whole_words:
            return self._read_by_backend(text, pretokenized, offsets)
        words = self.words(text, pretokenized=pretokenized)
        spelt = [word.text for word in words]
        spans = [(word.begin, word.end) for word in words] if offsets or self.segments else []
        segments: Sequence[int] = ()
        if self.segments:
            raw = isinstance(text, str)
            segments = segments_of(text, spans) if raw else sentence_numbers(spelt)  # type: ignore[arg-type]
        return self._features(spelt, segments, spans if offsets else ())

    def _features(
        self, words: Sequence[str], segments: Sequence[int], offsets: Sequence[Span]
    ) -> Features:
        if self.whole_words:
            # One string object for all occurrences of a word: less memory, faster lookup in each epoch.
            spelt = tuple(map(sys.intern, words)) if self.spells else ()
            return Features([*map(self._word_id, words)], spelt, segments, (), offsets)
        pieces = [self._pieces(word, index == 0) for index, word in enumerate(words)]
        ends = list(accumulate(len(ids) for ids in pieces))
        repeated = [number for number, ids in zip(segments, pieces, strict=False) for _ in ids]
        return Features([*chain.from_iterable(pieces)], (), repeated, [0, *ends][: len(words)])

    def _look_up(self, word: str) -> int:
        """Return the id of a word."""
        known = self._vocabulary
        id = known.get(self.fold(word) if self.normalizer else self.fold(word).strip())
        if id is None and self.lower_unknown:
            id = known.get(self.fold(word.lower()).strip())
        return self.tokenizer.unk_id if id is None else id

    def _cut_word(self, word: str, first: bool) -> list[int]:
        """Return the ids of a word's pieces."""
        word = self.fold(word) if self.normalizer else word
        return self.tokenizer.encode(word if first else f" {word}") or [self.tokenizer.unk_id]

    # Pieces and characters

    def _read_pieces(
        self, texts: Sequence[Text], pretokenized: bool, offsets: bool
    ) -> list[Features]:
        strings = [text if isinstance(text, str) else " ".join(text) for text in texts]
        is_cut = (pretokenized or not isinstance(text, str) for text in texts)
        read = list(map(self._as_read, strings, is_cut))
        if not (offsets or self.segments):
            ids = self.tokenizer.encode_batch([aligned.text for aligned in read])
            return list(map(Features, ids))
        with no_panic("tokenizer.json"):
            encodings = self.tokenizer.backend.encode_batch(
                [aligned.text for aligned in read], add_special_tokens=False
            )
        features = []
        for text, aligned, encoding in zip(strings, read, encodings, strict=True):
            spans = [aligned.span(begin, end) for begin, end in encoding.offsets]
            segments = segments_of(text, spans) if self.segments else ()
            features.append(Features(encoding.ids, (), segments, (), spans if offsets else ()))
        return features

    def _as_read(self, text: str, is_cut: bool) -> AlignedText:
        """Return a text as the tokenizer of pieces or characters reads it."""
        aligned = self.normalizer.align(text) if self.normalizer else AlignedText(text)
        if self.raw is not None and not is_cut:
            spans = self.raw.spans(aligned.text)
            words = self._joiner.join(aligned.text, spans) if self._joiner else whole(spans)
            aligned = aligned.replace(*join_words(aligned.text, words))
        return self.normalizer.fold_aligned(aligned) if self.normalizer else aligned

    def _read_by_backend(self, text: str, pretokenized: bool, offsets: bool) -> Features:
        """Read a string by a word tokenizer of 0.1 or from elsewhere, which cuts at its own borders."""
        aligned = self._as_read(text, pretokenized)
        with no_panic("tokenizer.json"):
            encoding = self.tokenizer.backend.encode(aligned.text, add_special_tokens=False)
        words = [aligned.text[begin:end] for begin, end in encoding.offsets]
        segments = segments_of(aligned.text, encoding.offsets) if self.segments else ()
        spans = [aligned.span(begin, end) for begin, end in encoding.offsets] if offsets else ()
        return self._features(words, segments, spans)

    # On disk, and in words

    def state(self) -> dict[str, Any] | None:
        """Return what to save with a model; None: the pipeline of a model of 0.1."""
        if self.normalizer is None and self.raw is not None and self.raw.version == 1:
            return None
        return {
            "normalizer": asdict(self.normalizer) if self.normalizer else None,
            "raw": asdict(self.raw) if self.raw else None,
            "pretokenized": self.pretokenized,
            "joins_words": self._joiner is not None,
            **({"words": "\n".join(self._known_words)} if self._known_words else {}),
        }

    def describe(self) -> str:
        """Return how texts are cut, for the notes of a run."""
        if self.raw is None:
            return f"read as it is, by the tokenizer of kind {self.tokenizer.kind}"
        known = "the vocabulary" if self.whole_words else "train"
        joined = f", then joined to the longest words of {known}" if self._joiner else ""
        return f"cut {self.raw.describe()}{joined}"

    def _unexpressed(self) -> str:
        """Return why the saved tokenizer.json gives other ids for raw text; empty if it does not."""
        reasons = [self.raw.unexpressed] if self.raw else []
        if self.raw is not None:
            if not self.whole_words or self.normalizer is None:
                reasons.append("raw text is cut into words before the tokenizer reads it")
            elif self.normalizer and self.normalizer.lowercase and self.raw.rule == "words":
                reasons.append("words are cut before they are converted to lower case")
            if self._joiner and self.whole_words:
                reasons.append("raw text is joined to the longest words of the vocabulary")
        if self.lower_unknown:
            reasons.append("unknown words are looked up in lower case")
        return "; ".join(filter(None, reasons))


def is_blank(text: Text) -> bool:
    """Return whether a text is empty, or white space alone."""
    return not any(map(str.strip, text))


def sentences_of(text: str, words: Sequence[Word]) -> list[list[Word]]:
    """Return the words of a raw text sentence by sentence; the end of a line ends a sentence."""
    sentences: list[list[Word]] = []
    for line in group_by_lines(text, words):
        numbers = sentence_numbers([word.text for word in line])
        first = len(sentences)
        for word, number in zip(line, numbers, strict=True):
            if first + number == len(sentences):
                sentences.append([])
            sentences[-1].append(word)
    return sentences


def pipeline_parts(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments of a `TextPipeline` that `TextPipeline.state` holds."""
    if state is None:
        return {}
    stored = StoredValues(state, "config.json: learnt.pipeline")
    normalizer, raw = stored.part("normalizer"), stored.part("raw")
    return {
        "normalizer": _stored_normalizer(normalizer) if normalizer else None,
        "raw": _stored_cutter(raw) if raw else None,
        "pretokenized": stored.flag("pretokenized"),
        "joins_words": stored.flag("joins_words"),
        "words": stored.text("words").split("\n") if "words" in stored else (),
    }


def _stored_normalizer(stored: StoredValues) -> Normalizer:
    return Normalizer(
        stored.text("form", ("nfc", "none")),
        stored.flag("lowercase"),
        stored.optional_text("language"),
        stored.flag("digits_as_zero"),
    )


def _stored_cutter(stored: StoredValues) -> TextCutter:
    return TextCutter(
        stored.text("rule", ("words", "whitespace")),
        stored.optional_text("language"),
        stored.flag("spaceless"),
        stored.integer("version", 1, TextCutter.version),
    )
