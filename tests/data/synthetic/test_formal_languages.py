"""Formal languages: answers and distances agree with those recomputed from the tokens."""

from collections import Counter
from typing import Any

import pytest

from nlpseq.data.sources import load_splits
from nlpseq.data.synthetic import formal_languages
from nlpseq.data.synthetic.formal_languages import DEPTH, KEPT, VIEWS, answer_indices, draw_splits
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig

DISTANCES = {"copy_memory": (5, 8, 30), "delayed_recall": (5, 12), "dyck2": (1, 3, 9, 41)}


def rows(view: str, size: int = 240, seed: int = 0) -> list[dict[str, Any]]:
    return draw_splits(view, {"train": size}, DISTANCES[view], seed)["train"]


@pytest.mark.parametrize("view", ["copy_memory", "delayed_recall"])
def test_answers_repeat_the_token_at_their_distance(view: str) -> None:
    counts: Counter[int] = Counter()
    for row in rows(view):
        tokens = row["text"].split()
        assert len(row["answers"]) == KEPT
        for place, distance in zip(row["answers"], row["distances"], strict=True):
            assert tokens[place] == tokens[place - distance] in formal_languages.SYMBOLS
            assert place - distance < KEPT
        counts[row["distances"][0]] += 1
        between = tokens[KEPT : row["answers"][0] - 1]
        assert set(between) <= ({"."} if view == "copy_memory" else set(formal_languages.SYMBOLS))
    assert len({*counts.values()}) == 1  # equal shares
    assert set(counts) == set(DISTANCES[view])


def matching(tokens: list[str]) -> dict[int, int]:
    """Match closing to opening indices by removing innermost pairs until none is left."""
    left, found = list(enumerate(tokens)), {}
    while left:
        for (a, one), (b, two) in zip(left, left[1:], strict=False):
            if one + two in ("()", "[]"):
                found[b] = a
                left.remove((a, one))
                left.remove((b, two))
                break
        else:
            raise AssertionError(f"not well formed: {tokens}")
    return found


def test_brackets_match() -> None:
    deepest, outermost = 0, Counter[int]()
    for row in rows("dyck2"):
        tokens = row["text"].split()
        pairs = matching(tokens)
        assert dict(zip(row["answers"], row["distances"], strict=True)) == {
            close: close - open_ for close, open_ in pairs.items()
        }
        outermost[pairs[len(tokens) - 1] - 0 or max(row["distances"])] += 1
        heights = [
            sum(t in "([" for t in tokens[: n + 1]) - sum(t in ")]" for t in tokens[: n + 1])
            for n in range(len(tokens))
        ]
        assert 0 not in heights[:-1]  # the outermost pair holds all others
        deepest = max(deepest, *heights)
    assert deepest == DEPTH
    assert outermost == {distance: 60 for distance in DISTANCES["dyck2"]}


@pytest.mark.parametrize("view", VIEWS)
def test_positions_of_answers_follow_from_the_text(view: str) -> None:
    for row in rows(view):
        assert answer_indices(row["text"].split()) == row["answers"]
    assert answer_indices(["the", "cat"]) is None


@pytest.mark.parametrize("view", VIEWS)
def test_the_same_seed_gives_the_same_rows_and_splits_differ(view: str) -> None:
    drawn = draw_splits(view, {"train": 50, "test": 50}, DISTANCES[view])
    assert drawn["train"] == rows(view, 50) != rows(view, 50, seed=1)
    assert drawn["test"] != drawn["train"]


@pytest.mark.parametrize(
    ("view", "distance", "said"),
    [
        ("copy_memory", 4, "data.distances: 4 is too short for copy_memory, the shortest is 5"),
        ("dyck2", 6, "data.distances: 6 is even, .* choose 5 or 7"),
    ],
)
def test_impossible_distances_are_refused(view: str, distance: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        draw_splits(view, {"train": 1}, (distance,))


def test_they_are_views_of_the_built_in_corpus() -> None:
    config = DataConfig(
        view="dyck2", sizes={"train": 4, "validation": 2, "test": 2}, distances=(3,)
    )
    found = load_splits(config, data_dir=None, fields=["text", "answers", "distances"])
    assert {name: len(split) for name, split in found.items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    with pytest.raises(
        UserError, match="data.distances: only data.view = copy_memory, delayed_recall"
    ):
        load_splits(DataConfig(distances=(3,)), data_dir=None, fields=["text"])
