"""A whole comparison: read, check, test, and say what was found; on disk as report.json."""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nlpseq
from nlpseq.analysis.statistics import Summary, summarize
from nlpseq.devices import choose_device
from nlpseq.errors import UserError
from nlpseq.versions import versions

from .comparability import check_comparable, choose_score, comparable_scores, same_vocabulary
from .costs import Cost, cost_of
from .pairwise import Pair, compare_pairs
from .runs import Candidate, read_contenders
from .score_units import PER_TOKEN, Unit, unit_of
from .slices import Slice, inputs, slices
from .speed import Speed, measure_speed
from .verdict import verdict

_REFERENCES = ("floor_", "lead_")  # scores of something else, to read the models' own by


@dataclass(frozen=True)
class Model:
    """One model of a report.

    Attributes:
        name: by which it is told from the others.
        folders: its run directories.
        command: that trains it.
        encoder: kind of encoder.
        seeds: of its runs.
        scores: every score over seeds.
        values: every score of each seed.
        cost: what it took.
        data: fingerprint of each split that was read.
        versions: of what trained it.
    """

    name: str
    folders: list[str]
    command: str
    encoder: str
    seeds: list[int]
    scores: dict[str, Summary]
    values: dict[str, list[float]]
    cost: Cost
    data: dict[str, str]
    versions: dict[str, str]


@dataclass(frozen=True)
class Report:
    """A comparison of finished runs.

    Attributes:
        command: that made it.
        task: name of the task's class.
        split: that was scored.
        examples: how many.
        score: by which the verdict is given.
        unit: how that score is told.
        level, samples: of intervals; resampled test sets.
        fingerprint: of the split.
        models: in the order given.
        references: scores to read the models' by, such as the best possible one.
        pairs: how each two differ.
        verdicts: a sentence for each pair.
        slices: scores of parts of the test set.
        notes: what a reader should know.
        versions: of what compared them.
        contenders: the runs behind it.
    """

    command: str
    task: str
    split: str
    examples: int
    score: str
    unit: Unit
    level: float
    samples: int
    fingerprint: str
    models: list[Model]
    references: dict[str, float]
    pairs: list[Pair]
    verdicts: list[str]
    slices: dict[str, list[Slice]]
    notes: list[str]
    versions: dict[str, str]
    contenders: list[Candidate]

    def document(self) -> dict[str, Any]:
        """All of it but the runs, as JSON: numbers that JSON has no word for are null."""
        parts = {name: value for name, value in vars(self).items() if name != "contenders"}
        parts["unit"] = self.unit._asdict()
        parts["models"] = [asdict(model) for model in self.models]
        parts["pairs"] = [asdict(pair) for pair in self.pairs]
        parts["slices"] = {
            title: [asdict(one) for one in cut] for title, cut in self.slices.items()
        }
        return {"nlpseq": nlpseq.__version__, **_finite(parts)}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def compare(
    folders: Sequence[Path],
    *,
    split: str | None = None,
    score: str | None = None,
    difference: float | None = None,
    data_dir: Path | None = None,
    samples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
    measure: bool = False,
    device: str | None = None,
    command: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Compare finished runs on the split that all of them scored.

    Args:
        folders: run directories, or those of `--seeds`.
        split: whose scores to compare; if None `test`, or the first test split that all have scored.
        score: by which the verdict is given; the task's main score if None.
        difference: that one would want to be able to see, as the score is told (0.5 F1 points).
        data_dir: local files, to cut the test set by length and rare words.
        samples: resampled test sets, and exchanges of outputs.
        level: of the intervals.
        seed: of all that is drawn.
        measure: whether to measure the speed and memory of each model's answers.
        device: where to measure.
        command: words that asked for it, where they are not `nlpseq compare` of these folders; what is
            told here is added to them.
        notes: what the reader should know of how the models were trained.

    Raises:
        UserError: runs are missing, damaged, or cannot be compared; it says what differs.
    """
    check_options(difference, samples)
    if measure:
        choose_device(device)
    words = command or ("nlpseq", "compare", *map(str, folders))
    asked = _command(words, split, score, difference, data_dir)
    contenders, split = read_contenders(folders, split)
    check_comparable(contenders, split)
    chosen = choose_score(contenders, score)
    task = contenders[0].runs[0].task

    def worth(name: str) -> float:
        unit = unit_of(name, task)
        return (unit.worth if difference is None or name != chosen else difference) / unit.factor

    names = comparable_scores(contenders)
    pairs = compare_pairs(contenders, names, worth, samples=samples, level=level, seed=seed)
    unit, count = unit_of(chosen, task), len(contenders[0].runs[0].index)
    by_name = {contender.name: len(contender.runs) for contender in contenders}
    cut, uncut = slices(contenders, chosen, split, data_dir)
    speeds: list[Speed | None] = [None] * len(contenders)
    if measure:
        speeds, unmeasured = _speeds(contenders, split, data_dir, device)
        uncut += unmeasured
    verdicts = [
        verdict(
            pair,
            chosen,
            unit,
            seeds=[by_name[pair.first], by_name[pair.second]],
            examples=count,
            pairs=len(pairs),
            level=level,
        )
        for pair in pairs
    ]
    return Report(
        command=asked,
        task=task.recipe.task,
        split=split,
        examples=count,
        score=chosen,
        unit=unit,
        level=level,
        samples=samples,
        fingerprint=contenders[0].runs[0].fingerprint,
        models=[
            _model(contender, level, same_vocabulary(contenders), speed)
            for contender, speed in zip(contenders, speeds, strict=True)
        ],
        references=_references(contenders),
        pairs=pairs,
        verdicts=verdicts,
        slices=cut,
        notes=[*notes, *_notes(contenders), *uncut],
        versions=versions(),
        contenders=contenders,
    )


def check_options(difference: float | None, samples: int) -> None:
    """See that a difference can be worth seeing, and that there are samples to see it by.

    Raises:
        UserError: the difference is not above 0, or not finite; fewer than two samples.
    """
    if difference is not None and not 0 < difference < math.inf:
        raise UserError(f"--difference {difference:g}: a difference above 0 can be shown")
    if samples < 2:
        raise UserError(f"--samples {samples}: intervals need two resampled test sets or more")


def _speeds(
    contenders: Sequence[Candidate], split: str, data_dir: Path | None, device: str | None
) -> tuple[list[Speed | None], list[str]]:
    """Of the first run of each model, one after the other; a note where it is not known."""
    try:
        texts = inputs(contenders[0].runs[0], split, data_dir)
    except UserError as error:
        return [None] * len(contenders), [f"the speed of answers was not measured: {error}"]
    return [measure_speed(one.runs[0].folder, texts, device) for one in contenders], []


def _model(contender: Candidate, level: float, same: bool, speed: Speed | None) -> Model:
    runs, first = contender.runs, contender.runs[0]
    names = [
        name
        for name, value in first.scores.items()
        if isinstance(value, int | float)
        and name != "tokens"
        and not name.startswith(_REFERENCES)
        and all(name in run.scores for run in runs)
        and (same or name not in PER_TOKEN)
    ]
    values = {name: [float(run.scores[name]) for run in runs] for name in names}
    return Model(
        name=contender.name,
        folders=[str(run.folder) for run in runs],
        command=_training_command(contender),
        encoder=str(first.task.recipe.encoder.kind),
        seeds=contender.seeds,
        scores={name: summarize(numbers, level) for name, numbers in values.items()},
        values=values,
        cost=cost_of(contender, speed),
        data=dict(first.metrics["data"]),
        versions=dict(first.metrics.get("versions", {})),
    )


def _references(contenders: Sequence[Candidate]) -> dict[str, float]:
    """Those on which all agree."""
    every = [run.scores for contender in contenders for run in contender.runs]
    return {
        name: float(value)
        for name, value in every[0].items()
        if name.startswith(_REFERENCES) and all(one.get(name) == value for one in every)
    }


def _training_command(contender: Candidate) -> str:
    metrics = contender.runs[0].metrics
    words = [
        "nlpseq",
        "run",
        str(metrics.get("recipe", "recipe.toml")),
        *metrics.get("overrides", ()),
    ]
    if len(contender.runs) > 1:
        words += ["--seeds", ",".join(map(str, contender.seeds))]
    elif not any(word.startswith("seed=") for word in words):
        words.append(f"seed={contender.seeds[0]}")
    return shlex.join(words)


def _command(
    words: Sequence[str],
    split: str | None,
    score: str | None,
    difference: float | None,
    data_dir: Path | None,
) -> str:
    options = ["--split", split] if split else []
    options += ["--score", score] if score else []
    options += ["--difference", f"{difference:g}"] if difference is not None else []
    options += ["--data-dir", str(data_dir)] if data_dir else []
    return shlex.join([*words, *options])


def _notes(contenders: Sequence[Candidate]) -> list[str]:
    """What makes a comparison less even than it looks."""
    notes = []
    runs = [run for contender in contenders for run in contender.runs]
    if len({run.metrics["data"].get("train") for run in runs}) > 1:
        notes.append("the models were trained on different data")
    if len({json.dumps(run.metrics.get("machine"), sort_keys=True) for run in runs}) > 1:
        notes.append("the models were trained on different machines: times do not compare")
    if len({json.dumps(run.metrics.get("versions"), sort_keys=True) for run in runs}) > 1:
        notes.append("the models were trained with different versions of the software")
    if not same_vocabulary(contenders):
        notes.append("the models have different vocabularies: scores per token are left out")
    alone = [contender.name for contender in contenders if len(contender.runs) == 1]
    if alone:
        notes.append(
            f"one seed of {', '.join(alone)}: how much training again would change is not known, so "
            "figures with one seed speak of the trained models only"
        )
    return notes
