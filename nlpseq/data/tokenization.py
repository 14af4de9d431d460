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
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers

from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig

PAD, UNK, BOS, EOS = "<pad>", "<unk>", "<bos>", "<eos>"
SPECIAL_TOKENS = [PAD, UNK, BOS, EOS]  # ids 0, 1, 2, 3 of every vocabulary that is learnt here
FOREIGN_NAMES = {
    PAD: (PAD, "[PAD]", "<|pad|>"),
    UNK: (UNK, "[UNK]", "<|unk|>"),
    BOS: (BOS, "<s>", "[CLS]", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"),
    EOS: (EOS, "</s>", "[SEP]", "<|end_of_text|>", "<|endoftext|>"),
}
TEXTS_AT_ONCE = 4096  # `tokenizers` keeps about 100 bytes a token until a batch is done

# A run of letters (with an apostrophe inside), of digits or of marks, each with one space before
# it, or a single white space: pieces stay inside a word, and "<eos>" falls into "<", "eos", ">".
RUNS = r" ?[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s"
# Text at the word level that spells a special token; `<unk>` may stand for itself (Penn Treebank
# has it).
FORGED = r"(?<!\S)<(?:pad|bos|eos)>(?!\S)"


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
        backend = _TRAINERS[config.kind](config, texts)
        backend.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL_TOKENS])
        size = backend.get_vocab_size()
        if size > config.vocabulary_size:
            raise _too_small(config, f"the special tokens and single characters alone take {size}")
        if size == len(SPECIAL_TOKENS):
            raise UserError(
                f"no token to learn from: the train split is empty, or has no token as often as "
                f"tokenization.min_frequency={config.min_frequency}"
            )
        return cls(backend)

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a `tokenizer.json`, or the one of a folder, or of a model on the Hub.

        A special token that a foreign tokenizer has under none of the usual names is added to it.

        Raises:
            UserError: there is no such file or model, or it is not a tokenizer.
        """
        file = Path(path)
        file = file / "tokenizer.json" if file.is_dir() else file
        try:
            if file.is_file():
                return cls(tokenizers.Tokenizer.from_file(str(file)))
            if _looks_like_a_path(str(path)):
                raise UserError(f"tokenizer {path}: there is no file {file}")
            return cls(tokenizers.Tokenizer.from_pretrained(str(path)))
        except UserError:
            raise
        except Exception as error:  # the library raises nothing narrower
            reason = " ".join(str(error).split())[:200]
            where = (
                "is not a tokenizer.json"
                if file.is_file()
                else "is no file and not to be had from the Hub"
            )
            raise UserError(f"tokenizer {path} {where}: {reason}") from error

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
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "tokenizer.json", self.backend.to_str(pretty=True))
        _write(folder / "tokenizer_config.json", json.dumps(config, indent=2, ensure_ascii=False))

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
        normalizer = self.backend.normalizer
        known, unknown = self._characters, self.unk_id
        return [
            known.get(c, unknown) for c in (normalizer.normalize_str(text) if normalizer else text)
        ]


def _start(config: TokenizationConfig, model: models.Model) -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(model)
    if config.lowercase:
        backend.normalizer = normalizers.Lowercase()
    return backend


def _word(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.WordLevel(unk_token=UNK))
    unforged = normalizers.Replace(Regex(FORGED), UNK)
    steps = [normalizers.Lowercase(), unforged] if config.lowercase else [unforged]
    backend.normalizer = normalizers.Sequence(steps)
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    counting = trainers.WordLevelTrainer(
        vocab_size=2**62, min_frequency=config.min_frequency, special_tokens=[], show_progress=False
    )
    backend.train_from_iterator(texts, counting)  # sorts by falling frequency, then by spelling
    words = sorted(backend.get_vocab().items(), key=lambda item: item[1])
    backend.model = _vocabulary(config, (word for word, _ in words))
    return backend


def _character(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _start(config, models.WordLevel(unk_token=UNK))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(backend.normalizer.normalize_str(text) if config.lowercase else text)
    frequent = [(c, n) for c, n in counts.items() if n >= config.min_frequency]
    frequent.sort(key=lambda item: (-item[1], item[0]))
    backend.model = _vocabulary(config, (character for character, _ in frequent))
    return backend


def _vocabulary(config: TokenizationConfig, tokens: Iterable[str]) -> models.WordLevel:
    """The special tokens, then the most frequent others; a text's `<unk>` takes no second id."""
    others = [token for token in tokens if token not in SPECIAL_TOKENS]
    kept = SPECIAL_TOKENS + others[: max(config.vocabulary_size - len(SPECIAL_TOKENS), 0)]
    return models.WordLevel({token: id for id, token in enumerate(kept)}, unk_token=UNK)


def _bpe(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _pieces(config, models.BPE(unk_token=UNK))
    backend.train_from_iterator(texts, trainers.BpeTrainer(**_trainer_options(config)))
    return backend


def _unigram(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _pieces(config, models.Unigram())
    trainer = trainers.UnigramTrainer(
        vocab_size=config.vocabulary_size,
        special_tokens=SPECIAL_TOKENS,
        unk_token=UNK,
        show_progress=False,
    )
    try:
        backend.train_from_iterator(texts, trainer)
    except Exception as error:  # the library raises nothing narrower
        raise _too_small(config, str(error)) from error
    # The library adds up in an order that changes from run to run: round that away, and order what
    # ties.
    learnt = json.loads(backend.to_str())["model"]["vocab"]
    pieces = [(piece, round(score, 6)) for piece, score in learnt if piece not in SPECIAL_TOKENS]
    pieces.sort(key=lambda item: (-item[1], item[0]))
    special = [(name, 0.0) for name in SPECIAL_TOKENS]
    backend.model = models.Unigram(special + pieces, SPECIAL_TOKENS.index(UNK), False)
    return backend


def _pieces(config: TokenizationConfig, model: models.Model) -> tokenizers.Tokenizer:
    backend = _start(config, model)
    runs = pre_tokenizers.Split(Regex(RUNS), "isolated")
    spaces = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([runs, spaces])
    backend.decoder = decoders.Metaspace(prepend_scheme="never")
    return backend


def _wordpiece(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _start(config, models.WordPiece(unk_token=UNK))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(cleanup=False)
    backend.train_from_iterator(texts, trainers.WordPieceTrainer(**_trainer_options(config)))
    return backend


def _byte_bpe(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _start(config, models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(**_trainer_options(config), initial_alphabet=alphabet)
    backend.train_from_iterator(texts, trainer)
    return backend


_TRAINERS: dict[str, Callable[[TokenizationConfig, Iterable[str]], tokenizers.Tokenizer]] = {
    "word": _word,
    "character": _character,
    "bpe": _bpe,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
    "byte_bpe": _byte_bpe,
}


def _trainer_options(config: TokenizationConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocabulary_size,
        "min_frequency": 2,  # a piece that was seen once is not worth an id
        "special_tokens": SPECIAL_TOKENS,
        "show_progress": False,
    }


def _too_small(config: TokenizationConfig, reason: str) -> UserError:
    size = config.vocabulary_size
    return UserError(
        f"tokenization.vocabulary_size={size} is too small for {config.kind}: {reason}"
    )


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
    parts = json.dumps([state["pre_tokenizer"], state["decoder"]])
    if model == "WordLevel":
        return "character" if '"Split"' in parts else "word"
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


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = file.with_name(f"{file.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, file)
