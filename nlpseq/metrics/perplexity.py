"""Perplexity and its kin: exp(total nll / total tokens), never a mean of means.

The statistics of a text are (nll in nats, tokens, characters, bytes), so any set of texts is scored by
adding up, whatever the batches were.
"""

import math
from collections.abc import Sequence

from nlpseq.metrics.base import Scores


class Perplexity:
    """Scores of a language model, from the nll and the size of each text.

    Perplexity compares models over one vocabulary only; bits per character and per byte compare across
    tokenizations of the same raw text.
    """

    def statistics(self, prediction: Sequence[float], target: str) -> tuple[float, ...]:
        """Vector of one text.

        Args:
            prediction: the nll in nats of each of its tokens.
            target: the raw text that they spell, line end included where it was predicted.
        """
        return (
            math.fsum(prediction),
            len(prediction),
            len(target),
            len(target.encode("utf-8", errors="surrogatepass")),
        )

    def score(self, total: Sequence[float]) -> Scores:
        """Scores from a sum of vectors; the nll per token is in nats.

        Raises:
            ValueError: no token was scored.
        """
        nll, tokens, characters, size = total
        if tokens == 0:
            raise ValueError("perplexity of no tokens")
        per_token = nll / tokens
        scores = {
            "perplexity": math.inf if per_token > 700 else math.exp(per_token),
            "nll_per_token": per_token,
            "tokens": int(tokens),
        }
        if size > 0:
            scores["bits_per_character"] = nll / characters / math.log(2)
            scores["bits_per_byte"] = nll / size / math.log(2)
        return scores
