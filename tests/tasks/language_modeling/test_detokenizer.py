"""Text from token ids, token by token."""

from typing import get_args

import pytest
from nlpseq.tasks.language_modeling.detokenizer import WINDOW, Detokenizer

from nlpseq.data.tokenizer import Tokenizer
from nlpseq.recipe import TokenizationConfig

TEXT = "naïve dogs see 日本 and 🙂 cats, again and again. " * 5


@pytest.mark.parametrize("kind", get_args(TokenizationConfig.model_fields["kind"].annotation))
def test_pieces_join_to_the_decoded_text(kind: str) -> None:
    config = TokenizationConfig(kind=kind, vocabulary_size=300)  # type: ignore[arg-type]
    tokenizer = Tokenizer.from_config(config, [TEXT])
    ids = tokenizer.encode(TEXT)
    assert len(ids) > 2 * WINDOW
    for length in (0, 1, 7):
        detokenizer = Detokenizer(tokenizer, ids[:length])
        pieces = "".join(detokenizer.add(token_id) for token_id in ids[length:])
        assert tokenizer.decode(ids[:length]) + pieces == tokenizer.decode(ids)


def test_a_character_of_several_tokens_appears_once_it_is_complete() -> None:
    config = TokenizationConfig(kind="byte_bpe", vocabulary_size=261)
    tokenizer = Tokenizer.from_config(config, ["abc"])
    ids = tokenizer.encode("🙂")
    assert len(ids) == 4
    detokenizer = Detokenizer(tokenizer, [])
    assert [detokenizer.add(token_id) for token_id in ids] == ["", "", "", "🙂"]


def test_an_end_of_text_is_a_line_end() -> None:
    tokenizer = Tokenizer.from_config(TokenizationConfig(), ["a b"])
    a, b = tokenizer.encode("a b")
    detokenizer = Detokenizer(tokenizer, [])
    pieces = [detokenizer.add(token_id) for token_id in (a, b, tokenizer.eos_id, b)]
    assert pieces == ["a", " b", "\n", "b"]
