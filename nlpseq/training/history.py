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
from nlpseq.stored_files import read_bytes
from nlpseq.stored_metrics import is_history_line

Line = dict[str, Any]
_MOST_BYTES = 2**30


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
        content = read_bytes(self.path.parent, self.path.name, _MOST_BYTES)
        whole, _, _ = content.rpartition(b"\n")
        return [
            self._parse(number, line) for number, line in enumerate(whole.split(b"\n"), 1) if whole
        ]

    def _parse(self, number: int, data: bytes) -> Line:
        try:
            line = json.loads(data)
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict) or not is_history_line(line):
            raise UserError(f"{self.path}, line {number}: damaged; repair or delete the line")
        return line

    def cut(self, step: int) -> None:
        """Remove the lines after `step`."""
        if self.path.exists():
            kept = [line for line in self.read() if line["step"] <= step]
            with disk(self.path):
                write_lines(self.path, [json.dumps(line) + "\n" for line in kept])
