"""Records of a run: the data that it had (data.json), and its metrics (metrics.json)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.stored_files import read_object, reading
from nlpseq.stored_metrics import check_data_record, check_metrics

RECIPE, DATA, METRICS = "recipe.toml", "data.json", "metrics.json"
BASELINES = "baselines"
"""Folder with the records of each baseline, `<name>/<split>.jsonl`."""
TRAINED_ON = ("train", "validation")
REMEDY = (
    "delete it, then continue the run with --resume, which trains again if no checkpoint was kept"
)
_REQUIRED = ("splits", "seed", "seconds", "tokens_per_second", "steps", "parameters", "data")


@dataclass(frozen=True)
class DataRecord:
    """The data of a run, content of data.json.

    Attributes:
        fingerprints: of the content of each split.
        folder: of the local files, on the machine that trained; None for data of the Hub and built-in ones.
        files: names of the local files of each split.
        in_memory: of data in memory, the fingerprint of each split as it was given: before columns were renamed
            and rows held out.
        kind: the user's type of data in memory, such as `pandas.DataFrame`.
        inputs: digests of what the run reads or learns beside the rows: tokenizer, labels, vectors, code; see
            `nlpseq.experiment.run_inputs`.
    """

    fingerprints: Mapping[str, str]
    folder: Path | None = None
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    in_memory: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        folder = {} if self.folder is None else {"folder": str(self.folder.resolve())}
        memory = {"in_memory": self.in_memory, "kind": self.kind} if self.in_memory else {}
        inputs = {"inputs": self.inputs} if self.inputs else {}
        return {
            **folder,
            **memory,
            "files": self.files,
            "fingerprints": self.fingerprints,
            **inputs,
        }

    def changed_since(self, earlier: "DataRecord") -> list[str]:
        """Return the splits of training and the inputs that differ from an earlier record of the run."""
        splits = [
            name
            for name in TRAINED_ON
            if earlier.fingerprints.get(name) != self.fingerprints.get(name)
        ]
        return [*splits, *(name for name in earlier.inputs if self._has_other(name, earlier))]

    def _has_other(self, name: str, earlier: "DataRecord") -> bool:
        return earlier.inputs[name] != self.inputs.get(name)

    def scored_changes(self, earlier: "DataRecord") -> list[str]:
        """Return the splits beside those of training whose content differs from an earlier record."""
        return [
            name
            for name, fingerprint in earlier.fingerprints.items()
            if name not in TRAINED_ON and self.fingerprints.get(name, fingerprint) != fingerprint
        ]


def read_data_record(run: Path) -> DataRecord | None:
    """Return the data that a run recorded; None if there is no record.

    Raises:
        UserError: the file is damaged.
    """
    file = run / DATA
    if not file.exists():
        return None
    content = _read_object(file)
    if not isinstance(content.get("fingerprints"), dict):
        return DataRecord(content)  # of version 0.1: the fingerprints of train and validation alone
    folder = content.get("folder")
    check_data_record(content, file)
    with reading(str(file)):
        return DataRecord(
            content["fingerprints"],
            None if folder is None else Path(folder),
            dict(content.get("files", {})),
            dict(content.get("in_memory", {})),
            str(content.get("kind", "")),
            dict(content.get("inputs", {})),
        )


def finished_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the metrics of a run that has finished, else None.

    Raises:
        UserError: the file is damaged.
    """
    file = folder / METRICS
    if not file.exists():
        return None
    metrics = _read_object(file)
    if key := missing_key(metrics):
        raise UserError(f"{file}: damaged (no {key}); {REMEDY}")
    check_metrics(metrics, file)
    return metrics


def missing_key(metrics: Mapping[str, Any]) -> str:
    """Return a key that metrics.json lacks and every finished run has; '' if there is none."""
    for key in _REQUIRED:
        if key not in metrics:
            return key
    return "" if isinstance(metrics["splits"], list) else "splits"


def _read_object(file: Path) -> dict[str, Any]:
    try:
        return read_object(file.parent, file.name)
    except UserError as error:
        reason = str(error).removeprefix(f"{file}: ")
        raise UserError(f"{file}: damaged ({reason}); {REMEDY}") from error
