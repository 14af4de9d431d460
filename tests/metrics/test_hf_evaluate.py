"""Metrics for Hugging Face users give the same numbers, without a network."""

import ast
import socket
from pathlib import Path

import pytest
import sacrebleu
from seqeval.metrics import f1_score
from seqeval.scheme import IOBES
from sklearn import metrics as sklearn

from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.metrics.hf_evaluate import Classification, SpanF1, Summary, Translation
from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.summarization import SummaryScores, SummaryTarget
from nlpseq.metrics.translation import TranslationScores, TranslationTarget

TARGETS = [["S-PER", "O", "B-LOC", "E-LOC"], ["O", "B-PER", "I-PER", "E-PER"]]
PREDICTIONS = [["S-PER", "O", "B-LOC", "I-LOC"], ["S-LOC", "B-PER", "I-PER", "E-PER"]]


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a metric used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_span_f1(tmp_path) -> None:
    metric = SpanScores(["LOC", "PER"], "BIOES")
    vectors = map(metric.statistics, PREDICTIONS, TARGETS)
    summed = sum_statistics(vectors)
    face = SpanF1(cache_dir=str(tmp_path))
    scores = face.compute(predictions=PREDICTIONS, references=TARGETS, scheme="BIOES")
    assert scores.pop("per_type") == metric.per_type(summed)
    assert scores == metric.score(summed)
    assert scores["f1"] == f1_score(TARGETS, PREDICTIONS, mode="strict", scheme=IOBES) == 2 / 3
    assert scores["conlleval_f1"] == pytest.approx(f1_score(TARGETS, PREDICTIONS))
    assert scores["conlleval_f1"] == pytest.approx(6 / 7)


def test_span_f1_by_batches(tmp_path) -> None:
    face = SpanF1(cache_dir=str(tmp_path))
    for target in (["B-X", "I-X"], ["O", "O", "B-X"]):
        face.add(prediction=["O"] * (len(target) - 1) + ["B-X"], reference=target)
    assert face.compute()["f1"] == 0.5


def test_classification(tmp_path) -> None:
    predictions, targets = [0, 2, 2, 0, 1], [0, 2, 1, 0, 7]
    metric = ClassificationScores(["0", "1", "2"])
    vectors = [
        metric.statistics(str(prediction), str(target))
        for prediction, target in zip(predictions, targets, strict=True)
    ]
    summed = sum_statistics(vectors)
    face = Classification(cache_dir=str(tmp_path))
    scores = face.compute(predictions=predictions, references=targets, labels=[0, 1, 2])
    assert scores.pop("per_class") == metric.per_class(summed)
    assert scores == metric.score(summed)
    scores = face.compute(predictions=predictions, references=targets)
    for average in ("macro", "weighted"):
        expected = sklearn.f1_score(targets, predictions, average=average, zero_division=0)
        assert scores[f"{average}_f1"] == pytest.approx(expected)
    assert scores["accuracy"] == 0.6


def test_translation(tmp_path) -> None:
    predictions = ["Ein Hund läuft.", "Zwei Katzen", ""]
    references = ["Ein Hund läuft weit.", "Zwei Katzen", "Nichts"]
    tokenized = ["ein hund läuft weit .", "zwei katzen", "nichts"]
    face = Translation(cache_dir=str(tmp_path))
    scores = face.compute(predictions=predictions, references=references)
    assert scores.pop("signatures") == TranslationScores().signatures
    expected = sacrebleu.corpus_bleu(predictions, [references]).score
    assert scores["bleu"] == pytest.approx(expected)
    further = face.compute(
        predictions=predictions,
        references=references,
        tokenized_language="de",
        tokenized_references=tokenized,
    )
    metric = TranslationScores("de")
    targets = map(TranslationTarget, references, tokenized)
    vectors = map(metric.statistics, predictions, targets)
    summed = sum_statistics(vectors)
    assert further.pop("signatures") == metric.signatures
    assert further == metric.score(summed)
    assert {name: further[name] for name in scores} == scores


def test_summary_by_batches(tmp_path) -> None:
    examples = [("a dog", "the dog", "the dog sleeps"), ("cats", "cat", "a cat"), ("", "x", "y z")]
    face, metric = Summary(cache_dir=str(tmp_path)), SummaryScores()
    for prediction, reference, source in examples:
        face.add_batch(predictions=[prediction], references=[reference], sources=[source])
    vectors = [
        metric.statistics(prediction, SummaryTarget(reference, source))
        for prediction, reference, source in examples
    ]
    scores = face.compute()
    assert scores.pop("signatures") == metric.signatures
    assert scores == metric.score(sum_statistics(vectors))
    assert scores["rouge1"] == pytest.approx(50)


def imports(path: Path) -> set[str]:
    """Return the full names of all imports in a file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_other_module_imports_them() -> None:
    root = Path(__file__).parents[2]
    sources = [*(root / "nlpseq").rglob("*.py"), *(root / "tasks").rglob("*.py")]
    assert any("evaluate" in imports(path) for path in sources)  # `hf_evaluate` itself
    users = [
        path.name
        for path in sources
        if any("hf_evaluate" in name.split(".") for name in imports(path))
    ]
    assert users == []
