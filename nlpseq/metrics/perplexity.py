"""Perplexity, exp(total nll / total tokens), and bits per character and per byte.

The statistics of a text are (nll in nats, tokens, characters, bytes); they add up, so scores do not depend
on batches.
"""

import math
from collections.abc import Sequence

from nlpseq.metrics.base import Scores


class Perplexity:
    """Scores of a language model from the nll and the size of each text.

    Perplexities are comparable for one vocabulary only; bits per character and per byte are comparable across
    tokenizations of the same raw text.
    """

    def statistics(self, prediction: Sequence[float], target: str) -> tuple[float, ...]:
        """Return the statistics vector of one text.

        Args:
            prediction: nll of each token, in nats.
            target: the raw text of these tokens, with its line end if that was predicted.
        """
        return (
            math.fsum(prediction),
            len(prediction),
            len(target),
            len(target.encode("utf-8", errors="surrogatepass")),
        )

    def score(self, total: Sequence[float]) -> Scores:
        """Return scores from a sum of vectors; the nll per token is in nats.

        Raises:
            ValueError: there is no token.
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
