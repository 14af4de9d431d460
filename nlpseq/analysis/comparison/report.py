"""The report of a comparison: read the runs, check them, test the differences, state the result."""

import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nlpseq import custom_code
from nlpseq.analysis.statistics import summarize
from nlpseq.data.in_memory import LocalData
from nlpseq.devices import choose_device
from nlpseq.errors import UserError
from nlpseq.versions import versions

from .baselines import baseline_candidates
from .comparability import check_comparable, choose_score, comparable_scores, same_vocabulary
from .costs import cost_of
from .figures import draw
from .html import report_html
from .pairwise import ModelPair, compare_pairs
from .results import ComparisonResults, ModelSummary
from .runs import Candidate, read_candidates
from .score_units import PER_TOKEN, unit_of
from .slices import inputs, slices
from .speed import measure_speed
from .verdict import verdict

_BASELINES = ("floor_", "lead_")  # scores of no model here, for comparison with the models' own


class Report(ComparisonResults):
    """A comparison of finished runs; a notebook shows it as the page does."""

    def _repr_html_(self) -> str:
        return report_html(self, [picture.for_notebook() for picture in draw(self)])


def compare(
    folders: Sequence[Path],
    *,
    split: str | None = None,
    score: str | None = None,
    difference: float | None = None,
    local_data: LocalData | None = None,
    samples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
    measure: bool = False,
    device: str | None = None,
    command: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Compare finished runs on a split that all of them have scored, or one run with its baselines.

    Args:
        folders: run directories, or those of `--seeds`.
        split: whose scores to compare; by default `test`, or the first test split that all have scored.
        score: that decides; by default the task's main score.
        difference: smallest difference of interest, in the unit that people read (0.5 F1 points).
        local_data: folder of local files, or data in memory, for scores by length and rare words.
        samples: number of resampled test sets, and of exchanges of outputs.
        level: of the intervals.
        seed: for the random numbers.
        measure: whether to measure speed and memory of each model's predictions.
        device: where to measure.
        command: words to reproduce the report, to which options are appended; by default `nlpseq compare`.
        notes: how the models were trained.

    Raises:
        UserError: runs are missing, damaged, or cannot be compared; the message says what differs.
    """
    check_options(difference, samples, device if measure else None)
    words = command or ("nlpseq", "compare", *map(str, folders))
    asked = _command(words, split, score, difference, local_data)
    candidates, split = read_candidates(folders, split)
    if len(folders) == 1:
        candidates += baseline_candidates(candidates[0], split)
    check_comparable(candidates, split)
    chosen = choose_score(candidates, score)
    pairs = _pairs(candidates, chosen, difference, samples, level, seed)
    report = _report(candidates, split, chosen, pairs, samples, level)
    parts, unread = slices(candidates, chosen, split, local_data)
    models, unmeasured = _measured(report, local_data, device) if measure else (report.models, [])
    limits = [*notes, *report.notes, *unread, *unmeasured]
    asked += _code_options(candidates)
    return replace(report, command=shlex.join(asked), models=models, slices=parts, notes=limits)


def check_options(difference: float | None, samples: int, device: str | None = None) -> None:
    """Check the smallest difference of interest, the number of resampled test sets and the device.

    Raises:
        UserError: the difference is not above 0, or not finite; fewer than two samples; no such device.
    """
    if difference is not None and not 0 < difference < math.inf:
        raise UserError(f"--difference {difference:g}: give a number above 0")
    if samples < 2:
        raise UserError(f"--samples {samples}: intervals need at least two resampled test sets")
    if device is not None:
        choose_device(device)


def _pairs(
    candidates: Sequence[Candidate],
    score: str,
    difference: float | None,
    samples: int,
    level: float,
    seed: int,
) -> list[ModelPair]:
    """Compare each two models by all scores; `difference` is the one of interest in `score`."""
    task = candidates[0].runs[0].task

    def worth(name: str) -> float:
        unit = unit_of(name, task)
        return (unit.worth if difference is None or name != score else difference) / unit.factor

    names = comparable_scores(candidates)
    return compare_pairs(candidates, names, worth, samples=samples, level=level, seed=seed)


def _report(
    candidates: Sequence[Candidate],
    split: str,
    score: str,
    pairs: list[ModelPair],
    samples: int,
    level: float,
) -> Report:
    """Build the report without what needs the data: slices and speed."""
    first, same = candidates[0].runs[0], same_vocabulary(candidates)
    return Report(
        command="",
        task=first.task.recipe.task,
        split=split,
        examples=len(first.index),
        score=score,
        unit=unit_of(score, first.task),
        level=level,
        samples=samples,
        fingerprint=first.fingerprint,
        models=[_model(candidate, level, same) for candidate in candidates],
        baselines=_baselines(candidates),
        pairs=pairs,
        verdicts=_verdicts(candidates, pairs, score, level),
        slices={},
        notes=_notes(candidates),
        versions=versions(),
        candidates=list(candidates),
    )


def _verdicts(
    candidates: Sequence[Candidate], pairs: Sequence[ModelPair], score: str, level: float
) -> list[str]:
    runs = {candidate.name: len(candidate.runs) for candidate in candidates}
    first = candidates[0].runs[0]
    return [
        verdict(
            pair,
            score,
            unit_of(score, first.task),
            seeds=[runs[pair.first], runs[pair.second]],
            examples=len(first.index),
            pairs=len(pairs),
            level=level,
        )
        for pair in pairs
    ]


def _measured(
    report: Report, local_data: LocalData | None, device: str | None
) -> tuple[list[ModelSummary], list[str]]:
    """Measure the first run of each model, one after the other; return a note if there are no texts."""
    firsts = [candidate.runs[0] for candidate in report.candidates]
    try:
        texts = inputs(firsts[0], report.split, local_data)
    except UserError as error:
        return report.models, [f"The speed of predictions was not measured: {error}"]
    return [
        replace(model, cost=replace(model.cost, speed=measure_speed(first.folder, texts, device)))
        if first.size
        else model  # a baseline, which is not saved
        for model, first in zip(report.models, firsts, strict=True)
    ], []


def _model(candidate: Candidate, level: float, same: bool) -> ModelSummary:
    runs, first = candidate.runs, candidate.runs[0]
    names = [
        name
        for name, value in first.scores.items()
        if isinstance(value, int | float)
        and name != "tokens"
        and not name.startswith(_BASELINES)
        and all(name in run.scores for run in runs)
        and (same or name not in PER_TOKEN)
    ]
    values = {name: [float(run.scores[name]) for run in runs] for name in names}
    return ModelSummary(
        name=candidate.name,
        folders=[str(run.folder) for run in runs],
        command=_training_command(candidate),
        encoder=str(first.task.recipe.encoder.kind),
        seeds=candidate.seeds,
        scores={name: summarize(numbers, level) for name, numbers in values.items()},
        values=values,
        cost=cost_of(candidate),
        data=dict(first.metrics["data"]),
        versions=dict(first.metrics.get("versions", {})),
    )


def _baselines(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Return the baselines that are equal in all runs."""
    first, *others = [run.scores for candidate in candidates for run in candidate.runs]
    return {
        name: float(value)
        for name, value in first.items()
        if name.startswith(_BASELINES) and all(scores.get(name) == value for scores in others)
    }


def _training_command(candidate: Candidate) -> str:
    metrics = candidate.runs[0].metrics
    words = [
        "nlpseq",
        "run",
        str(metrics.get("recipe", "recipe.toml")),
        *metrics.get("overrides", ()),
    ]
    if len(candidate.runs) > 1:
        words += ["--seeds", ",".join(map(str, candidate.seeds))]
    elif not any(word.startswith("seed=") for word in words):
        words.append(f"seed={candidate.seeds[0]}")
    return shlex.join([*words, *_code_options([candidate])])


def _command(
    words: Sequence[str],
    split: str | None,
    score: str | None,
    difference: float | None,
    local_data: LocalData | None,
) -> list[str]:
    options = ["--split", split] if split else []
    options += ["--score", score] if score else []
    options += ["--difference", f"{difference:g}"] if difference is not None else []
    options += ["--data-dir", str(local_data)] if isinstance(local_data, Path) else []
    return [*words, *options]


def _code_options(candidates: Sequence[Candidate]) -> list[str]:
    """Return the options for the files with classes that the candidates' recipes name."""
    recipes = [candidate.runs[0].task.recipe.model_dump() for candidate in candidates]
    return custom_code.code_options(dict(enumerate(recipes)))


def _notes(candidates: Sequence[Candidate]) -> list[str]:
    """Return notes on what limits the comparison."""
    notes = []
    runs = [run for candidate in candidates for run in candidate.runs]
    if len({run.metrics["data"].get("train") for run in runs}) > 1:
        notes.append("The models were trained on different data.")
    if len({json.dumps(run.metrics.get("machine"), sort_keys=True) for run in runs}) > 1:
        notes.append(
            "The models were trained on different machines: training times do not compare."
        )
    if len({json.dumps(run.metrics.get("versions"), sort_keys=True) for run in runs}) > 1:
        notes.append("The models were trained with different software versions.")
    if not same_vocabulary(candidates):
        notes.append("The vocabularies differ: scores per token are left out.")
    single = [candidate.name for candidate in candidates if len(candidate.runs) == 1]
    if single:
        who = "per model" if len(single) == len(candidates) else f"for {' and '.join(single)}"
        notes.append(
            f"Only one seed {who}: the result holds for these trained models, not for the architectures."
        )
    return notes
