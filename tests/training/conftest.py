"""Tests of training share `tiny.py`, a task small enough to train in every test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _own_accelerator() -> Iterator[None]:
    """Reset accelerate, which keeps the precision for the whole process, before and after each test."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
