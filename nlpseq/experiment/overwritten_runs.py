"""Several runs that are overwritten together (`--seeds`, `--folds`): which of them are still to be replaced.

The list is written before the first old run gives way, so `--resume` replaces the rest after an interruption, instead
of mixing new runs with old ones.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nlpseq.files import disk, write_bytes, write_json
from nlpseq.owner import is_first_process
from nlpseq.run_directory.replacement import is_decided

FILE, SUMMARY = ".nlpseq-overwrite.json", "summary.json"


class OverwrittenRuns:
    """The runs of one folder that are to be replaced.

    Args:
        folder: of the runs, owned by this process.
        recipes: of the new runs as TOML, by the names of their directories.
    """

    def __init__(self, folder: Path, recipes: Mapping[str, str]) -> None:
        self._folder, self._path = folder, folder / FILE
        self._digests = {
            name: hashlib.sha256(recipe.encode()).hexdigest() for name, recipe in recipes.items()
        }

    def includes(self, name: str) -> bool:
        """Return whether an earlier command was to replace a run by one with this recipe, and has not begun it."""
        return self._pending().get(name) == self._digests[name]

    @contextmanager
    def claiming(self, name: str) -> Iterator[None]:
        """Write the list before the first run is claimed, and remove from it the run that was."""
        begun, summary = self._path.exists(), self._folder / SUMMARY
        pending = self._pending() if begun else dict(self._digests)
        kept = summary.read_bytes() if summary.exists() else None
        self._write(pending)
        with disk(summary):
            summary.unlink(missing_ok=True)
        try:
            yield
        except BaseException:
            if not begun and not is_decided(self._folder / name):  # nothing was replaced
                if kept is not None:
                    write_bytes(summary, kept)
                self.finish()
            raise
        pending.pop(name, None)
        self._write(pending)

    def finish(self) -> None:
        """Remove the list."""
        if is_first_process():
            self._path.unlink(missing_ok=True)

    def _pending(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, pending: Mapping[str, str]) -> None:
        if pending:
            write_json(self._path, pending)
        else:
            self.finish()
