"""Scoring of outputs: tokenizers by script, several references, outputs written as targets are."""

from typing import Any

import pytest
import torch
from nlpseq.tasks.seq2seq.references import Further, count_references, further_references
from small import split_of
from small_pairs import make, pairs

from nlpseq.errors import UserError
from nlpseq.task import Shard

CHINESE = [("i read a book", "我看书。"), ("you see a cat", "你看猫。")] * 4
RUSSIAN = [("кот видит дом", "кот дома"), ("лиса ест рыбу", "лиса ест")] * 4
CPU = torch.device("cpu")


def evaluated(task: Any, split: Any) -> list[Any]:
    model = task.build().eval()
    with torch.no_grad():
        return list(task.evaluate(model, split, device=CPU, shard=Shard()))


def again(task: Any) -> Any:
    """The same task, restored from its state."""
    return task.with_recipe(task.recipe)


def test_bleu_follows_the_script_of_the_targets() -> None:
    task = make(splits={"train": pairs(CHINESE)})
    assert task.bleu_tokenizer == "zh"
    assert any("Chinese" in note and "evaluation.bleu_tokenizer" in note for note in task.notes)
    restored = again(task)
    assert restored.bleu_tokenizer == "zh"
    records = evaluated(restored, pairs(CHINESE, "test"))
    assert "tok:zh" in restored.details(records)["signatures"]["bleu"]
    assert restored.perfect_scores(records)["bleu"] == pytest.approx(100)
    assert make().bleu_tokenizer == "13a"


def test_the_recipe_names_the_tokenizer_first() -> None:
    task = make(splits={"train": pairs(CHINESE)}, evaluation={"bleu_tokenizer": "char"})
    assert again(task).text_metric.bleu_tokenizer == "char"
    assert not any("BLEU" in note for note in task.notes)
    wrong = make(evaluation={"bleu_tokenizer": "chr"})
    with pytest.raises(UserError, match="did you mean 'char'"):
        wrong.check_options()


def test_rouge_follows_the_script_of_the_targets() -> None:
    task = make("summarization", {"train": pairs(RUSSIAN), "validation": pairs(RUSSIAN, "v")})
    assert task.rouge_words == again(task).rouge_words == "unicode"
    records = evaluated(task, pairs(RUSSIAN, "test"))
    assert task.perfect_scores(records)["rougeL"] == pytest.approx(100)
    assert "words:unicode" in task.details(records)["signatures"]["rouge"]
    assert task.lead == 2
    english = make("summarization", {"train": pairs([("a fox ran", "fox ran")] * 4)})
    assert english.rouge_words == "rouge-score"


def test_bleu_of_words_cannot_be_raised() -> None:
    rows = [("one", "eins"), ("two", "zwei")] * 4
    task = make(splits={"train": pairs(rows)})
    assert task.perfect_scores(evaluated(task, pairs(rows, "validation")))["bleu"] == 0


REFERENCES = {
    "source": ["a", "b"],
    "target": ["x y z w", "v w x y"],
    "target2": ["x y z u", None],
    "target3": ["z", ""],
}


def test_several_references_in_columns_or_lists() -> None:
    columns = split_of(REFERENCES, "test")
    assert further_references(columns) == [Further(("x y z u", "z")), Further()]
    assert count_references(further_references(columns)) == -1
    lists = split_of({"source": ["a", "b"], "target": [["x y", "x z"], ["v w", "w"]]}, "test")
    assert further_references(lists) == [Further(("x z",)), Further(("w",))]
    task = make(splits={"train": lists})
    assert [pair.text for _, pair in task.examples(lists)] == ["x y", "v w"]
    records = evaluated(task, lists)
    signatures = task.details(records)["signatures"]
    assert all(signatures[name].startswith("nrefs:2|") for name in ("bleu", "chrf", "ter"))
    evaluated(task, columns)
    assert task.text_metric.signatures["bleu"].startswith("nrefs:var|")


@pytest.mark.parametrize("kind", ["translation", "summarization"])
def test_the_best_reference_counts(kind: str) -> None:
    task = make(kind)
    further = Further(("der alte Hund schläft heute",))
    both = task.reference("a", "eine Katze", further)
    one = task.reference("a", "eine Katze")
    output = "der alte Hund schläft heute"
    score = task.main_metric
    metric = task.text_metric
    assert metric.score(metric.statistics(output, both))[score] == pytest.approx(100)
    assert metric.score(metric.statistics(output, one))[score] < 1


@pytest.mark.parametrize("target", [[], ["a", None]])
def test_a_row_without_a_reference_is_named(target: Any) -> None:
    split = split_of({"source": ["a", "b"], "target": [["x"], target]}, "test")
    with pytest.raises(UserError, match="row 2 of the test split: 'target' is not a list"):
        further_references(split)


WRITTEN = [
    ("the C++ team meets @mira_k", "C++ team, @mira_k"),
    ("flags 🇫🇷 and 🇧🇷 at node.js", "🇫🇷 at node.js (#build)"),
    ("قال أهلًا", "أَهْلًا، كيف؟"),
] * 3


@pytest.mark.parametrize("copying", [True, False])
def test_outputs_are_written_as_targets_are(copying: bool) -> None:
    task = make(
        splits={"train": pairs(WRITTEN)},
        tokenization={"split": "words"},
        decoder={"copying": copying},
    )
    restored = again(task)
    for _, pair in task.examples(pairs(WRITTEN)):
        assert restored.pairs.decode(pair.ids[:-1], pair) == pair.text
    assert restored.pairs.signature.startswith("detokenize:nlpseq-1|")
