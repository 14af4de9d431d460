"""Digests of a model, by which an interrupted prediction knows whether it is continued with the same one."""

import hashlib
from contextlib import suppress
from pathlib import Path

DIGESTS = {"weights": "model.safetensors", "config": "config.json", "tokenizer": "tokenizer.json"}
"""The file of each digest."""
_SHOWN = 16  # hexadecimal digits


def model_digests(folder: Path) -> dict[str, str]:
    """Return digests of a model's files by their names; a file that is missing has none."""
    digests = {}
    for name, file in DIGESTS.items():
        with suppress(OSError), (folder / file).open("rb") as content:
            digests[name] = hashlib.file_digest(content, "sha256").hexdigest()[:_SHOWN]
    return digests
