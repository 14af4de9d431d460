"""Tests of training share `tiny.py`, a task small enough to be trained in every one of them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _own_accelerator() -> Iterator[None]:
    """accelerate keeps the precision for the whole process; each test has its own."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
