"""`--explain` takes a method, or none before a text."""

import pytest

from nlpseq.cli.parser import parse
from nlpseq.errors import UserError


@pytest.mark.parametrize(
    ("words", "method", "texts"),
    [
        (["a film"], "", ["a film"]),
        (["--explain", "a film"], "gradients", ["a film"]),
        (["a film", "--explain"], "gradients", ["a film"]),
        (["a", "--explain", "b", "c"], "gradients", ["a", "b", "c"]),
        (["--explain", "leave-one-out", "a"], "leave-one-out", ["a"]),
        (["--explain=attention", "a"], "attention", ["a"]),
        (["--explain", "--format", "html", "a"], "gradients", ["a"]),
        (["--", "--explain"], "", ["--explain"]),
    ],
)
def test_the_method_may_be_left_out(words: list[str], method: str, texts: list[str]) -> None:
    arguments = parse(["predict", "run", *words])
    assert (arguments.explain, arguments.texts) == (method, texts)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UserError, match="lime"):
        parse(["predict", "run", "--explain=lime", "a"])
