"""`--explain` takes a method, or none before a text."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import pytest

from nlpseq.cli.main import main
from nlpseq.cli.parser import parse
from nlpseq.errors import UserError
from nlpseq.predictor import LabelledText


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


def test_a_label_to_explain_asks_for_an_explanation() -> None:
    arguments = parse(["predict", "run", "--explain-label", "insult", "a"])
    assert (arguments.explain, arguments.explain_label) == ("gradients", "insult")
    arguments = parse(["predict", "run", "--explain", "leave-one-out", "--explain-label=b", "a"])
    assert (arguments.explain, arguments.explain_label) == ("leave-one-out", "b")


class Labeller:
    """Labels every text `b`; a contribution says which label was asked for."""

    name: ClassVar[str] = "text labeller"
    prediction_type: ClassVar[type[LabelledText]] = LabelledText
    labels: ClassVar[list[str]] = ["a", "b"]

    def predict(self, texts: Iterable[str], /, *, pretokenized: bool = False) -> list[LabelledText]:
        return [LabelledText(text, ("b",), {"a": 0.1, "b": 0.9}) for text in texts]

    def explain(
        self,
        texts: Iterable[str],
        /,
        *,
        method: str = "gradients",
        pretokenized: bool = False,
        label: str | None = None,
    ) -> list[LabelledText]:
        share = {"a": -1.0, "b": 1.0, None: 0.5}[label]
        return [
            replace(p, tokens=(p.text,), attributions=(share,), attribution_method=method)
            for p in self.predict(texts)
        ]


@pytest.mark.parametrize(("label", "share"), [("a", -1.0), ("b", 1.0)])
def test_the_label_that_is_named_is_explained(
    label: str,
    share: float,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nlpseq.model_directory.load", lambda name, device: Labeller())
    assert main(["predict", "some", "--explain-label", label, "text"]) == 0
    assert json.loads(capsys.readouterr().out)["attributions"] == [share]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--explain-label", "c"], "the model has a, b"),
        (["--explain-label", "a", "--explain", "attention"], "attention weights are of no label"),
    ],
)
def test_a_label_that_cannot_be_explained(
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nlpseq.model_directory.load", lambda name, device: Labeller())
    assert main(["predict", "some", "text", *words]) == 2
    assert message in capsys.readouterr().err
