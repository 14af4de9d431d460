"""Commands to kill: the folder before the command, the command, how to continue, and what must come of it."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.kills import content, differing, digest, execute, result, untimed

SETTINGS = [
    "data.sizes={ train = 40, validation = 12, test = 12 }",
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "encoder.dropout=0.2",
    "training.epochs=1.5",
    "training.batch_size=8",
    "training.validate_steps=2",
    "training.checkpoint_steps=1",
    "training.log_steps=1",
    "decoding.max_new_tokens=5",
]
RECIPE = "language_modeling/quickstart"
LEFT_BEHIND = (".lock", ".tmp-", ".nlpseq-next")


def run_words(folder: Path, *words: str) -> list[str]:
    """Return the words of a run in `folder/run`."""
    output = ["--output", str(folder / "run"), "--device", "cpu"]
    return ["run", RECIPE, *SETTINGS, *output, *words]


@dataclass
class Scenario:
    """A command that is killed, in a folder that is made anew for each kill.

    Attributes:
        words: of the command.
        prepare: makes the folder before the command.
        continued: words of the command that continues after the kill.
        outcome: what the folder holds in the end, to compare with that of a command that was not killed.
        check: checks the folder after the kill; returns whether it is as it was before the command.
    """

    words: Callable[[Path], list[str]]
    prepare: Callable[[Path], None]
    continued: Callable[[Path], list[str]]
    outcome: Callable[[Path], Any]
    check: Callable[[Path, Path], bool] = field(default=lambda folder, before: False)


class Trials:
    """Kills of one scenario.

    Args:
        scenario: what to kill.
        place: an empty folder.

    Attributes:
        operations: of the command when it is not killed.
        whole: kills after which the folder was as before.
    """

    def __init__(self, scenario: Scenario, place: Path) -> None:
        self.scenario, self.place = scenario, place
        self.folder, self.before = place / "folder", place / "before"
        self.folder.mkdir(parents=True)
        scenario.prepare(self.folder)
        shutil.copytree(self.folder, self.before)
        done = self._done(scenario.words(self.folder))
        self.operations, self.whole = done, 0
        self.expected = scenario.outcome(self.folder)

    def kill(self, moment: int) -> None:
        """Kill the command before an operation, continue, and compare with the command that was not killed."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.before, self.folder)
        ended = execute(self.scenario.words(self.folder), self.folder, moment)
        assert ended.status == -9, (moment, ended)
        if self.scenario.check(self.folder, self.before):
            self.whole += 1
            words = self.scenario.words(self.folder)
        else:
            words = self.scenario.continued(self.folder)
        self._done(words)
        assert not differing(self.scenario.outcome(self.folder), self.expected), moment
        left = [
            path
            for path in self.folder.rglob("*")
            if any(part in path.name for part in LEFT_BEHIND)
        ]
        assert not left, (moment, left)

    def _done(self, words: Sequence[str]) -> int:
        ended = execute(words, self.folder)
        assert ended.status == 0, (words, ended)
        return ended.operations


def nothing(folder: Path) -> None:
    """Leave the folder empty."""


def finished(folder: Path) -> None:
    """Put a finished run into the folder."""
    assert execute(run_words(folder, "seed=1"), folder).status == 0


def interrupted(folder: Path) -> None:
    """Put a run into the folder that was killed after some checkpoints."""
    assert execute(run_words(folder), folder, 90).status == -9
    assert list((folder / "run" / "checkpoints").iterdir())


def run_outcome(folder: Path) -> Any:
    """Return the results of the run."""
    return result(folder / "run")


def is_whole_or_begun(folder: Path, before: Path) -> bool:
    """Return whether the old run is whole; else check that none of its parts can be taken for a model."""
    run, old = folder / "run", before / "run"
    if content(run) == content(old):
        return True
    if (run / "config.json").exists():
        recorded = json.loads((run / "config.json").read_bytes())["sha256"]
        assert digest(run / "model.safetensors") == recorded["model.safetensors"]
    return False


def evaluated(folder: Path) -> None:
    """Put a finished run and an evaluation with other settings into the folder."""
    finished(folder)
    words = [*evaluate_words(folder), "evaluation.keep_columns=[]", "decoding.max_new_tokens=3"]
    assert execute(words, folder).status == 0


def evaluate_words(folder: Path) -> list[str]:
    """Return the words of an evaluation."""
    return ["evaluate", str(folder / "run"), "--split", "validation", "--device", "cpu"]


def evaluate_outcome(folder: Path) -> Any:
    """Return the evaluation, its predictions, and the run."""
    place = folder / "run" / "evaluations"
    report = untimed(json.loads((place / "validation.json").read_bytes()))
    return report, digest(place / "validation.predictions.jsonl"), result(folder / "run")


def evaluation_is_a_pair(folder: Path, before: Path) -> bool:
    """Check that scores and predictions belong together."""
    place, old = (path / "run" / "evaluations" for path in (folder, before))
    report, predictions = place / "validation.json", place / "validation.predictions.jsonl"
    if report.exists():
        is_old = report.read_bytes() == (old / report.name).read_bytes()
        same = digest(predictions) == digest(old / predictions.name)
        assert same or not is_old
    return False


def with_texts(folder: Path) -> None:
    """Put a finished run and a file of texts into the folder."""
    finished(folder)
    lines = [f"the captain of vessel {number} was not foggy\n" for number in range(2500)]
    (folder / "texts.txt").write_text("".join(lines))


def predict_words(folder: Path, *words: str) -> list[str]:
    """Return the words of a prediction into a file."""
    files = ["--file", str(folder / "texts.txt"), "--output", str(folder / "out.jsonl")]
    return ["predict", str(folder / "run"), *files, "--device", "cpu", *words]


def continue_predicting(folder: Path) -> list[str]:
    """Return the words that continue a prediction, or begin it if nothing was written."""
    begun = any(folder.glob("out.jsonl*"))
    return predict_words(folder, *(["--resume"] if begun else []))


def predicted_in_part(folder: Path) -> None:
    """Put an interrupted prediction into the folder."""
    with_texts(folder)
    for moment in range(2, 40):
        assert execute(predict_words(folder, "--overwrite"), folder, moment).status == -9
        partial = folder / "out.jsonl.partial"
        if partial.exists() and partial.stat().st_size:
            return
    raise AssertionError("nothing was written in part")


def predict_outcome(folder: Path) -> Any:
    """Return the digest of the predictions."""
    assert sorted(os.listdir(folder)) == ["out.jsonl", "run", "texts.txt"]
    return digest(folder / "out.jsonl")


def two_runs(folder: Path) -> None:
    """Put two finished runs into the folder."""
    for seed in (1, 2):
        words = run_words(folder, f"seed={seed}")
        assert execute(words, folder).status == 0
        (folder / "run").rename(folder / f"seed-{seed}")


def compare_words(folder: Path) -> list[str]:
    """Return the words of a comparison of finished runs."""
    runs = [str(folder / f"seed-{seed}") for seed in (1, 2)]
    return ["compare", *runs, "--samples", "100", "--output", str(folder / "compared")]


def compare_outcome(folder: Path) -> Any:
    """Return the report without times and the names of its files."""
    place = folder / "compared"
    report = untimed(json.loads((place / "report.json").read_bytes()))
    return report, sorted(path.name for path in place.rglob("*"))


def train_and_compare_words(folder: Path) -> list[str]:
    """Return the words of a comparison that trains its models."""
    options = ["--models", "lstm,gru", "--seeds", "13", "--match", "steps", "--no-measure"]
    rest = ["--samples", "100", "--device", "cpu", "--output", str(folder / "compared")]
    return ["compare", RECIPE, *SETTINGS, "evaluation.baselines=false", *options, *rest]


def train_and_compare_outcome(folder: Path) -> Any:
    """Return the results of all runs, and the report."""
    runs = sorted((folder / "compared").glob("*/seed-*"))
    assert len(runs) == 2
    return [result(run) for run in runs], compare_outcome(folder)


def with_table(folder: Path) -> None:
    """Put a table of texts with classes into the folder."""
    rows = [
        f"it was {'good' if number % 2 else 'bad'} at number {number},{'ab'[number % 2]}\n"
        for number in range(60)
    ]
    (folder / "table.csv").write_text("text,label\n" + "".join(rows))


def train_words(folder: Path, *words: str) -> list[str]:
    """Return the words of `nlpseq train`."""
    output = ["--output", str(folder / "run"), "--device", "cpu"]
    changes = ["training.epochs=2", "encoder.hidden_size=8", "training.checkpoint_steps=1"]
    return ["train", str(folder / "table.csv"), *changes, *output, *words]


SCENARIOS = {
    "run": Scenario(run_words, nothing, lambda f: run_words(f, "--resume"), run_outcome),
    "run --resume": Scenario(
        lambda f: run_words(f, "--resume"),
        interrupted,
        lambda f: run_words(f, "--resume"),
        run_outcome,
    ),
    "run --overwrite": Scenario(
        lambda f: run_words(f, "--overwrite"),
        finished,
        lambda f: run_words(f, "--resume"),
        run_outcome,
        is_whole_or_begun,
    ),
    "evaluate": Scenario(
        evaluate_words, evaluated, evaluate_words, evaluate_outcome, evaluation_is_a_pair
    ),
    "predict": Scenario(predict_words, with_texts, continue_predicting, predict_outcome),
    "predict --resume": Scenario(
        lambda f: predict_words(f, "--resume"),
        predicted_in_part,
        continue_predicting,
        predict_outcome,
    ),
    "compare": Scenario(compare_words, two_runs, compare_words, compare_outcome),
    "compare, training": Scenario(
        train_and_compare_words, nothing, train_and_compare_words, train_and_compare_outcome
    ),
    "train": Scenario(train_words, with_table, lambda f: train_words(f, "--resume"), run_outcome),
}
