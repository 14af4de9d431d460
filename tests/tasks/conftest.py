"""Tests of tasks on whole texts share `small.py`: a few sentences, and models of a few units."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
