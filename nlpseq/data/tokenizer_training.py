"""Training of tokenizers, one function for each kind; the same texts always give the same vocabulary.

The special tokens have ids 0 to 3 in all kinds.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers

from nlpseq.data.normalizer import Normalizer
from nlpseq.data.text_cutter import TextCutter
from nlpseq.data.word_rules import BLANK
from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig

AT_SPACES = TextCutter("whitespace", spaceless=False)
PAD, UNK, BOS, EOS = "<pad>", "<unk>", "<bos>", "<eos>"
SPECIAL_TOKENS = [PAD, UNK, BOS, EOS]

# A sequence of letters (with an apostrophe inside), of digits or of other marks, each with a space before
# it, or a single white space. Pieces do not cross these borders; "<eos>" becomes "<", "eos", ">".
RUNS = r" ?[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s"
Texts = Iterable[str | Sequence[str]]


def text_normalizer(config: TokenizationConfig) -> Normalizer:
    """Return the normalisation that a recipe asks for."""
    return Normalizer(
        config.normalization, config.lowercase, config.language, config.digits_as_zero
    )


def train_tokenizer(
    config: TokenizationConfig, texts: Texts, raw: TextCutter = AT_SPACES, *, marked: bool = True
) -> tokenizers.Tokenizer:
    """Train a tokenizer of the kind that the recipe names.

    Args:
        config: the recipe's `tokenization` section.
        texts: texts, or texts that are cut into words already: lists of words.
        raw: cuts raw text into words; recorded in the tokenizer, for the kind `word`.
        marked: `<unk>` in a text marks an unknown word (Penn Treebank has it); else it is text.

    Raises:
        UserError: the texts hold no token, or more different characters than the vocabulary may have,
            or `digits_as_zero` is set for another kind than `word`.
    """
    if config.digits_as_zero and config.kind != "word":
        raise UserError(
            f"tokenization.digits_as_zero is for kind = 'word', the kind is {config.kind!r}"
        )
    if config.vocabulary_size <= len(SPECIAL_TOKENS):
        raise _too_small(config, f"the special tokens alone take {len(SPECIAL_TOKENS)}")
    if config.kind == "word":
        backend, names = _train_word(config, texts, raw, marked)
    else:
        joined = (text if isinstance(text, str) else " ".join(text) for text in texts)
        backend, names = _TRAIN[config.kind](config, joined), SPECIAL_TOKENS
    backend.add_special_tokens([AddedToken(name, special=True) for name in names])
    size = backend.get_vocab_size()
    if size > config.vocabulary_size:
        raise _too_small(config, f"the special tokens and single characters alone take {size}")
    if size == len(SPECIAL_TOKENS):
        raise UserError(
            f"no token to learn from: the train split is empty, or has no token as often as "
            f"tokenization.min_frequency={config.min_frequency}"
        )
    return backend


def normalize(backend: tokenizers.Tokenizer, text: str) -> str:
    """Return a text as the tokenizer normalises it, for example in lower case."""
    return backend.normalizer.normalize_str(text) if backend.normalizer else text


def extend_vocabulary(backend: tokenizers.Tokenizer, words: Iterable[str]) -> tokenizers.Tokenizer:
    """Return a copy of a word tokenizer with further words, which have the next ids."""
    state = json.loads(backend.to_str())
    known = backend.get_vocab(with_added_tokens=True)
    new = [word for word in dict.fromkeys(words) if word not in known]
    first = max(known.values()) + 1
    state["model"]["vocab"].update({word: id for id, word in enumerate(new, start=first)})
    return tokenizers.Tokenizer.from_str(json.dumps(state))


def _new_backend(config: TokenizationConfig, model: models.Model) -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(model)
    backend.normalizer = text_normalizer(config).backend()
    return backend


def _train_word(
    config: TokenizationConfig, texts: Texts, raw: TextCutter, marked: bool
) -> tuple[tokenizers.Tokenizer, list[str]]:
    """Return a word tokenizer and the names of its special tokens, which no word of the texts has."""
    counts: Counter[str] = Counter()
    for text in texts:
        if isinstance(text, str):
            text = [text[begin:end] for begin, end in raw.words_between_blanks(text)]
        counts.update(text)
    normalizer, words = text_normalizer(config), Counter[str]()
    for word, number in counts.items():
        words[normalizer.fold(normalizer.canonical(word))] += number
    names = [name if marked and name == UNK else _unused(name, words) for name in SPECIAL_TOKENS]
    frequent = [(word, n) for word, n in words.items() if n >= config.min_frequency]
    frequent.sort(key=lambda item: (-item[1], item[0]))
    backend = _new_backend(config, models.WordLevel(unk_token=names[1]))
    forged = "|".join(map(re.escape, [names[0], *names[2:]]))
    if raw.rule == "whitespace":
        forged = rf"(?<![^{BLANK}])(?:{forged})(?![^{BLANK}])"
    special = normalizers.Replace(Regex(forged), names[1])  # they are not in texts
    own = [backend.normalizer] if backend.normalizer else []
    backend.normalizer = normalizers.Sequence([*own, special])
    backend.pre_tokenizer = raw.backend()
    backend.model = _vocabulary(config, (word for word, _ in frequent), names)
    return backend, names


def _unused(name: str, words: Collection[str]) -> str:
    """Return the name of a special token, lengthened while it is a word of the texts."""
    while name in words:
        name = f"{name[:-1]}_>"
    return name


EVERY_CHARACTER = r"[\s\S]"  # a saved tokenizer with this pattern is of the kind `character`


def _train_character(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _new_backend(config, models.WordLevel(unk_token=UNK))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(EVERY_CHARACTER), "isolated")
    backend.decoder = decoders.Fuse()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(normalize(backend, text))
    frequent = [(c, n) for c, n in counts.items() if n >= config.min_frequency]
    frequent.sort(key=lambda item: (-item[1], item[0]))
    backend.model = _vocabulary(config, (character for character, _ in frequent))
    return backend


def _vocabulary(
    config: TokenizationConfig, tokens: Iterable[str], special: list[str] = SPECIAL_TOKENS
) -> models.WordLevel:
    """Return the special tokens and the most frequent others; `<unk>` in a text gets no second id."""
    others = [token for token in tokens if token not in special]
    kept = special + others[: max(config.vocabulary_size - len(special), 0)]
    return models.WordLevel({token: id for id, token in enumerate(kept)}, unk_token=special[1])


def _train_bpe(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _new_piece_backend(config, models.BPE(unk_token=UNK))
    backend.train_from_iterator(texts, trainers.BpeTrainer(**_trainer_options(config)))
    return backend


def _train_unigram(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _new_piece_backend(config, models.Unigram())
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
    trained = json.loads(backend.to_str())["model"]["vocab"]
    pieces = _make_reproducible([piece for piece in trained if piece[0] not in SPECIAL_TOKENS])
    special = [(name, 0.0) for name in SPECIAL_TOKENS]
    backend.model = models.Unigram(special + pieces, SPECIAL_TOKENS.index(UNK), False)
    return backend


def _make_reproducible(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Remove differences between runs, which come from the library's random order of words.

    Scores differ by rounding. Characters that are not frequent enough to be pieces are appended in a
    random order, with scores that rise from the lowest one in steps of 1e-4: sort them by code point.
    """
    scores = {piece: round(score, 6) for piece, score in pieces}
    lowest = min(scores.values(), default=0.0)
    steps = {piece: (score - lowest) / 1e-4 for piece, score in scores.items() if len(piece) == 1}
    appended = sorted(
        piece
        for piece, step in steps.items()
        if step < len(steps) and abs(step - round(step)) < 0.05
    )
    rising = sorted(scores[piece] for piece in appended)
    scores.update(zip(appended, rising, strict=True))
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _new_piece_backend(config: TokenizationConfig, model: models.Model) -> tokenizers.Tokenizer:
    backend = _new_backend(config, model)
    runs = pre_tokenizers.Split(Regex(RUNS), "isolated")
    spaces = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([runs, spaces])
    backend.decoder = decoders.Metaspace(prepend_scheme="never")
    return backend


def _train_wordpiece(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _new_backend(config, models.WordPiece(unk_token=UNK))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(cleanup=False)
    # The library numbers pieces like "##a" by first occurrence, in an order that differs between runs,
    # and breaks ties by these numbers: number them beforehand.
    texts = list(texts)
    known = "".join(sorted(set(normalize(backend, "".join(sorted(set().union(*texts)))))))
    inner = [f"##{character}" for character in known if not character.isspace()]
    options = {**_trainer_options(config), "special_tokens": [*SPECIAL_TOKENS, *inner]}
    scratch = _new_backend(config, models.WordPiece(unk_token=UNK))
    scratch.pre_tokenizer = backend.pre_tokenizer
    scratch.train_from_iterator(texts, trainers.WordPieceTrainer(**options))
    backend.model = models.WordPiece(scratch.get_vocab(), unk_token=UNK)
    return backend


def _train_byte_bpe(config: TokenizationConfig, texts: Iterable[str]) -> tokenizers.Tokenizer:
    backend = _new_backend(config, models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(**_trainer_options(config), initial_alphabet=alphabet)
    backend.train_from_iterator(texts, trainer)
    return backend


_TRAIN: dict[str, Callable[[TokenizationConfig, Iterable[str]], tokenizers.Tokenizer]] = {
    "character": _train_character,
    "bpe": _train_bpe,
    "unigram": _train_unigram,
    "wordpiece": _train_wordpiece,
    "byte_bpe": _train_byte_bpe,
}


def _trainer_options(config: TokenizationConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocabulary_size,
        "min_frequency": 2,  # no ids for pieces that occur once
        "special_tokens": SPECIAL_TOKENS,
        "show_progress": False,
    }


def _too_small(config: TokenizationConfig, reason: str) -> UserError:
    size = config.vocabulary_size
    return UserError(
        f"tokenization.vocabulary_size={size} is too small for {config.kind}: {reason}"
    )
