"""Tests of Transformer layers share `torch_twins.py`, torch's own layers with the same weights."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
