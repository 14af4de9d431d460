"""Access to the Hugging Face Hub that does not wait when there is no network.

The Hub's clients retry for most of a minute before they give up. One request checks beforehand
whether the Hub answers; if not, the clients use their cache only.
"""

from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 5.0
"""Seconds within which the Hub has to answer the first request."""


@contextmanager
def hub_if_reachable() -> Iterator[bool]:
    """Let the Hub's clients use the network if the Hub answers, otherwise only their cache.

    Yields:
        Whether the Hub answers.
    """
    import datasets
    from huggingface_hub import constants

    known = constants.HF_HUB_OFFLINE or datasets.config.HF_HUB_OFFLINE
    offline = known or not _reachable(constants.ENDPOINT)
    with _offline(offline):
        yield not offline


@contextmanager
def cache_only() -> Iterator[None]:
    """Let the Hub's clients use only files that were downloaded earlier."""
    with _offline(True):
        yield


@contextmanager
def _offline(offline: bool) -> Iterator[None]:
    import datasets
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _reachable(address: str) -> bool:
    """Return whether an address answers; the Hub's own client asks, so proxies are honoured."""
    from huggingface_hub import get_session

    try:
        get_session().head(address, timeout=PATIENCE)
    except Exception:  # of whichever HTTP library the client is built on
        return False
    return True
