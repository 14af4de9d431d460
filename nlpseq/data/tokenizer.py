"""Text to token ids and back, on top of the `tokenizers` library.

(`text_pipeline.py` reads texts with it: it normalises them, and cuts raw text into words.)
Six kinds of tokenizer can be trained, always on the train split only; any other `tokenizer.json` can be
loaded. Text never becomes a special token: a text with `<eos>` in it does not end there.

kind       | a token is                       | decode(encode(text)) if every token is known; in NFC
-----------|----------------------------------|---------------------------------------------
word       | text between white space         | the text, with single spaces
character  | a Unicode character or newline   | the text
bpe        | a frequent piece of a word       | the text; U+2581, the space mark, is a space
unigram    | a likely piece of a word         | the same
wordpiece  | a frequent piece of a word       | words and punctuation, with single spaces
byte_bpe   | a frequent sequence of bytes     | the text, whatever characters it has

Ids of the kinds word, character and unigram are sorted by falling frequency, so an adaptive softmax can
cut the vocabulary anywhere.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken

from nlpseq.data.hub_access import hub_if_reachable
from nlpseq.data.rust_panics import no_panic, quiet
from nlpseq.data.text_cutter import TextCutter
from nlpseq.data.tokenizer_training import (
    AT_SPACES,
    BOS,
    EOS,
    EVERY_CHARACTER,
    PAD,
    SPECIAL_TOKENS,
    UNK,
    Texts,
    extend_vocabulary,
    normalize,
    train_tokenizer,
)
from nlpseq.data.word_rules import JOINED
from nlpseq.errors import UserError
from nlpseq.files import write_text
from nlpseq.recipe import TokenizationConfig

__all__ = ["BOS", "EOS", "PAD", "SPECIAL_TOKENS", "UNK", "Tokenizer"]

FOREIGN_NAMES = {
    PAD: (PAD, "[PAD]", "<|pad|>"),
    UNK: (UNK, "[UNK]", "<|unk|>"),
    BOS: (BOS, "<s>", "[CLS]", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"),
    EOS: (EOS, "</s>", "[SEP]", "<|end_of_text|>", "<|endoftext|>"),
}
_INNER_SPACE = re.compile(f"(?<=[{JOINED}]) (?=[{JOINED}])")
_PROBES = ("", "One word, 2 words.\n", "É — 中文 \u0e01\u0e33 \U0001f600")
"""Texts that a tokenizer of a stranger must be able to read."""
_MOST_UNUSED = 2**16  # ids without a token
TEXTS_AT_ONCE = 4096  # `tokenizers` holds about 100 bytes for each token of a batch


class Tokenizer:
    """Turns text into ids and back.

    Attributes:
        backend: the wrapped `tokenizers.Tokenizer`, for offsets.
        kind: word, character, bpe, wordpiece, unigram or byte_bpe.
        vocabulary: all tokens, by id.
        pad_id, unk_id, bos_id, eos_id: ids of the special tokens; 0, 1, 2, 3 except in tokenizers from
            elsewhere.
        spaceless: decoded words of scripts without spaces are not separated.
        differs: why `transformers.AutoTokenizer` gives other ids for raw text; empty if it does not.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True  # special tokens in a text are plain text
        self.backend = backend
        self.pad_id, self.unk_id, self.bos_id, self.eos_id = (
            _special_id(backend, name) for name in SPECIAL_TOKENS
        )
        # Checked first: writing a vocabulary takes time for each id up to the largest.
        self.vocabulary = _by_id(backend.get_vocab(with_added_tokens=True))
        self.kind = _kind(json.loads(backend.to_str()))
        self.spaceless = False
        self.differs = ""
        added = backend.get_added_tokens_decoder()
        special = {id for id, token in added.items() if token.special}
        self._silent = (special | {self.pad_id, self.bos_id, self.eos_id}) - {self.unk_id}
        self._special_names = {token.content for token in added.values() if token.special}
        self._characters = {
            token: id for id, token in enumerate(self.vocabulary) if len(token) == 1
        }

    @classmethod
    def from_config(
        cls,
        config: TokenizationConfig,
        texts: Texts,
        raw: TextCutter = AT_SPACES,
        *,
        marked: bool = True,
    ) -> "Tokenizer":
        """Load the tokenizer that `config.path` names, or train one on `texts`, see `train`."""
        if config.path is not None:
            return cls.load(config.path)
        return cls.train(config, texts, raw, marked=marked)

    @classmethod
    def train(
        cls,
        config: TokenizationConfig,
        texts: Texts,
        raw: TextCutter = AT_SPACES,
        *,
        marked: bool = True,
    ) -> "Tokenizer":
        """Train a tokenizer; the same texts always give the same file.

        Args:
            config: the recipe's `tokenization` section.
            texts: texts of the train split only, or their words.
            raw: cuts raw text into words, for the kind `word`.
            marked: `<unk>` in a text marks an unknown word.

        Raises:
            UserError: the texts hold no token, or more different characters than the vocabulary may
                have.
        """
        return cls(train_tokenizer(config, texts, raw, marked=marked))

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Load a `tokenizer.json` from a file, a folder or a model on the Hub.

        A special token is added if the tokenizer has it under none of the usual names.

        Raises:
            UserError: there is no such file or model, or it is not a tokenizer.
        """
        file = Path(path)
        file = file / "tokenizer.json" if file.is_dir() else file
        reachable = False
        try:
            if file.is_file():
                with quiet(), no_panic(f"tokenizer {path}"):
                    return cls(tokenizers.Tokenizer.from_file(str(file)))
            if file != Path(path) or _looks_like_a_path(str(path)):
                raise UserError(f"tokenizer {path}: there is no file {file}")
            with hub_if_reachable() as reachable, no_panic(f"tokenizer {path}"):
                return cls(tokenizers.Tokenizer.from_pretrained(str(path)))
        except UserError:
            raise
        except Exception as error:  # the library raises nothing narrower
            reason = " ".join(str(error).split())[:200]
            if file.is_file():
                raise UserError(f"tokenizer {path} is not a tokenizer.json: {reason}") from error
            reason = reason if reachable else "it cannot be reached"
            raise UserError(
                f"tokenizer {path}: no such file, and it could not be loaded from the Hub: {reason}"
            ) from error

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> "Tokenizer":
        """Return the tokenizer of a model, which may come from a stranger, after it has read some texts.

        Args:
            content: of a `tokenizer.json`.
            where: the file, for messages.

        Raises:
            UserError: it is not a tokenizer.json, or cannot read texts or write its own tokens.
        """
        try:
            with quiet(), no_panic(f"tokenizer {where}"):
                tokenizer = cls(tokenizers.Tokenizer.from_buffer(content))
                for text in _PROBES:
                    tokenizer.backend.encode(text, add_special_tokens=False)
                tokenizer.decode(range(len(tokenizer)))
        except UserError:
            raise
        except Exception as error:  # the library raises nothing narrower
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"tokenizer {where} is not a tokenizer.json: {reason}") from error
        return tokenizer

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, for `transformers.AutoTokenizer`, too."""
        names = ["pad_token", "unk_token", "bos_token", "eos_token"]
        ids = [self.pad_id, self.unk_id, self.bos_id, self.eos_id]
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **{name: self.vocabulary[id] for name, id in zip(names, ids, strict=True)},
            "split_special_tokens": True,
            "clean_up_tokenization_spaces": False,
            "model_max_length": 10**30,
            **({"nlpseq_differs": self.differs} if self.differs else {}),
        }
        write_text(folder / "tokenizer.json", self.backend.to_str(pretty=True))
        write_text(
            folder / "tokenizer_config.json", json.dumps(config, indent=2, ensure_ascii=False)
        )

    def produces(self, word: str) -> bool:
        """Return whether a word, as it is spelt, can be a token of a text; for the kind `word` only.

        It cannot if it contains white space, changes by normalisation (lower case, digits as 0), or is
        spelt like a special token.
        """
        same = normalize(self.backend, word) == word
        return same and word.split() == [word] and word not in self._special_names

    def with_words(self, words: Iterable[str]) -> "Tokenizer":
        """Return a tokenizer with further words, with ids from `len(self)` on; for the kind `word` only.

        Known words are skipped, and words that cannot be tokens, see `produces`.

        Raises:
            ValueError: the tokenizer is of another kind.
        """
        if self.kind != "word":
            raise ValueError(f"cannot add words to a tokenizer of kind {self.kind}")
        extended = Tokenizer(extend_vocabulary(self.backend, filter(self.produces, words)))
        extended.spaceless, extended.differs = self.spaceless, self.differs
        return extended

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    def separator(self) -> str:
        """Text to put between two decoded parts of one text."""
        return " " if self.kind in ("word", "wordpiece") else ""

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without special tokens."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many texts, computed in parallel except for the kind `character`."""
        if self.kind == "character":  # on a long text 20 times faster than the backend
            return [self._encode_characters(text) for text in texts]
        encoded: list[list[int]] = []
        for begin in range(0, len(texts), TEXTS_AT_ONCE):
            chunk = list(texts[begin : begin + TEXTS_AT_ONCE])
            with no_panic("tokenizer.json"):
                encodings = self.backend.encode_batch_fast(chunk, add_special_tokens=False)
            encoded += [encoding.ids for encoding in encodings]
        return encoded

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; special tokens are left out, except `<unk>`."""
        shown = [id for id in ids if id not in self._silent]
        if self.kind == "character":
            return "".join([self.vocabulary[id] for id in shown])
        with no_panic("tokenizer.json"):
            text = str(self.backend.decode(shown, skip_special_tokens=False))
        return _INNER_SPACE.sub("", text) if self.spaceless else text

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text; unknown ones are `<unk>`."""
        return [self.vocabulary[id] for id in self.encode(text)]

    def _encode_characters(self, text: str) -> list[int]:
        known, unknown = self._characters, self.unk_id
        return [known.get(character, unknown) for character in normalize(self.backend, text)]


def _special_id(backend: tokenizers.Tokenizer, name: str) -> int:
    """Return the id of a special token, which is added if there is none.

    A tokenizer whose texts spell a special token's usual name has `<eos_>` for `<eos>`.
    """
    for added_id, added in sorted(backend.get_added_tokens_decoder().items()):
        if added.special and added.content.rstrip("_>") == name[:-1]:
            return int(added_id)
    for token in FOREIGN_NAMES[name]:
        id = backend.token_to_id(token)
        if id is not None:
            return int(id)
    backend.add_special_tokens([AddedToken(name, special=True)])
    return int(backend.get_vocab()[name])


def _kind(state: Mapping[str, Any]) -> str:
    """Return the kind of any tokenizer from its serialised form."""
    model = state["model"]["type"]
    splitter = state["pre_tokenizer"] or {}
    parts = json.dumps([splitter, state["decoder"]])
    if model == "WordLevel":
        return "character" if splitter.get("pattern") == {"Regex": EVERY_CHARACTER} else "word"
    if model == "BPE":
        return "byte_bpe" if '"ByteLevel"' in parts else "bpe"
    return str(model).lower()


def _by_id(vocabulary: Mapping[str, int]) -> list[str]:
    """Return the tokens by their ids.

    Raises:
        UserError: two tokens have one id, or an id is far beyond the number of tokens.
    """
    largest = max(vocabulary.values(), default=-1)
    if largest >= 2 * len(vocabulary) + _MOST_UNUSED:  # tokenizers from elsewhere may skip ids
        raise UserError(f"a token has the id {largest:,}, and there are {len(vocabulary):,} tokens")
    tokens = [""] * (largest + 1)
    taken = set()
    for token, id in vocabulary.items():
        if id in taken:
            raise UserError(f"the tokens {tokens[id]!r:.60} and {token!r:.60} have one id, {id}")
        taken.add(id)
        tokens[id] = token
    return tokens


def _looks_like_a_path(path: str) -> bool:
    return path.endswith(".json") or path.startswith((".", "/", "~")) or path.count("/") > 1
