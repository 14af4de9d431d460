"""Saving of matplotlib figures as PNG, and the colours that every figure uses.

Matplotlib's objects are used directly: no global figure, no display, nothing to close.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpseq.files import replacing

Line = Mapping[str, Any]


Point = tuple[float, float]


# Okabe & Ito (2008): told apart by colour-blind readers too; markers and dashes help in grey.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"


def png(figure: Any, *, trim: bool = False) -> bytes:
    """A figure as PNG; trimmed of what is empty around it, if so wished."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120, bbox_inches="tight" if trim else None)
    return image.getvalue()


def save(figure: Any, path: Path, *, trim: bool = False) -> None:
    """Write a figure as PNG, whole or not at all."""
    image = png(figure, trim=trim)
    with replacing(path) as temporary:
        temporary.write_bytes(image)
