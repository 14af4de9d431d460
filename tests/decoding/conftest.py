"""Tests of the searches share `slow.py`, tiny models and the searches said slowly."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
