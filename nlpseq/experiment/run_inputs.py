"""Digests of what a run reads or learns beside its rows, so that a resumed run is known to continue with the same.

Rows alone do not decide a vocabulary: another file of tokens, another version of `tokenizers` or other code would give
the words of a trained model other ids.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nlpseq import custom_code
from nlpseq.data.pretrained_vectors import find_vectors
from nlpseq.errors import UserError
from nlpseq.readers.compression import split_member
from nlpseq.task import Task
from nlpseq.weights_file import WEIGHTS, file_digest


def input_digests(task: Task[Any], folders: Sequence[Path] = ()) -> dict[str, str]:
    """Return SHA-256 digests by name: of tokenizers, of what the task learnt, and of files by their keys.

    Args:
        task: prepared.
        folders: further folders of pretrained vectors, as of `Task.prepare`.
    """
    digests = {"tokenizer": _of_text(task.tokenizer.backend.to_str())}
    if task.target_tokenizer is not None:
        digests["target tokenizer"] = _of_text(task.target_tokenizer.backend.to_str())
    if learnt := task.state():
        digests["labels"] = _of_text(_without_last_digits(learnt))
    document = task.recipe.model_dump(mode="json", exclude_none=True)
    for key, path in _files(document, folders):
        digests[key] = file_digest(path)
    named = custom_code.files_named_in(document)
    for file in map(Path, custom_code.registered_files()):
        if file.name in named:
            digests[file.name] = file_digest(file)
    return digests


def _without_last_digits(learnt: dict[str, Any]) -> str:
    """Return JSON whose numbers have six digits, as a mean may depend on the number of threads in its last ones."""
    text = json.dumps(learnt, sort_keys=True, default=str)
    return json.dumps(json.loads(text, parse_float=lambda number: f"{float(number):.6g}"))


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _files(document: dict[str, Any], folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the local files of vectors and weights that a recipe names, with their keys."""
    for section, table in document.items():
        if not isinstance(table, dict):
            continue
        if pretrained := table.get("pretrained"):
            with suppress(UserError):  # they are no file
                archive, _ = split_member(find_vectors(pretrained, folders))
                yield f"{section}.pretrained", archive
        run = table.get("init_from")
        if run and (Path(run) / WEIGHTS).is_file():
            yield f"{section}.init_from", Path(run) / WEIGHTS
