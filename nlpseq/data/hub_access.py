"""Asking the Hub without waiting where there is no network.

The Hub's clients try again and again, for most of a minute, before they give up. One request tells
beforehand whether that is of use; if not, they are told to go by what was downloaded earlier.
"""

from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 5.0
"""Seconds in which the Hub has to answer the first request."""


@contextmanager
def hub_if_reachable() -> Iterator[bool]:
    """Within, the Hub's clients ask the network if there is one, and else only their cache.

    Yields:
        whether the Hub answers.
    """
    import datasets
    from huggingface_hub import constants

    known = constants.HF_HUB_OFFLINE or datasets.config.HF_HUB_OFFLINE
    offline = known or not _reachable(constants.ENDPOINT)
    with _offline(offline):
        yield not offline


@contextmanager
def cache_only() -> Iterator[None]:
    """Within, nothing is asked of the network: only what was downloaded earlier is there."""
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
    """Whether there is any answer; asked by the Hub's own client, so that proxies are honoured."""
    from huggingface_hub import get_session

    try:
        get_session().head(address, timeout=PATIENCE)
    except Exception:  # of whichever HTTP library the client is built on
        return False
    return True
