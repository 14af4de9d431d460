"""Overrides from Python reach a recipe unchanged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.errors import UserError
from nlpseq.recipe import override, to_assignments

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
VALUES = (
    SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXT, SCALARS, min_size=1, max_size=3)
)


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_a_value_comes_back_with_its_type(value: Any) -> None:
    found = override({}, to_assignments({"section": {"key": value}}))["section"]["key"]
    assert found == value
    assert type(found) is type(value)


def test_top_level_keys_tuples_paths_and_numpy() -> None:
    given = {"seed": 14, "training": {"betas": (0.9, 0.99), "learning_rate": np.float64(1e-5)}}
    words = to_assignments(given | {"tokenization": {"path": Path("a") / "b"}})
    assert words == [
        "seed=14",
        "training.betas=[0.9, 0.99]",
        "training.learning_rate=1e-05",
        'tokenization.path="a/b"',
    ]
    assert override({"training": {"epochs": 3}}, words)["training"] == {
        "epochs": 3,
        "betas": [0.9, 0.99],
        "learning_rate": 1e-5,
    }


def test_values_without_a_toml_form_are_refused() -> None:
    with pytest.raises(UserError, match="override encoder.kind = None"):
        to_assignments({"encoder": {"kind": None}})
