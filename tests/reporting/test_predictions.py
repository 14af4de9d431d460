"""The formats in which predictions are printed and written."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from nlpseq.cli.parser import parse
from nlpseq.errors import UserError
from nlpseq.predictor import (
    FORMATS,
    Classification,
    Entity,
    GeneratedText,
    Hypothesis,
    Prediction,
    TaggedText,
    TextScore,
    TokenPredictions,
)
from nlpseq.reporting.predictions import render

TAGGED = TaggedText(
    "Zoë saw  Rome.",
    entities=(Entity("Zoë", "PER", 0, 3, 0.981), Entity("Rome", "LOC", 9, 13, 0.5)),
    tokens=("Zoë", "saw", "Rome", "."),
    tags=("B-PER", "O", "B-LOC", "O"),
)
UNTAGGED = TaggedText("", entities=(), tokens=(), tags=())
CLASSIFIED = Classification("great fun", "positive", {"negative": 0.25, "positive": 0.75})
ATTENDED = replace(CLASSIFIED, tokens=("great", "fun"), weights=(0.9, 0.1))
BLANK = Classification("", "negative", {"negative": 0.6}, tokens=("",), weights=(1.0,))
OUTPUT = GeneratedText("a <man>", "ein\u2028 Mann\x1b\n", -0.5)
NO_OUTPUT = GeneratedText("", "", None)
SCORED = TextScore("the man", nll=3.0, tokens=3, perplexity=2.718)
TOKENS = TokenPredictions("a b", ("a", "b"), ("b", "c"), (0.5, 0.25))


def rendered(
    *predictions: Prediction,
    format: str | None = None,
    explain: bool = False,
    terminal: bool = False,
) -> str:
    return "".join(render([predictions], format, explain=explain, terminal=terminal))


def test_json_is_one_line_for_each_text() -> None:
    printed = rendered(CLASSIFIED, BLANK, replace(CLASSIFIED, text="zwei\nü"), format="json")
    lines = printed.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["great fun", "", "zwei\nü"]
    assert lines[0] == (
        '{"text": "great fun", "label": "positive", "confidence": 0.75, '
        '"probabilities": {"negative": 0.25, "positive": 0.75}}'
    )
    assert "ü" in printed


def test_conll_has_a_block_for_each_text() -> None:
    printed = rendered(TAGGED, UNTAGGED, TAGGED, format="conll")
    block = "Zoë B-PER\nsaw O\nRome B-LOC\n. O\n\n"
    assert printed == block + "\n" + block


def test_the_default_format_is_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert json.loads(rendered(TAGGED)) == TAGGED.to_record()
    assert rendered(TAGGED, terminal=True) == "[Zoë PER 0.98] saw  [Rome LOC 0.50].\n"
    assert rendered(ATTENDED, terminal=True) == "positive 0.75  great fun\n"
    assert json.loads(rendered(ATTENDED, explain=True)) == ATTENDED.to_record(tokens=True)
    assert (
        rendered(ATTENDED, explain=True, terminal=True) == "positive 0.75  great(0.90) fun(0.10)\n"
    )
    assert rendered(SCORED, terminal=True) == "perplexity 2.72  the man\n"
    assert rendered(TOKENS, terminal=True) == "a>b b>c\n"


def test_html_is_one_page_over_all_chunks() -> None:
    pieces = list(render([[TAGGED], [UNTAGGED]], "html", explain=False, terminal=False))
    page = "".join(pieces)
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert page.count("<html") == page.count("</body>") == 1
    assert page.count("<p>") == 2
    assert len(pieces) == 3


def test_a_type_keeps_its_colour_over_all_chunks() -> None:
    chunks = [[TAGGED], [replace(TAGGED, entities=TAGGED.entities[1:])]]
    page = "".join(render(chunks, "html", explain=False, terminal=False))
    assert page.count('<mark class="type-0"') == 1
    assert page.count('<mark class="type-1"') == 2


def test_an_output_is_one_line_in_a_file_and_on_a_terminal() -> None:
    line = "ein\u2028 Mann\x1b\n"
    assert rendered(OUTPUT, NO_OUTPUT, OUTPUT) == f"{line}\n{line}"
    assert rendered(OUTPUT, format="text") == line
    assert rendered(OUTPUT, terminal=True) == "ein\u2028 Mann␛\n"
    best = replace(OUTPUT, hypotheses=(Hypothesis("y", -0.5, -1.0), Hypothesis("x", -1.0, -2.0)))
    assert rendered(best) == line
    lines = rendered(best, NO_OUTPUT, format="json").removesuffix("\n").split("\n")
    assert [json.loads(one) for one in lines] == [best.to_json(), NO_OUTPUT.to_json()]


def test_predictions_are_rendered_while_the_rest_is_unread() -> None:
    def two_chunks() -> Iterator[list[Prediction]]:
        yield [CLASSIFIED]
        raise UserError("line 2 is bad")

    pieces = render(two_chunks(), None, explain=False, terminal=False)
    assert json.loads(next(pieces)) == CLASSIFIED.to_record()
    with pytest.raises(UserError, match="line 2"):
        next(pieces)


@pytest.mark.parametrize(
    ("prediction", "format", "explain", "message"),
    [
        (
            CLASSIFIED,
            "conll",
            False,
            "--format conll does not fit a classification: use json, text, html",
        ),
        (ATTENDED, "conll", True, "--format conll does not fit"),
        (SCORED, "conll", False, "conll does not fit the score of a text: use json, text, html"),
        (
            TOKENS,
            "html",
            False,
            "html does not fit predicted tokens: use json, text, csv, tsv, parquet$",
        ),
        (CLASSIFIED, None, True, "does not attend.*head.pooling=attention"),
        (TAGGED, "text", True, "--explain does not fit entities"),
        (SCORED, None, True, "--explain does not fit the score of a text"),
        (OUTPUT, "conll", False, "conll does not fit generated text: use json, text, html"),
        (OUTPUT, None, True, "--explain does not fit generated text"),
    ],
)
def test_a_format_or_an_explanation_that_does_not_fit_is_refused(
    prediction: Prediction, format: str | None, explain: bool, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        rendered(prediction, format=format, explain=explain)


def test_a_blank_text_has_a_label_and_weights() -> None:
    printed = rendered(BLANK, ATTENDED, format="text", explain=True)
    assert printed == "negative 0.60  (1.00)\npositive 0.75  great(0.90) fun(0.10)\n"


def test_the_command_line_knows_every_format() -> None:
    for format in FORMATS:
        assert parse(["predict", "run", "x", "--format", format]).format == format
        assert rendered(TAGGED, format=format)


@dataclass(frozen=True, slots=True)
class Pair(Prediction):
    """A kind of prediction that nlpseq does not know."""

    kind: ClassVar[str] = "a pair"

    first: str
    second: tuple[int, ...] = ()

    def to_text(self) -> str:
        return f"{self.first} {sum(self.second)}"


def test_a_new_kind_needs_only_its_class() -> None:
    pair = Pair("a text", "one\x1b", (2, 3))
    assert rendered(pair, pair) == (
        '{"text": "a text", "first": "one\\u001b", "second": [2, 3]}\n' * 2
    )
    assert rendered(pair, format="text") == "one\x1b 5\n"
    assert rendered(pair, format="text", terminal=True) == "one␛ 5\n"
    with pytest.raises(UserError, match="--format html does not fit a pair: use json, text, csv"):
        rendered(pair, format="html")
    with pytest.raises(UserError, match="--explain does not fit a pair"):
        rendered(pair, explain=True)
