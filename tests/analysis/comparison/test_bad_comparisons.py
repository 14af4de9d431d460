"""Runs that cannot be compared give one line and status 2, and nothing is written."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nlpseq.cli.main import main


def edit(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def other_data(runs: Path) -> None:
    for seed in (13, 14):
        edit(
            runs / "rnn" / f"seed-{seed}" / "metrics.json",
            lambda m: m["data"].update(test="f" * 64),
        )


def unfinished(runs: Path) -> None:
    (runs / "rnn" / "seed-14" / "metrics.json").unlink()


def not_a_run(runs: Path) -> None:
    shutil.rmtree(runs / "rnn")
    (runs / "rnn").mkdir()


def mixed_seeds(runs: Path) -> None:
    shutil.copytree(runs / "rnn" / "seed-13", runs / "lstm" / "seed-15")


def fewer(runs: Path) -> None:
    path = runs / "rnn" / "seed-13" / "predictions" / "test.jsonl"
    path.write_text("".join(lines(path)[:-1]))


def without_statistics(runs: Path) -> None:
    path = runs / "rnn" / "seed-13" / "predictions" / "test.jsonl"
    path.write_text(
        "".join(
            re.sub(r'"statistics": \[[^]]*\]', '"statistics": []', line) for line in lines(path)
        )
    )


def half_a_line(runs: Path) -> None:
    path = runs / "rnn" / "seed-13" / "predictions" / "test.jsonl"
    path.write_text(path.read_text()[:-20])


def no_predictions(runs: Path) -> None:
    (runs / "rnn" / "seed-13" / "predictions" / "test.jsonl").unlink()


def broken_metrics(runs: Path) -> None:
    (runs / "rnn" / "seed-13" / "metrics.json").write_text('{"splits": [')


def no_test(runs: Path) -> None:
    for seed in (13, 14):
        path = runs / "rnn" / f"seed-{seed}" / "metrics.json"
        edit(path, lambda m: (m["splits"].remove("test"), m.pop("test")))


def incomplete(runs: Path) -> None:
    edit(runs / "rnn" / "seed-13" / "metrics.json", lambda m: m.pop("parameters"))


def no_list(runs: Path) -> None:
    edit(runs / "rnn" / "seed-13" / "metrics.json", lambda m: m.update(splits=3))


def no_speed(runs: Path) -> None:
    edit(runs / "rnn" / "seed-13" / "metrics.json", lambda m: m.pop("tokens_per_second"))


def no_baselines(runs: Path) -> None:
    for seed in (13, 14):
        edit(runs / "lstm" / f"seed-{seed}" / "metrics.json", lambda m: m.pop("baselines"))


def no_records_of_baselines(runs: Path) -> None:
    shutil.rmtree(runs / "lstm" / "seed-13" / "baselines")


def nothing(runs: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("damage", "words", "said"),
    [
        (no_baselines, "lstm", "needs at least two runs"),
        (no_records_of_baselines, "lstm", "test.jsonl: no such file"),
        (nothing, "lstm ./lstm", "is given twice"),
        (nothing, "lstm nowhere", "nowhere: no such folder"),
        (nothing, "lstm words", "different tasks, classification and language_modeling"),
        (
            nothing,
            "words letters",
            "perplexity is per token and their vocabularies differ .*word.*character.*--score bits_per_byte",
        ),
        (
            nothing,
            "lstm rnn --score calibration_error",
            "not computed from sums over examples, .*accuracy",
        ),
        (nothing, "lstm rnn --score acuracy", "no such score; did you mean 'accuracy'"),
        (nothing, "lstm rnn --score bleu", "no such score; available: accuracy, macro_f1"),
        (
            nothing,
            "lstm rnn --split tset",
            "has no scores of split 'tset', only of validation, test",
        ),
        (nothing, "lstm rnn --difference 0", "--difference 0: give a number above 0"),
        (
            nothing,
            "lstm rnn --samples 1",
            "--samples 1: intervals need at least two resampled test sets",
        ),
        (
            nothing,
            "lstm rnn --device tpu --measure",
            "error: device .tpu. is not available on this machine",
        ),
        (
            nothing,
            "lstm rnn --split data",
            "has no scores of split 'data', only of validation, test",
        ),
        (nothing, "lstm rnn --minutes 0", "--minutes: for recipes to train"),
        (nothing, "lstm rnn --samples 0", "'0': write a whole number above 0"),
        (nothing, "lstm rnn --spilt test", "unknown option '--spilt'; did you mean '--split'"),
        (
            other_data,
            "lstm rnn",
            "scored on different data, split 'test' has fingerprint .* and ffffffffffff",
        ),
        (unfinished, "lstm rnn", "rnn/seed-14: the run has not finished; .*--resume"),
        (not_a_run, "lstm rnn", "rnn: not a run directory, there is no metrics.json"),
        (mixed_seeds, "lstm rnn", "differ by more than their seed"),
        (fewer, "lstm rnn", "its examples give accuracy .* metrics.json has"),
        (without_statistics, "lstm rnn", "test.jsonl, line 1: no finite statistics"),
        (half_a_line, "lstm rnn", "test.jsonl, line 120: damaged"),
        (no_predictions, "lstm rnn", "test.jsonl: no such file"),
        (broken_metrics, "lstm rnn", "metrics.json: not valid JSON"),
        (
            no_test,
            "lstm rnn",
            "has no scores of split 'test', only of validation; score it: nlpseq evaluate",
        ),
        (incomplete, "lstm rnn", "key parameters is missing"),
        (no_list, "lstm rnn", "seed-13/metrics.json: damaged, key splits is missing"),
        (no_speed, "lstm rnn", "key tokens_per_second is missing"),
    ],
)
def test_errors_are_one_line(
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    words: str,
    said: str,
) -> None:
    damage(runs)
    assert main(["compare", *shlex.split(words)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("nlpseq: error: ")
    assert printed.err.count("\n") == 1
    assert re.search(said, printed.err), printed.err
    assert printed.out == ""
    assert not (runs / "runs").exists()


QUICK = "sentiment/quickstart"
SMALL = "'data.sizes={ train = 40, validation = 9, test = 9 }'"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (f"{QUICK} --models lstm,gruu", "--models: no model is called 'gruu'; did you mean 'gru'"),
        (f"{QUICK} --models lstm,Transformer", "did you mean 'transformer'"),
        (f"{QUICK} --models lstm,Peephole", "as FILE.py:CLASS, with --code FILE.py"),
        (f"{QUICK} --models lstm,bert", "no model is called 'bert'; there are gru, lstm, "),
        (f"{QUICK} --models lstm,my_cells.py:Cell", "on request; give --code my_cells.py"),
        (f"{QUICK} --models lstm,", "'lstm,': write names separated by commas"),
        (f"{QUICK} --models lstm,lstm", "two different models or more"),
        (f"{QUICK} --models lstm", "two different models or more"),
        (QUICK, "two different models or more"),
        (f"{QUICK} ner/quickstart --models lstm,gru", "of one recipe: name one"),
        (
            f"{QUICK} ner/quickstart",
            "of classification, ner/quickstart of tagging: different tasks",
        ),
        (
            f"ner/quickstart {SMALL} --models lstm,hierarchical --match steps",
            "gives one vector for a document",
        ),
        (f"{QUICK} --models lstm,gru --seeds 13,4294967296", "seed = 4294967296"),
        (f"{QUICK} --models lstm,gru --samples 1", "--samples 1: intervals need"),
        (f"{QUICK} lstm", "lstm: is no recipe; .* not both"),
        ("sentiment/quickstrat --models lstm,gru", "did you mean 'sentiment/quickstart'"),
        (f"{QUICK} --models lstm,gru --match time", "--match time and --minutes X, .*: give both"),
        (f"{QUICK} --models lstm,gru --minutes 2", "--match time and --minutes X, .*: give both"),
        (
            f"{QUICK} --models lstm,gru --match time --minutes 0",
            "--minutes 0: write a number above 0",
        ),
        (f"{QUICK} --models lstm,gru --match tiem", "'tiem'; did you mean 'time'"),
        (f"{QUICK} --models lstm,gru training.epoch=3", "did you mean 'training.epochs'"),
        ("language_modeling/quickstart --models lstm,cnn", "encoder.kind = .cnn."),
        (f"{QUICK} --models lstm,gru --seeds 3,3", "write different whole numbers"),
        (
            f"{QUICK} --models lstm,gru --seeds 3,4 seed=5",
            "seed=5: .* --seeds, 3,4; write --seeds 5",
        ),
        (
            f"{QUICK} --models lstm,gru seed=5",
            "seed=5: .* --seeds, 13,14,15; write --seeds 5, or leave",
        ),
        (f"{QUICK} {SMALL} --models lstm,gru --split tset", "--split tset: .* did you mean 'test'"),
        (f"{QUICK} --models lstm,gru --difference 0", "--difference 0: give a number above 0"),
        (
            "lstm rnn --seeds 13",
            "--seeds: for recipes to train; these are finished runs: lstm, rnn",
        ),
        ("lstm rnn training.epochs=3", "key=value: for recipes to train"),
        (
            f"{QUICK} --models lstm,gru --output .",
            "holds another comparison; choose another --output",
        ),
    ],
)
def test_errors_in_comparisons_of_recipes_are_one_line(
    runs: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert main(["compare", *shlex.split(words)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("nlpseq: error: ")
    assert printed.err.count("\n") == 1
    assert re.search(said, printed.err), printed.err
    assert not (runs / "runs").exists()
