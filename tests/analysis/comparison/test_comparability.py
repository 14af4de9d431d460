"""A score that two runs computed in two ways is not compared."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nlpseq.analysis.comparison.comparability import choose_score, comparable_scores
from nlpseq.errors import UserError
from nlpseq.metrics.translation import TranslationScores


def candidate(name: str, tokenizer: str, version: str) -> Any:
    metric = TranslationScores(bleu_tokenizer=tokenizer)
    backend = SimpleNamespace(to_str=lambda: "the same")
    task = SimpleNamespace(
        metric=metric,
        main_metric="bleu",
        target_tokenizer=None,
        tokenizer=SimpleNamespace(backend=backend),
    )
    statistics = np.array([metric.statistics("猫在喝牛奶。", "猫在喝水。")])
    signatures = {
        score: text.rpartition("|")[0] + f"|version:{version}"
        for score, text in metric.signatures.items()
    }
    scores = metric.score(statistics[0].tolist())
    run = SimpleNamespace(task=task, statistics=statistics, signatures=signatures, scores=scores)
    return SimpleNamespace(name=name, runs=[run])


def test_other_versions_are_compared_and_other_tokenizers_are_not() -> None:
    first, second = candidate("a", "char", "2.5.1"), candidate("b", "char", "2.6.0")
    assert choose_score([first, second], None) == "bleu"
    third = candidate("c", "13a", "2.6.0")
    assert "bleu" not in comparable_scores([first, third])
    assert "chrf" in comparable_scores([first, third])
    with pytest.raises(
        UserError, match=r"a and c: bleu was computed in two ways.*tok:char.*tok:13a"
    ):
        choose_score([first, third], None)
