"""Tests of devices share `simulated`, a device without hardware, and small data of every task."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
