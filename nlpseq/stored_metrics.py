"""Types of what later commands use of metrics.json, data.json and the result of an evaluation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nlpseq.errors import UserError
from nlpseq.stored_files import is_plain_name


def _check_name(name: str) -> str:
    if not is_plain_name(name):
        raise ValueError("not a name, which has no / and no \\ and is not ..")
    return name


Name = Annotated[str, AfterValidator(_check_name)]
"""A name that is also that of a file."""
Scores = dict[str, float | None]
Number = int | float


class _Part(BaseModel):
    """An object with further keys, which are not used."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Baseline(_Part):
    name: Name
    label: str
    score: str
    seconds: Number
    scores: dict[Name, Scores]


class _ConfusionMatrix(_Part):
    labels: list[str]
    matrix: list[list[int]]


class _Details(_Part):
    signatures: dict[str, str] = Field(default_factory=dict)
    confusion_matrix: _ConfusionMatrix | None = None
    by_distance: dict[str, dict[str, Any]] = Field(default_factory=dict)


class _Scored(_Part):
    details: dict[str, _Details] = Field(default_factory=dict)
    baselines: list[_Baseline] = Field(default_factory=list)


class _Metrics(_Scored):
    splits: list[Name]
    seed: int
    seconds: Number
    tokens_per_second: Number
    steps: int
    parameters: dict[str, int]
    data: dict[str, str]
    left_alone: list[str] = Field(default_factory=list)
    overrides: list[str] = Field(default_factory=list)
    versions: dict[str, Any] = Field(default_factory=dict)
    machine: dict[str, Any] = Field(default_factory=dict)


class _Evaluation(_Scored):
    data: str


_SCORES = TypeAdapter(Scores, config=ConfigDict(strict=True))


class _DataRecord(_Part):
    fingerprints: dict[Name, str]
    folder: str | None = None
    files: dict[Name, list[str]] = Field(default_factory=dict)
    in_memory: dict[Name, str] = Field(default_factory=dict)
    kind: str = ""
    inputs: dict[str, str] = Field(default_factory=dict)


_LINE = TypeAdapter(
    dict[str, Number | bool | str | None | dict[str, Number | None]],
    config=ConfigDict(strict=True),
)


def is_history_line(line: object) -> bool:
    """Return whether a value is a line of history.jsonl: numbers and texts, with the scores of splits."""
    try:
        _LINE.validate_python(line)
    except ValidationError:
        return False
    return isinstance(line, dict) and type(line.get("step")) is int


def check_data_record(record: Mapping[str, Any], file: Path) -> None:
    """Check the content of a data.json.

    Raises:
        UserError: as `check_metrics`.
    """
    _check(_DataRecord, record, file)


def check_metrics(metrics: Mapping[str, Any], file: Path) -> None:
    """Check the content of a metrics.json.

    Raises:
        UserError: a key is missing or has a value of another type; names of splits and baselines are not names.
    """
    _check(_Metrics, metrics, file)
    if "total" not in metrics["parameters"]:
        raise UserError(f"{file}: damaged: key parameters.total is missing")
    for split in metrics["splits"]:
        if split in metrics:
            _check_scores(metrics, split, file)


def check_evaluation(result: Mapping[str, Any], split: str, file: Path) -> None:
    """Check the content of an `evaluations/<split>.json`.

    Raises:
        UserError: as `check_metrics`.
    """
    _check(_Evaluation, result, file)
    _check_scores(result, split, file)


def _check(schema: type[BaseModel], content: Mapping[str, Any], file: Path) -> None:
    try:
        schema.model_validate(content)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, problem["loc"]))
        reason = (
            "is missing" if problem["type"] == "missing" else f"has a wrong value: {problem['msg']}"
        )
        raise UserError(f"{file}: damaged: key {key} {reason}") from error


def _check_scores(content: Mapping[str, Any], split: str, file: Path) -> None:
    try:
        _SCORES.validate_python(content.get(split))
    except ValidationError as error:
        raise UserError(
            f"{file}: damaged: key {split} does not hold the scores of a split"
        ) from error
