"""Token ids to text, token by token."""

from collections.abc import Sequence

from nlpseq.data.tokenizer import Tokenizer

WINDOW = 16  # tokens


class Detokenizer:
    """Turns token ids into text as they are generated, at a constant cost for each token.

    The text of a token can depend on the tokens before it (a space, a part of a character), so a short window of
    them is decoded with it. An end of text becomes a line end.

    Args:
        tokenizer: decodes ids.
        prompt: ids before the generated ones.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._ids = list(prompt[-WINDOW:])
        self._length = len(tokenizer.decode(self._ids))  # characters already returned

    def add(self, token_id: int) -> str:
        """Return the text that a token adds; empty while a character is incomplete."""
        if token_id == self._tokenizer.eos_id:
            self._ids, self._length = [], 0
            return "\n"
        self._ids.append(token_id)
        text = self._tokenizer.decode(self._ids)
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        piece = text[self._length :]
        if len(self._ids) > 2 * WINDOW:
            self._ids = self._ids[-WINDOW:]
            text = self._tokenizer.decode(self._ids)
        self._length = len(text)
        return piece
