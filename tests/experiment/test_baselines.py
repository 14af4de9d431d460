"""A run trains its baselines on the same split, scores them alike, and says when the network is not better."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlpseq.analysis.statistics import rowwise
from nlpseq.errors import UserError
from nlpseq.experiment.baselines import paired_difference
from nlpseq.experiment.compare import compare
from nlpseq.experiment.run import run
from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.model_directory import load_task
from nlpseq.reporting.baselines import baseline_rows, verdicts

SMALL = [
    "data.sizes={ train = 200, validation = 20, test = 30 }",
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "training.max_steps=2",
]
NAMES = {
    "sentiment/quickstart": ["most_frequent_class", "tfidf"],
    "ner/quickstart": ["most_frequent_tag", "crf_features"],
    "language_modeling/quickstart": ["unigram", "kneser_ney_5"],
    "translation/quickstart": ["copy"],
    "language_modeling/long_dependencies/delayed_recall": ["most_frequent_answer"],
}


def train(folder: Path, recipe: str, *overrides: str) -> dict[str, Any]:
    metrics = run(recipe, [*SMALL, *overrides], output=folder, device="cpu").metrics
    stored = json.loads((folder / "metrics.json").read_bytes())
    assert metrics["baselines"] == stored["baselines"]
    return metrics


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("recipe", list(NAMES))
def test_every_baseline_has_records_scores_and_a_tested_difference(
    tmp_path: Path, recipe: str
) -> None:
    metrics = train(tmp_path / "run", recipe)
    entries = metrics["baselines"]
    assert [entry["name"] for entry in entries] == NAMES[recipe]
    task = load_task(tmp_path / "run")
    for entry in entries:
        for split in ("validation", "test"):
            network = lines_of(tmp_path / "run" / "predictions" / f"{split}.jsonl")
            own = lines_of(tmp_path / "run" / "baselines" / entry["name"] / f"{split}.jsonl")
            assert [line["index"] for line in own] == [line["index"] for line in network]
            assert [line["target"] for line in own] == [line["target"] for line in network]
            total = sum_statistics(line["statistics"] for line in own)
            scores = entry["scores"][split]
            assert task.metric.score(total)[task.main_metric] == scores[task.main_metric]
            omitted = {"perplexity", "nll_per_token"} if entry["name"] == "copy" else set()
            assert {*scores} == {*metrics[split]} - omitted - {"floor_perplexity"}
        assert entry["seconds"] < 30
        assert entry["difference"]["score"] == entry["score"] == task.main_metric
        gap = metrics["test"][entry["score"]] - entry["scores"]["test"][entry["score"]]
        assert entry["difference"]["network_minus_baseline"] == pytest.approx(gap)
        assert entry["verdict"].startswith("The network is ")


def test_language_models_count_the_tokens_and_bytes_of_the_network(tmp_path: Path) -> None:
    for name, overrides in {
        "word": [],
        "character": ["tokenization.kind=character", "training.bptt_length=16"],
        "no ends": ["tokenization.add_eos=false"],
    }.items():
        metrics = train(tmp_path / name, "language_modeling/quickstart", *overrides)
        for entry in metrics["baselines"]:
            assert entry["scores"]["test"]["tokens"] == metrics["test"]["tokens"]
            folder = tmp_path / name
            sizes = [
                [line["statistics"][1:] for line in lines_of(path)]
                for path in (
                    folder / "predictions" / "test.jsonl",
                    folder / "baselines" / entry["name"] / "test.jsonl",
                )
            ]
            assert sizes[0] == sizes[1]
    assert metrics["baselines"][1]["name"] == "kneser_ney_5"


def test_the_card_and_the_terminal_show_baselines_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nlpseq.reporting.tables import report_run
    from nlpseq.safe_text import for_markdown

    metrics = train(tmp_path / "run", "summarization/quickstart")
    (entry,) = metrics["baselines"]
    assert entry["name"].startswith("lead_")
    assert {f"{entry['name']}_rougeL"} <= {*metrics["test"]}  # as in 0.1
    card = (tmp_path / "run" / "README.md").read_text()
    scores, baselines = card.partition("## Baselines")[::2]
    assert "lead" not in scores.lower()
    assert for_markdown(entry["label"]) in baselines
    assert for_markdown(entry["verdict"]) in baselines
    report_run(metrics, [], tmp_path / "run")
    shown = " ".join(capsys.readouterr().out.split())
    assert " ".join(entry["verdict"].split()) in shown
    assert baseline_rows(metrics)[0] == ["ROUGE-L", "validation", "test", "training time"]
    assert [row[0] for row in baseline_rows(metrics)[1:]] == ["network", entry["label"]]


def test_baselines_can_be_left_out_and_overwriting_removes_them(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(folder, "sentiment/quickstart")
    assert (folder / "baselines").is_dir()
    off = [*SMALL, "evaluation.baselines=false"]
    metrics = run("sentiment/quickstart", off, output=folder, device="cpu", overwrite=True).metrics
    assert "baselines" not in metrics
    assert baseline_rows(metrics) == verdicts(metrics) == []
    assert not (folder / "baselines").exists()
    with pytest.raises(UserError, match="needs at least two runs, or one with baselines"):
        compare([str(folder)], output=tmp_path / "report")


def test_one_run_is_compared_with_its_baselines(tmp_path: Path) -> None:
    metrics = train(tmp_path / "run", "translation/quickstart")
    report, folder = compare([str(tmp_path / "run")], output=tmp_path / "report", samples=200)
    assert [model.name for model in report.models] == ["run", "copy"]
    difference = report.pairs[0].scores["bleu"].difference
    wanted = metrics["baselines"][0]["difference"]["network_minus_baseline"]
    assert difference == pytest.approx(wanted)
    assert "perplexity" not in report.pairs[0].scores  # a copy has no probability
    assert (folder / "report.html").exists()


def test_seeds_have_one_table_of_baselines(tmp_path: Path) -> None:
    result = run(
        "sentiment/quickstart", SMALL, output=tmp_path / "runs", device="cpu", seeds=(1, 2)
    )
    rows = baseline_rows(result.metrics)
    assert [row[0] for row in rows[1:]] == [
        "network",
        "most frequent class",
        "TF-IDF with logistic regression",
    ]
    report, _ = compare([str(tmp_path / "runs")], output=tmp_path / "report", samples=200)
    assert [len(model.seeds) for model in report.models] == [2, 2, 2]


def test_the_difference_is_tested_in_pairs() -> None:
    metric = ClassificationScores(["a", "b"])
    right = np.array([metric.statistics("a", "a")] * 90 + [metric.statistics("b", "a")] * 10)
    worse = np.array([metric.statistics("a", "a")] * 60 + [metric.statistics("b", "a")] * 40)
    found = paired_difference(right, worse, rowwise(metric.score), "accuracy")
    assert found.difference == pytest.approx(0.3)
    assert found.low < 0.3 < found.high
    assert found.p_value < 0.001
    same = paired_difference(right, right, rowwise(metric.score), "accuracy")
    assert (same.difference, same.p_value) == (0.0, 1.0)
