"""Rows held out of train: stratified, the same for every run, and said."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.hold_out import Drawing, hold_out
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig


def labelled(labels: list[str]) -> dict[str, Split]:
    from datasets import Dataset

    rows = {"text": [f"text {n}" for n in range(len(labels))], "label": labels}
    return {"train": Split("train", Dataset.from_dict(rows), "all.csv")}


def draw(labels: list[str], **options: Any) -> dict[str, Split]:
    return hold_out(labelled(labels), DataConfig.model_validate(options), Drawing(label="label"))


def counts(split: Split) -> Counter[str]:
    return Counter(split.labels("label"))


def texts(splits: dict[str, Split]) -> list[str]:
    return [text for split in splits.values() for text in split.column("text")]


def test_a_file_that_is_sorted_by_class_is_drawn_from_every_class() -> None:
    splits = draw(["no"] * 60 + ["yes"] * 40, hold_out={"validation": 0.1, "test": 0.2})
    assert counts(splits["train"]) == {"no": 42, "yes": 28}
    assert counts(splits["validation"]) == {"no": 6, "yes": 4}
    assert counts(splits["test"]) == {"no": 12, "yes": 8}
    assert (
        "20 of the 100 examples of train, drawn at random, stratified by class"
        in splits["test"].note
    )


@given(
    st.lists(st.sampled_from("abcd"), min_size=20, max_size=80),
    st.sampled_from([0.1, 0.25, 0.4]),
    st.integers(0, 3),
)
@settings(deadline=None, max_examples=40)
def test_parts_are_disjoint_and_stratified(labels: list[str], share: float, seed: int) -> None:
    splits = draw(labels, hold_out={"validation": 0, "test": share}, split_seed=seed)
    assert sorted(texts(splits)) == sorted(f"text {n}" for n in range(len(labels)))
    assert len(splits["test"]) == len(labels) - int(len(labels) * (1 - share) + 1e-9)
    for label, number in Counter(labels).items():
        assert abs(counts(splits["test"])[label] - number * share) < 2
        assert counts(splits["train"])[label] > 0


def test_the_draw_depends_on_the_split_seed_alone() -> None:
    labels = ["a", "b"] * 30
    first, again, other = (
        draw(labels, hold_out={"test": 0.2}, split_seed=seed)["test"] for seed in (0, 0, 1)
    )
    assert first.fingerprint == again.fingerprint != other.fingerprint
    rows = [int(text.split()[1]) for text in first.column("text")]
    assert rows == sorted(rows)  # in the order of the data


def test_the_only_row_of_a_class_stays_in_train() -> None:
    splits = draw(["a"] * 30 + ["b"] * 30 + ["rare"], hold_out={"validation": 0.2, "test": 0.2})
    assert counts(splits["train"])["rare"] == 1
    for name in ("validation", "test"):
        assert "no example of 1 class with too few rows (rare)" in splits[name].note


def test_a_validation_split_is_held_out_unasked_and_that_is_said() -> None:
    splits = draw(["a", "b"] * 50)
    assert [len(split) for split in splits.values()] == [90, 10]
    assert "since the data have no validation split" in splits["validation"].note
    assert list(draw(["a", "b"] * 50, hold_out={"validation": 0})) == ["train"]
    few = draw(["a", "b"] * 4)
    assert list(few) == ["train"]
    assert "too few rows to hold out a validation split" in few["train"].note
    given_ = labelled(["a", "b"] * 50) | {"validation": labelled(["a"])["train"]}
    assert len(hold_out(given_, DataConfig(), Drawing())["train"]) == 100


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_are_a_partition(folds: int) -> None:
    labels = ["a"] * 25 + ["b"] * 12 + ["c"] * 3
    tests = []
    for fold in range(1, folds + 1):
        splits = draw(labels, folds=folds, fold=fold)
        assert len(texts(splits)) == len(set(texts(splits))) == 40
        assert set(splits) == {"train", "validation", "test"}
        assert f"part {fold} of {folds} of train" in splits["test"].note
        for label in "ab":
            assert abs(counts(splits["test"])[label] - labels.count(label) / folds) < 2
        tests += list(splits["test"].column("text"))
    assert sorted(tests) == sorted(f"text {n}" for n in range(40))


def test_folds_leave_the_test_split_of_the_data_alone() -> None:
    given_ = labelled(["a", "b"] * 10) | {"test": labelled(["a"] * 3)["train"]}
    splits = hold_out(given_, DataConfig(folds=2, fold=1), Drawing(label="label"))
    assert len(splits["test"]) == 10
    assert "test of the data is not used" in splits["test"].note


def test_impossible_folds() -> None:
    with pytest.raises(UserError, match=r"data.folds = 9: all.csv has 4 examples; use fewer folds"):
        draw(["a", "b"] * 2, folds=9, fold=1)
    for fold in ({"folds": 1, "fold": 1}, {"folds": 3}, {"folds": 3, "fold": 4}, {"fold": 1}):
        with pytest.raises(ValueError, match=r"data\.fold = "):
            DataConfig.model_validate(fold)


def test_a_language_model_is_cut_in_order(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("".join(f"{n}\n" for n in range(30)))
    config = DataConfig(files={"train": "all.txt"})
    splits = load_splits(config, data_dir=tmp_path, fields=["text"], contiguous=True)
    assert list(splits["validation"].column("text")) == ["27", "28", "29"]
    assert "cut from its end in order, not drawn at random" in splits["validation"].note
    random = config.model_copy(update={"hold_out_by": "random"})
    drawn = load_splits(random, data_dir=tmp_path, fields=["text"], contiguous=True)
    assert list(drawn["validation"].column("text")) != ["27", "28", "29"]


def test_folds_of_one_text_are_stretches_of_it(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("abcdefghijklmnopqrstuvwxyz0123")
    config = DataConfig(files={"train": "all.txt"}, format="text", folds=3, fold=2)
    splits = load_splits(config, data_dir=tmp_path, fields=["text"])
    assert {name: split.column("text")[0] for name, split in splits.items()} == {
        "train": "abcdefghijuvwxyz01",
        "validation": "23",
        "test": "klmnopqrst",
    }
    with pytest.raises(UserError, match="one text is cut from its end"):
        load_splits(
            config.model_copy(update={"hold_out_by": "random"}), data_dir=tmp_path, fields=["text"]
        )
