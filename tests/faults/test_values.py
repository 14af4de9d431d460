"""Every number of every schema has bounds, and no value of any key does more than be refused in one short line."""

import itertools
import zlib
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nlpseq.tasks import TASKS

from nlpseq import recipe
from nlpseq.cli.schemas import schema_of
from nlpseq.errors import UserError
from nlpseq.recipe.keys import describe
from nlpseq.training.progress import RunLength

DIGITS = "9" * 5000
VALUES = (
    *(
        "0",
        "-0.0",
        "-1",
        "1",
        "2",
        "0.5",
        "1e-300",
        "1e-45",
        "1e39",
        "1e300",
        "-1e300",
        "inf",
        "-inf",
        "nan",
    ),
    *(
        "2147483647",
        "2147483648",
        "9223372036854775807",
        "18446744073709551616",
        DIGITS,
        f"0x{'f' * 5000}",
    ),
    *(
        "true",
        "false",
        "",
        '""',
        '" "',
        '"\\u0000"',
        "a\0b",
        "x" * 100_000,
        '"\\u2028"',
        "\ud800",
        "\x1b[31m",
    ),
    *(
        "[]",
        "[1]",
        "[1, 1]",
        "[-1]",
        "[1e300]",
        "['a']",
        "[[1]]",
        "[" * 2000,
        "[" * 200 + "]" * 200,
    ),
    *(
        "{}",
        "{ a = 1 }",
        "{ a = { b = 1 } }",
        "{ '<inherited>' = 1 }",
        "{ train = 1 }",
        "{ train = 'a' }",
    ),
    *("..", "/", "/dev/zero", "none", "auto", "2020-01-01", "3\nseed = 4"),
)
ODD_KEYS = (
    "encoder.<inherited>",
    "<inherited>",
    "encoder",
    "data",
    "x.y.z",
    "encoder.kind.x",
    "a." * 3000 + "b",
)
KINDS = ("", "transformer", "cnn", "hierarchical", "rcnn", "dilated_cnn")


def outcome(task: str, assignments: list[str]) -> str:
    """Return `valid`, or `refused` for an error in one line of bounded length."""
    try:
        document = recipe.override({"task": task}, assignments)
        recipe.validate(schema_of(task), document, "recipe x")
    except UserError as error:
        said = str(error)
    else:
        return "valid"
    assert len(said) <= 2000
    assert "\n" not in said
    return "refused"


def check_edges(share: int) -> Counter[str]:
    """Try every value of every key of every task, or one of `share` of them."""
    counts: Counter[str] = Counter()
    for task in TASKS:
        keys = sorted({key.full_name for key in describe(schema_of(task))})
        for key, kind, value in itertools.product([*keys, *ODD_KEYS], KINDS, VALUES):
            if kind and not key.startswith(("encoder.", "decoder.")):
                continue
            if zlib.crc32(repr((task, key, kind, value)).encode()) % share == 0:
                chosen = [f"encoder.kind={kind}"] if kind else []
                counts[outcome(task, [*chosen, f"{key}={value}"])] += 1
    return counts


def test_values_at_the_edges_are_taken_or_refused_in_a_line() -> None:
    counts = check_edges(16)
    assert counts["valid"] > 100
    assert counts["refused"] > 5000


@pytest.mark.long
def test_all_values_at_the_edges() -> None:
    assert check_edges(1).total() > 45_000


@settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sampled_from(sorted(TASKS)),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["encoder", "training", "data", "decoding", "head", "seed", "tokenization"]
            )
            | st.text(max_size=8),
            st.text(max_size=12)
            | st.sampled_from(["kind", "hidden_size", "epochs", "files", "columns"]),
            st.sampled_from(VALUES)
            | st.text(max_size=20)
            | st.floats().map(str)
            | st.integers().map(str),
        ),
        max_size=4,
    ),
)
def test_any_overrides(task: str, given_keys: list[tuple[str, str, str]]) -> None:
    assert outcome(task, [f"{section}.{key}={value}" for section, key, value in given_keys])


@pytest.mark.parametrize("task", TASKS)
def test_every_number_has_both_bounds(task: str) -> None:
    numbers = [
        key for key in describe(schema_of(task)) if {"integer", "number"} & set(key.type.split())
    ]
    assert len(numbers) > 60
    assert [key.full_name for key in numbers if not key.range] == []


def test_bounds_are_refused_beyond_and_taken_at_them() -> None:
    for key, low, high in (
        ("decoding.temperature", "0.001", "1000"),
        ("encoder.forget_bias", "-100", "100"),
        ("training.layer_decay", "1e-6", "1"),
        ("decoding.length_alpha", "0", "5"),
        ("training.clip_value", "0", "1e9"),
        ("training.final_learning_rate", "0", "1000"),
        ("training.l2", "0", "1e6"),
    ):
        task = "classification" if key == "training.layer_decay" else "language_modeling"
        assert [outcome(task, [f"{key}={value}"]) for value in (low, high)] == ["valid"] * 2, key
        beyond = [str(float(low) - 1e-9 if float(low) else -1e-9), f"{float(high) * 1.001}"]
        assert [outcome(task, [f"{key}={value}"]) for value in beyond] == ["refused"] * 2, key


def test_the_mark_of_inherited_keys_is_no_key() -> None:
    for assignment in ("encoder.<inherited>=3", "encoder={ '<inherited>' = [] }"):
        with pytest.raises(UserError, match="unknown key encoder.<inherited>"):
            recipe.override({"task": "tagging"}, [assignment])


def test_a_line_end_in_a_value_begins_no_other_key() -> None:
    assert recipe.override({}, ["seed=3\nother = 4"]) == {"seed": "3\nother = 4"}


def test_a_short_fraction_of_an_epoch_is_an_update_and_a_long_warmup_is_noted() -> None:
    config = schema_of("tagging")(task="tagging").training
    short = RunLength(8, config.model_copy(update={"epochs": 1e-12}))
    assert short.total == 1
    assert short.notes()
    warm = RunLength(8, config.model_copy(update={"epochs": 1.0, "warmup": 800.0}))
    assert "800 updates is longer than the run of 8" in warm.long_warmup_note()
    assert RunLength(8, config.model_copy(update={"warmup": 80.0})).long_warmup_note() == ""
