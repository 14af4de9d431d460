"""Commands in forked processes on a disk that becomes full at the n-th operation that takes space."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commands import CONTEXT
from faults.injection import FullDisk, disk_operations
from faults.kills import SECONDS, Outcome, content, differing, execute
from faults.scenarios import LEFT_BEHIND, Scenario
from faults.streams import redirected

UNCHANGED = "existing files are unchanged"


def execute_on_full_disk(words: Sequence[str], folder: Path, full_at: int) -> Outcome:
    """Run a command in a forked process, whose disk is full from an operation on; 0: it never is."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as said:
        counted = CONTEXT.Value("i", 0)
        arguments = (list(words), str(folder), full_at, said.name, counted)
        process = CONTEXT.Process(target=_child, args=arguments, daemon=True)
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"still running after {SECONDS} s: {said.read()}")
        return Outcome(process.exitcode, counted.value, said.read())


def _child(words: list[str], folder: str, full_at: int, said: str, counted: Any) -> None:
    redirected(said)
    disk = FullDisk(full_at)
    from nlpseq.cli.main import main

    with disk_operations(Path(folder), disk):
        status = main(words)
    counted.value = disk.operations
    raise SystemExit(status)


class FullTrials:
    """Full disks of one scenario.

    Args:
        scenario: what to disturb.
        place: an empty folder.

    Attributes:
        operations: that take space, of the undisturbed command.
        unchanged: disks after which all files were as before.
    """

    def __init__(self, scenario: Scenario, place: Path) -> None:
        self.scenario = scenario
        self.folder, self.before = place / "folder", place / "before"
        self.folder.mkdir(parents=True)
        scenario.prepare(self.folder)
        shutil.copytree(self.folder, self.before)
        done = execute_on_full_disk(scenario.words(self.folder), self.folder, 0)
        assert done.status == 0, done
        self.operations, self.unchanged = done.operations, 0
        self.expected = scenario.outcome(self.folder)

    def fill(self, moment: int) -> None:
        """Fill the disk at an operation; check what is said and left; continue with space."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.before, self.folder)
        ended = execute_on_full_disk(self.scenario.words(self.folder), self.folder, moment)
        self._check_said(ended, moment)
        old, now = content(self.before), content(self.folder)
        lost = [name for name in old if now.get(name) != old[name]]
        if UNCHANGED in ended.said:
            assert not lost, (moment, ended.said, lost)
        left = [
            p for p in self.folder.rglob("*") if any(part in p.name for part in LEFT_BEHIND[:2])
        ]
        assert not left, (moment, left)
        self.unchanged += not lost and now.keys() == old.keys()
        as_before = self.scenario.check(self.folder, self.before)
        words = self.scenario.words if as_before else self.scenario.continued
        again = execute(words(self.folder), self.folder)
        assert again.status == 0, (moment, ended.said, again)
        assert not differing(self.scenario.outcome(self.folder), self.expected), moment

    def _check_said(self, ended: Outcome, moment: int) -> None:
        assert ended.status == 2, (moment, ended)
        assert "Traceback" not in ended.said, (moment, ended.said)
        errors = [line for line in ended.said.splitlines() if line.startswith("nlpseq: error: ")]
        assert len(errors) == 1, (moment, ended.said)
        assert re.search("[Nn]o space left on ", errors[0]), (moment, errors)
