"""Comparisons of finished runs: figures against the files of the runs, sentences, the report on disk."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nlpseq.analysis.comparison import Report, compare
from nlpseq.analysis.comparison.slices import slices
from nlpseq.cli.main import main


@pytest.fixture(scope="module")
def report(trained: Path) -> Report:
    return compare([trained / "lstm", trained / "rnn"], samples=300)


def scores_of(folder: Path) -> list[dict[str, float]]:
    return [
        json.loads((folder / f"seed-{seed}" / "metrics.json").read_text())["test"]
        for seed in (13, 14)
    ]


def test_scores_are_those_of_the_runs(report: Report, trained: Path) -> None:
    assert [model.name for model in report.models] == ["lstm", "rnn"]
    for model in report.models:
        stored = scores_of(trained / model.name)
        assert model.seeds == [13, 14]
        assert set(model.scores) == set(stored[0])
        for name, found in model.scores.items():
            values = [one[name] for one in stored]
            assert found.mean == pytest.approx(np.mean(values))
            assert found.standard_deviation == pytest.approx(np.std(values, ddof=1))
    assert report.score == "accuracy"
    assert report.examples == 120


def test_a_difference_is_that_of_the_means_over_seeds(report: Report, trained: Path) -> None:
    (pair,) = report.pairs
    assert pair.over_seeds
    # Calibration error is no sum over examples: it is shown, but not tested.
    assert set(pair.scores) == {"accuracy", "macro_f1", "weighted_f1"}
    first, second = (scores_of(trained / name) for name in ("lstm", "rnn"))
    for name, found in pair.scores.items():
        gap = np.mean([one[name] for one in first]) - np.mean([one[name] for one in second])
        assert found.difference == pytest.approx(gap)
        assert found.low < gap < found.high
        assert found.p_value == found.corrected_p_value  # one pair
    assert "2 seeds" in report.verdicts[0]


def test_one_seed_concludes_about_the_trained_models_only(trained: Path) -> None:
    found = compare([trained / "lstm" / "seed-13", trained / "rnn"], samples=100)
    assert [model.name for model in found.models] == ["seed-13", "rnn"]
    assert found.models[0].scores["accuracy"].standard_deviation is None
    assert not found.pairs[0].over_seeds
    assert "trained models" in found.verdicts[0]
    assert "1 and 2 seeds" in found.verdicts[0]
    assert any("Only one seed for seed-13:" in note for note in found.notes)


def test_three_models_are_corrected_for_three_pairs(trained: Path) -> None:
    folders = [trained / "lstm", trained / "rnn", trained / "lstm" / "seed-13"]
    found = compare(folders, samples=100)
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("lstm", "rnn"),
        ("lstm", "seed-13"),
        ("rnn", "seed-13"),
    ]
    for pair in found.pairs:
        one = pair.scores["accuracy"]
        assert one.p_value <= one.corrected_p_value <= min(1.0, 3 * one.p_value)
    assert all("Holm's correction for 3 pairs" in sentence for sentence in found.verdicts)


def test_the_same_runs_give_the_same_report(report: Report, trained: Path) -> None:
    again = compare([trained / "lstm", trained / "rnn"], samples=300)
    assert again.document() == report.document()


def test_language_models_by_bits_per_byte(trained: Path) -> None:
    found = compare([trained / "words", trained / "letters"], score="bits_per_byte", samples=100)
    assert set(found.pairs[0].scores) == {"bits_per_byte", "bits_per_character"}
    assert "perplexity" not in found.models[0].scores
    assert found.unit.higher_is_better is False
    better = min(found.models, key=lambda model: model.scores["bits_per_byte"].mean)
    assert f"{better.name} is better than" in found.verdicts[0]


def test_slices_hold_all_examples_and_add_up(report: Report, trained: Path) -> None:
    assert list(report.slices) == ["input length (words)", "rarest input word"]
    for cut in report.slices.values():
        assert sum(one.examples for one in cut) == 120
        for model in report.models:
            mean = sum(one.examples * one.scores[model.name] for one in cut) / 120
            assert mean == pytest.approx(model.scores["accuracy"].mean)


def test_slices_are_cut_by_the_words_of_train(report: Report) -> None:
    from nlpseq.analysis.comparison.slices import by_length, by_rarity

    cut = by_length([1, 2, 3, 4, 5, 6, 7, 8])
    assert {name: places.tolist() for name, places in cut.items()} == {
        "1 to 2": [0, 1],
        "3 to 4": [2, 3],
        "5 to 6": [4, 5],
        "7 to 8": [6, 7],
    }
    assert {name: len(places) for name, places in by_length([3, 3, 3]).items()} == {"3": 3}
    known = Counter({"the": 9, "old": 5, "man": 1})
    parts = by_rarity([["the", "sea"], ["the", "man"], ["old"], ["the"], []], known)
    assert [places.tolist() for places in parts.values()] == [[0], [1, 2], [3, 4]]


def test_texts_that_are_not_available_leave_a_note(report: Report, tmp_path: Path) -> None:
    candidates = report.candidates
    found, notes = slices(candidates, "accuracy", "test", tmp_path)
    assert found == {}
    assert len(notes) == 1
    assert "not available" in notes[0]


def test_the_command_prints_and_writes(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "lstm", "rnn", "--samples", "100", "--difference", "2"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    for said in (
        "accuracy",
        "parameters",
        "steps",
        "2 seeds",
        "runs/compare/classification/lstm-rnn/report.html",
    ):
        assert said in printed, said
    folder = runs / "runs" / "compare" / "classification" / "lstm-rnn"
    written = json.loads((folder / "report.json").read_text())
    assert written["command"] == "nlpseq compare lstm rnn --difference 2"
    assert written["verdicts"][0].split() == " ".join(written["verdicts"]).split()
    assert written["pairs"][0]["scores"]["accuracy"]["worth"] == 0.02
    for model in written["models"]:
        assert model["command"].endswith("--seeds 13,14")
        assert model["command"].startswith("nlpseq run sentiment/quickstart ")
        assert set(model["data"]) == {"train", "validation", "test"}
        assert "torch" in model["versions"]
    assert (folder / "plots" / "score_and_cost.png").read_bytes().startswith(b"\x89PNG")


def test_the_first_test_split_that_all_runs_scored_is_compared(runs: Path) -> None:
    folders = [runs / "lstm" / "seed-13", runs / "rnn" / "seed-13"]
    for folder, more in zip(folders, [["test_2015"], []], strict=True):
        path = folder / "metrics.json"
        metrics = json.loads(path.read_text().replace('"test"', '"test_2016"'))
        metrics["splits"] = ["validation", *more, "test_2016", "test_2017"]
        path.write_text(json.dumps(metrics))
        predictions = folder / "predictions"
        (predictions / "test.jsonl").rename(predictions / "test_2016.jsonl")
    assert compare(folders, samples=50).split == "test_2016"
    assert compare(folders, samples=50, split="validation").split == "validation"


def test_a_split_that_was_scored_later_counts(runs: Path) -> None:
    """`nlpseq evaluate` scores test for a run that left it unscored."""
    for name in ("lstm", "rnn"):
        folder = runs / name / "seed-13"
        metrics = json.loads((folder / "metrics.json").read_text())
        evaluation = {
            "split": "test",
            "test": metrics.pop("test"),
            "data": metrics["data"].pop("test"),
        }
        metrics["splits"].remove("test")
        (folder / "evaluations").mkdir()
        (folder / "evaluations" / "test.json").write_text(json.dumps(evaluation))
        (folder / "predictions" / "test.jsonl").rename(
            folder / "evaluations" / "test.predictions.jsonl"
        )
        (folder / "metrics.json").write_text(json.dumps(metrics))
    folders = [runs / "lstm" / "seed-13", runs / "rnn" / "seed-13"]
    found = compare(folders, samples=50)
    assert found.examples == 120
    assert [model.name for model in found.models] == ["lstm/seed-13", "rnn/seed-13"]
