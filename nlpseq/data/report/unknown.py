"""Share of unknown tokens by tokenization, in text that the vocabulary was not learnt from."""

from collections.abc import Sequence
from typing import Any

from nlpseq.data.word_tokenizer import split_words

from .texts import joined

LEARNT, HELD_OUT = 4000, 1000  # texts, at most
_LONGEST = 2000  # characters of a text that are read


def unknown_shares(train: Sequence[Any], held_out: Sequence[Any]) -> dict[str, float]:
    """Return the share of unknown tokens if tokens are words, subwords or characters.

    Subwords are pieces of the words of train, so only a new character makes an unknown one.

    Args:
        train: texts, or lists of tokens, to learn vocabularies from.
        held_out: other texts; empty: a tenth of `train` is held out.
    """
    if not held_out:
        cut = max(len(train) // 10, 1) if len(train) > 1 else 0
        train, held_out = train[: len(train) - cut], train[len(train) - cut :]
    if not train or not held_out:
        return {}
    known = {word for text in train[:LEARNT] for word in words_of(text)}
    characters = {character for word in known for character in word}
    tested = [word for text in held_out[:HELD_OUT] for word in words_of(text)]
    if not tested or not known:
        return {}
    new = [word for word in tested if word not in known]
    letters = sum(map(len, tested))
    strange = sum(character not in characters for word in new for character in word)
    return {
        "word": len(new) / len(tested),
        "subword": sum(not characters.issuperset(word) for word in new) / len(tested),
        "character": strange / max(letters, 1),
    }


def words_of(text: Any) -> list[str]:
    """Return the words of a raw text by rule, or its tokens."""
    if isinstance(text, list):
        return [str(token) for token in text]
    return [word.text for word in split_words(joined(text)[:_LONGEST], version=2)]
