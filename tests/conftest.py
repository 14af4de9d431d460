"""What holds for all tests: they find `commands`, and those that run side by side share the cores."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if workers > 1:  # said before torch is imported, which reads it once
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
