"""BLEU's tokenizers: by script, by name, and a clear line where they cannot be used."""

import math
import urllib.error

import pytest
import sacrebleu

from nlpseq.errors import UserError
from nlpseq.metrics import bleu_tokenizers
from nlpseq.metrics.bleu_tokenizers import build_bleu, choose_bleu_tokenizer
from nlpseq.metrics.translation import TranslationScores, TranslationTarget

HYPOTHESES = ["猫在喝牛奶。", "我们明天去公园吗？", "a small fox, asleep", ""]
FIRST = ["猫在喝水。", "我们明天去不去公园？", "a small fox sleeps", "nothing"]
SECOND = ["那只猫在喝牛奶。", "我们明天去公园吗？", "the fox, asleep", "no"]


@pytest.mark.parametrize("name", ["13a", "zh", "char", "intl", "none"])
def test_several_references_and_any_tokenizer_are_sacrebleus_corpus_scores(name: str) -> None:
    metric = TranslationScores(bleu_tokenizer=name)
    targets = [TranslationTarget(one, None, (two,)) for one, two in zip(FIRST, SECOND, strict=True)]
    vectors = map(metric.statistics, HYPOTHESES, targets)
    scores = metric.score([math.fsum(column) for column in zip(*vectors, strict=True)])
    both = [FIRST, SECOND]
    bleu = sacrebleu.BLEU(tokenize=name, force=True).corpus_score(HYPOTHESES, both)
    assert scores["bleu"] == pytest.approx(bleu.score, abs=1e-9)
    assert scores["chrf"] == pytest.approx(
        sacrebleu.CHRF().corpus_score(HYPOTHESES, both).score, abs=1e-9
    )
    asian = name == "zh"
    ter = sacrebleu.TER(normalized=asian, asian_support=asian).corpus_score(HYPOTHESES, both)
    assert scores["ter"] == pytest.approx(ter.score, abs=1e-9)


def test_a_varying_number_of_references() -> None:
    metric = TranslationScores()
    targets = [TranslationTarget(FIRST[2], None, (SECOND[2],)), TranslationTarget("b c d e")]
    vectors = map(metric.statistics, [HYPOTHESES[2], "b c d f"], targets)
    scores = metric.score([math.fsum(column) for column in zip(*vectors, strict=True)])
    expected = sacrebleu.BLEU(force=True).corpus_score(
        [HYPOTHESES[2], "b c d f"], [[FIRST[2], "b c d e"], [SECOND[2], None]]
    )
    assert scores["bleu"] == pytest.approx(expected.score, abs=1e-9)
    metric.num_references = -1
    assert all(text.startswith("nrefs:var|") for text in metric.signatures.values())


def test_a_perfect_chinese_model_has_100() -> None:
    metric = TranslationScores(bleu_tokenizer="zh")
    assert metric.score(metric.statistics("猫喝水。", "猫喝水。"))["bleu"] == pytest.approx(100)
    assert "tok:zh" in metric.signatures["bleu"]


@pytest.mark.parametrize(
    ("texts", "installed", "name", "said"),
    [
        (["猫在喝水。"], True, "zh", "Chinese"),
        (["猫が水を飲む。"], True, "ja-mecab", "Japanese"),
        (["猫が水を飲む。"], False, "char", "sacrebleu[ja]"),
        (["고양이가 물을 마신다"], True, "ko-mecab", "Korean"),
        (["고양이가 물을 마신다"], False, "13a", "sacrebleu[ko]"),
        (["แมวกินน้ำ"], True, "char", "without spaces"),
        (["Кошка пьёт воду"], True, "13a", ""),
        (["a cat drinks 水"], True, "13a", ""),
    ],
)
def test_the_tokenizer_follows_the_script(
    texts: list[str], installed: bool, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bleu_tokenizers, "find_spec", lambda module: installed or None)
    choice = choose_bleu_tokenizer(texts)
    assert choice.name == name
    assert said in choice.note
    assert bool(said) == bool(choice.note)


def test_an_unknown_name_lists_those_of_sacrebleu() -> None:
    with pytest.raises(UserError, match=r"bleu_tokenizer = 'zhh'.*did you mean 'zh'.*flores200"):
        build_bleu("zhh")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (urllib.error.URLError("Name or service not known"), "needs a network"),
        (RuntimeError("\nneeds extra\n\n  pip install x\n"), "needs extra pip install x"),
        (SystemExit(1), "cannot load this tokenizer"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(
    error: BaseException, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**options: object) -> None:
        raise error

    fail.TOKENIZERS = sacrebleu.BLEU.TOKENIZERS  # type: ignore[attr-defined]
    monkeypatch.setattr(sacrebleu, "BLEU", fail)
    with pytest.raises(UserError, match=said) as raised:
        build_bleu.__wrapped__("flores200")
    assert "\n" not in str(raised.value)
