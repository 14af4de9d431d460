"""Run the Python of README.md in an empty folder, and compare what it prints with what README.md says.

python .ci/readme.py
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.compile(r"<!-- README:PYTHON -->\n```python\n(.*?)```\n+```text\n(.*?)```", re.DOTALL)


def main() -> int:
    """Return 0 if the end of the output is that of README.md."""
    match = BLOCKS.search(README.read_text(encoding="utf-8"))
    if match is None:
        print("README.md: no Python with its output after <!-- README:PYTHON -->", file=sys.stderr)
        return 1
    code, expected = match.groups()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
        )
    if not done.stdout.endswith(expected):
        print(f"README.md says:\n{expected}\nprinted:\n{done.stdout[-2000:]}", file=sys.stderr)
        return 1
    print(expected, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
