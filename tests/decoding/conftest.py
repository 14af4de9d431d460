"""Tests of the searches share `slow.py`: tiny models, and the searches in plain Python."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
