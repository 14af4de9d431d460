"""What a figure was made with."""

import platform
from importlib import metadata


def versions() -> dict[str, str]:
    """The versions that decide a result: nlpseq, Python, torch, tokenizers."""
    packages = ("nlpseq", "torch", "tokenizers", "accelerate", "datasets")
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }
