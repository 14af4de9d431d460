"""`history.jsonl`: the history of training, one JSON object per line, in the order of steps.

Each line is flushed when it is written, so a run that is killed keeps its history. A run that is resumed
first cuts the file back to its checkpoint, so no step occurs twice.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.files import disk, write_lines

Line = dict[str, Any]


class History:
    """An append-only file of JSON lines, each with a `step`.

    Args:
        path: the file; it is created with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line.

        Raises:
            UserError: no space is left on the disk.
        """
        data = (json.dumps(line) + "\n").encode()
        with disk(self.path):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                while data:
                    data = data[os.write(descriptor, data) :]
            finally:
                os.close(descriptor)

    def read(self) -> list[Line]:
        """Return all lines, except a last one that a killed process left incomplete.

        Raises:
            UserError: a line is damaged; the message gives its number.
        """
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_bytes().rpartition(b"\n")
        return [
            self._parse(number, line) for number, line in enumerate(whole.split(b"\n"), 1) if whole
        ]

    def _parse(self, number: int, data: bytes) -> Line:
        try:
            line = json.loads(data)
        except ValueError:
            line = None
        if not isinstance(line, dict) or "step" not in line:
            raise UserError(f"{self.path}, line {number}: damaged; repair or delete the line")
        return line

    def cut(self, step: int) -> None:
        """Remove the lines after `step`."""
        if self.path.exists():
            kept = [line for line in self.read() if line["step"] <= step]
            with disk(self.path):
                write_lines(self.path, [json.dumps(line) + "\n" for line in kept])
