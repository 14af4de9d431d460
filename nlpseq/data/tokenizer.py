"""How text becomes token ids and text again: one face over the `tokenizers` library.

Six kinds can be learnt, always from the train split alone; any other `tokenizer.json` can be named
instead. What is encoded never forges a special token: a text that spells `<eos>` does not end
there.

kind       | a token is                       | decode(encode(text)), every token being known
-----------|----------------------------------|-----------------------------------------------------
word       | what white space separates       | the text, its white space made single spaces
character  | a Unicode character, newline too | the text
bpe        | a frequent piece of a word       | the text, U+2581 (the mark for a space) made a space
unigram    | a likely piece of a word         | the same
wordpiece  | a frequent piece of a word       | words and punctuation marks, single spaces between
byte_bpe   | a frequent run of bytes          | the text, whatever it holds

Ids of the word, character and unigram kinds fall in frequency, so that an adaptive softmax can cut
the vocabulary anywhere.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken

from nlpseq.data.hub_access import hub_if_reachable
from nlpseq.data.tokenizer_training import (
    BOS,
    EOS,
    EVERY_CHARACTER,
    PAD,
    SPECIAL_TOKENS,
    UNK,
    extended,
    learn,
    normalized,
)
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
TEXTS_AT_ONCE = 4096  # `tokenizers` keeps about 100 bytes a token until a batch is done


class Tokenizer:
    """Text to ids and back.

    Attributes:
        backend: the `tokenizers.Tokenizer` underneath (offsets, alignments).
        kind: word, character, bpe, wordpiece, unigram or byte_bpe.
        vocabulary: every token, by id.
        pad_id, unk_id, bos_id, eos_id: the special tokens; 0, 1, 2, 3 unless a foreign tokenizer
            has others.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True  # that is: spelt-out special tokens are plain text
        self.backend = backend
        self.pad_id, self.unk_id, self.bos_id, self.eos_id = (
            _special_id(backend, name) for name in SPECIAL_TOKENS
        )
        self.kind = _kind(json.loads(backend.to_str()))
        self.vocabulary = _by_id(backend.get_vocab(with_added_tokens=True))
        added = backend.get_added_tokens_decoder()
        special = {id for id, token in added.items() if token.special}
        self._silent = (special | {self.pad_id, self.bos_id, self.eos_id}) - {self.unk_id}
        self._characters = {
            token: id for id, token in enumerate(self.vocabulary) if len(token) == 1
        }

    @classmethod
    def from_config(cls, config: TokenizationConfig, texts: Iterable[str]) -> "Tokenizer":
        """The existing tokenizer that `config.path` names, or one learnt from `texts`."""
        return cls.train(config, texts) if config.path is None else cls.load(config.path)

    @classmethod
    def train(cls, config: TokenizationConfig, texts: Iterable[str]) -> "Tokenizer":
        """Learn a vocabulary. The same texts give the same file.

        Args:
            config: kind, largest size and the rest of the recipe's `tokenization` section.
            texts: the train split's texts, and no others.

        Raises:
            UserError: the texts hold no token, or more different characters than the vocabulary
                may.
        """
        return cls(learn(config, texts))

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a `tokenizer.json`, or the one of a folder, or of a model on the Hub.

        A special token that a foreign tokenizer has under none of the usual names is added to it.

        Raises:
            UserError: there is no such file or model, or it is not a tokenizer.
        """
        file = Path(path)
        file = file / "tokenizer.json" if file.is_dir() else file
        reachable = False
        try:
            if file.is_file():
                return cls(tokenizers.Tokenizer.from_file(str(file)))
            if file != Path(path) or _looks_like_a_path(str(path)):
                raise UserError(f"tokenizer {path}: there is no file {file}")
            with hub_if_reachable() as reachable:
                return cls(tokenizers.Tokenizer.from_pretrained(str(path)))
        except UserError:
            raise
        except Exception as error:  # the library raises nothing narrower
            reason = " ".join(str(error).split())[:200]
            if file.is_file():
                raise UserError(f"tokenizer {path} is not a tokenizer.json: {reason}") from error
            reason = reason if reachable else "it cannot be reached"
            raise UserError(
                f"tokenizer {path} is no file and not to be had from the Hub: {reason}"
            ) from error

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, and what lets `transformers.AutoTokenizer` load the folder."""
        names = ["pad_token", "unk_token", "bos_token", "eos_token"]
        ids = [self.pad_id, self.unk_id, self.bos_id, self.eos_id]
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **{name: self.vocabulary[id] for name, id in zip(names, ids, strict=True)},
            "split_special_tokens": True,
            "clean_up_tokenization_spaces": False,
            "model_max_length": 10**30,
        }
        write_text(folder / "tokenizer.json", self.backend.to_str(pretty=True))
        write_text(
            folder / "tokenizer_config.json", json.dumps(config, indent=2, ensure_ascii=False)
        )

    def produces(self, word: str) -> bool:
        """Whether a text can have this word, as it is spelt, for a token: of the word kind only.

        White space splits it, or normalisation (lower case, digits as 0) leaves no such word, or it
        spells a special token: then it cannot.
        """
        same = normalized(self.backend, word) == word
        return same and word.split() == [word] and word not in SPECIAL_TOKENS

    def extended(self, words: Iterable[str]) -> "Tokenizer":
        """A tokenizer that knows further words, by the ids from `len(self)` on; of the word kind only.

        Words are skipped that it knows already or that no text can have, see `produces`.

        Raises:
            ValueError: the tokens are not words.
        """
        if self.kind != "word":
            raise ValueError(f"a tokenizer of kind {self.kind} cannot be given words")
        return Tokenizer(extended(self.backend, filter(self.produces, words)))

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    def separator(self) -> str:
        """What stands between two texts that were decoded apart and belong together."""
        return " " if self.kind in ("word", "wordpiece") else ""

    def encode(self, text: str) -> list[int]:
        """Ids of a text; no special token is added."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many texts, on every core where the kind allows it."""
        if self.kind == "character":  # 20 times faster than a general splitter on one long text
            return [self._spell(text) for text in texts]
        encoded: list[list[int]] = []
        for begin in range(0, len(texts), TEXTS_AT_ONCE):
            some = list(texts[begin : begin + TEXTS_AT_ONCE])
            encoded += [
                one.ids for one in self.backend.encode_batch_fast(some, add_special_tokens=False)
            ]
        return encoded

    def decode(self, ids: Iterable[int]) -> str:
        """The text that ids spell; special tokens are left out, but `<unk>` is shown."""
        shown = [id for id in ids if id not in self._silent]
        if self.kind == "character":
            return "".join([self.vocabulary[id] for id in shown])
        return str(self.backend.decode(shown, skip_special_tokens=False))

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, unknown ones as `<unk>`."""
        return [self.vocabulary[id] for id in self.encode(text)]

    def _spell(self, text: str) -> list[int]:
        known, unknown = self._characters, self.unk_id
        return [known.get(character, unknown) for character in normalized(self.backend, text)]


def _special_id(backend: tokenizers.Tokenizer, name: str) -> int:
    for token in FOREIGN_NAMES[name]:
        id = backend.token_to_id(token)
        if id is not None:
            return int(id)
    backend.add_special_tokens([AddedToken(name, special=True)])
    return int(backend.get_vocab()[name])


def _kind(state: Mapping[str, Any]) -> str:
    """The kind of a tokenizer, ours or not, from its serialised form."""
    model = state["model"]["type"]
    splitter = state["pre_tokenizer"] or {}
    parts = json.dumps([splitter, state["decoder"]])
    if model == "WordLevel":
        return "character" if splitter.get("pattern") == {"Regex": EVERY_CHARACTER} else "word"
    if model == "BPE":
        return "byte_bpe" if '"ByteLevel"' in parts else "bpe"
    return str(model).lower()


def _by_id(vocabulary: Mapping[str, int]) -> list[str]:
    tokens = [""] * (max(vocabulary.values()) + 1)  # a foreign tokenizer may leave ids unused
    for token, id in vocabulary.items():
        tokens[id] = token
    return tokens


def _looks_like_a_path(path: str) -> bool:
    return path.endswith(".json") or path.startswith((".", "/", "~")) or path.count("/") > 1
