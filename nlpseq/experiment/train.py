"""Train on data of the user in one call: read, report, plan, fit into a time, run.

The run directory has the recipe, and `nlpseq run RUN/recipe.toml` repeats the run exactly.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from nlpseq.data.column_checks import Name
from nlpseq.data.in_memory import LocalData, as_options
from nlpseq.data.own_files import default_name
from nlpseq.data.report import DataReport
from nlpseq.errors import UserError
from nlpseq.model_directory import CONFIG
from nlpseq.recipe import Recipe
from nlpseq.recipe.reading import INHERITED
from nlpseq.reporting.data_report import summary_lines, warnings
from nlpseq.run_directory import RECIPE, RunDirectory
from nlpseq.stored_files import read_object
from nlpseq.task import Setting
from nlpseq.task_lookup import read_recipe

from .own_data import OwnData, Plan, make_plan, read_own_data
from .time_budget import Clock, fit_into, measure_speed
from .training_run import RunOptions, RunResult, TrainingRun

Say = Callable[[str], None]
PIECES = 1.5
"""Tokens of a word, about."""


@dataclass(frozen=True)
class Request:
    """Data of the user and options of training on them.

    Attributes:
        data: a path, several of them, the id of a data set of the Hub, or data in memory.
        columns: column for a field, such as `{"text": "message", "label": "category"}`.
        splits: further files, by split.
        overrides: `section.key=value` assignments.
        task: name of the task; '': chosen by the columns.
        output: run directory; None: `runs/<name of the data>`.
        device: to train on.
        resume: continue a run that was stopped.
        overwrite: replace an earlier run.
        minutes: time for the whole command; None: no limit.
        command: words of the command line, for the model card.
    """

    data: Any
    columns: Mapping[str, Name] = field(default_factory=dict)
    splits: Mapping[str, str | Path] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    task: str = ""
    output: Path | None = None
    device: str | None = None
    resume: bool = False
    overwrite: bool = False
    minutes: float | None = None
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Planned:
    """Data, plan and run directory of a request, before training."""

    data: OwnData
    plan: Plan
    folder: Path

    @property
    def report(self) -> DataReport:
        """The report on the data."""
        return self.data.report

    @property
    def local_data(self) -> LocalData | None:
        """Folder of the files, or data in memory; None for the Hub."""
        return self.data.memory or self.data.files.folder


def prepare(request: Request, say: Say) -> Planned:
    """Read the data and make a plan, and say in lines what was assumed, what is in the data and what was chosen.

    Raises:
        UserError: bad data, columns or overrides; or the run directory is in use.
    """
    if request.minutes is not None and not request.minutes > 0:
        raise UserError(f"--minutes {request.minutes:g}: give a number above 0")
    data = read_own_data(request.data, request.columns, request.splits, request.overrides)
    plan = make_plan(data, request.overrides, task=request.task)
    say("Data")
    report = data.report.to_json()
    for line in [*data.report.lines, *summary_lines(report)]:
        say(f"  {line}")
    for line in warnings(report):
        say(f"  warning: {line}")
    say("Plan")
    for line in plan_lines(data, plan):
        say(f"  {line}")
    return Planned(data, plan, _folder(request))


def plan_lines(data: OwnData, plan: Plan) -> list[str]:
    """Return the decisions, a line each."""
    columns = ", ".join(
        f"{name} = {column if isinstance(column, str) else ' + '.join(column)}"
        for name, column in data.choice.columns.items()
    )
    reason = f"; {plan.reason}" if plan.reason else ""
    lines = [f"task = {plan.task} ({columns}{reason})"]
    held_out = data.section.get("hold_out")
    if held_out:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in held_out.items())
        lines.append(
            f"data.hold_out: {shares} of train, drawn by data.split_seed = {plan.recipe.data.split_seed}"
        )
    elif "test" not in data.splits:
        lines.append(
            "no test split: the validation score chooses the weights, so it is a little too good"
        )
    if plan.base:
        lines.append(
            f"sizes and rates of {plan.base} (`nlpseq recipes show {plan.base}`), and by the data:"
        )
    return [*lines, *map(setting_line, plan.settings)]


def setting_line(setting: Setting) -> str:
    """Return a setting with its reason: `training.epochs = 5: 4,800 texts`."""
    return f"{setting.key} = {setting.value}: {setting.reason}"


def train(request: Request, say: Say = print) -> RunResult:
    """Train on data of the user, and score beside the baselines.

    Args:
        request: data and options.
        say: receives lines about data and plan.

    Raises:
        UserError: bad input, with one line that says what to change.
    """
    clock = Clock()
    folder = _folder(request)
    directory = RunDirectory(folder, "", resume=request.resume, overwrite=request.overwrite)
    with directory.owned():
        if request.resume and (folder / RECIPE).exists():
            return _resume(request, clock)
        return _train(request, say, clock)


def _train(request: Request, say: Say, clock: Clock) -> RunResult:
    """Plan and train; errors as of `train`."""
    planned = prepare(request, say)
    recipe, seconds = planned.plan.recipe, None
    if request.minutes is not None:
        speed = measure_speed(
            recipe,
            planned.local_data,
            request.device,
            output_tokens=_output_tokens(planned.report),
        )
        budget = fit_into(request.minutes, clock.seconds, recipe, speed)
        say(f"  --minutes {request.minutes:g}: {budget.line}")
        seconds = budget.seconds
        recipe = _with_training(recipe, budget.settings)
    options = _options(request, planned.local_data, seconds)
    return TrainingRun(planned.folder, recipe, planned.data.files.name, options).execute()


def ignore(line: str) -> None:
    """Say nothing."""


def _folder(request: Request) -> Path:
    """Return the run directory."""
    if request.output is not None:
        return request.output
    data = request.data
    first = data[0] if isinstance(data, list | tuple) and data else data
    return Path("runs") / (default_name(first) if isinstance(first, str | Path) else "data")


def _options(request: Request, data: LocalData | None, seconds: float | None) -> RunOptions:
    return RunOptions(
        **as_options(data),
        device=request.device,
        resume=request.resume,
        overwrite=request.overwrite,
        overrides=tuple(request.overrides),
        seconds=seconds,
        command=tuple(request.command),
    )


def _output_tokens(report: DataReport) -> int:
    """Return the usual number of tokens of a target; 0 without targets that are texts."""
    target = report.train.texts.get("target")
    return 0 if target is None else max(round(PIECES * target.words.mean), 5)


def _with_training(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    training = recipe.training.model_copy(update=dict(changes))
    return recipe.model_copy(update={"training": training})


def _resume(request: Request, clock: Clock) -> RunResult:
    """Continue a run by the recipe in its directory, which is the plan that was made.

    Raises:
        UserError: its recipe is not the one asked for.
    """
    folder = _folder(request)
    data = read_own_data(request.data, request.columns, request.splits, request.overrides)
    recipe = read_recipe(str(folder / RECIPE), request.overrides)
    local = data.memory or data.files.folder
    seconds = None if request.minutes is None else max(60 * request.minutes - clock.seconds, 1.0)
    return TrainingRun(folder, recipe, data.files.name, _options(request, local, seconds)).execute()


def recipe_text(planned: Planned) -> str:
    """Return the recipe of a plan as TOML, with the command that trains it."""
    plan, files = planned.plan, planned.data.files
    document = {
        name: {key: value for key, value in part.items() if key != INHERITED}
        if isinstance(part, dict)
        else part
        for name, part in plan.document.items()
    }
    option = f" --data-dir {shlex.quote(str(files.folder))}" if files.folder else ""
    return f"\n# nlpseq run {files.name}.toml{option}\n{tomli_w.dumps(document)}"


def next_commands(result: RunResult) -> list[str]:
    """Return the commands that are useful after a run."""
    folder = shlex.quote(str(result.folder))
    split = next((name for name in ("test", "validation") if name in result.metrics), "")
    recipe = read_object(result.folder, CONFIG)["recipe"]
    texts = '"TEXT" "TEXT2"' if recipe.get("head", {}).get("pair", "none") != "none" else '"TEXT"'
    commands = [f"nlpseq predict {folder} {texts}"]
    commands.append(f"nlpseq errors {folder}")
    commands += [f"nlpseq evaluate {folder} --split {split}"] if split else []
    commands += [f"nlpseq compare {folder}"] if result.metrics.get("baselines") else []
    return [*commands, f"nlpseq run {folder}/{RECIPE} --output {folder}-again"]
