"""What `nlpseq predict` reads, and the forms in which it prints."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlpseq.cli.parser import parse
from nlpseq.cli.text_input import chunks, read_texts
from nlpseq.errors import UserError
from nlpseq.reporting.predictions import in_short, render

ENTITIES: dict[str, Any] = {
    "text": "Zoë saw  Rome.",
    "entities": [
        {"text": "Zoë", "type": "PER", "start": 0, "end": 3, "confidence": 0.981},
        {"text": "Rome", "type": "LOC", "start": 9, "end": 13, "confidence": 0.5},
    ],
    "tokens": ["Zoë", "saw", "Rome", "."],
    "tags": ["B-PER", "O", "B-LOC", "O"],
}
NO_ENTITIES: dict[str, Any] = {"text": "", "entities": [], "tokens": [], "tags": []}
LABEL: dict[str, Any] = {
    "text": "great fun",
    "label": "positive",
    "probabilities": {"negative": 0.25, "positive": 0.75},
}
ATTENDED = LABEL | {"tokens": ["great", "fun"], "weights": [0.9, 0.1]}
NO_LABEL: dict[str, Any] = {"text": "", "label": None, "probabilities": {}}
OUTPUT: dict[str, Any] = {"text": "a <man>", "output": "ein\u2028 Mann\x1b\n", "score": -0.5}
NO_OUTPUT: dict[str, Any] = {"text": "", "output": "", "score": None}
LIKELIHOOD: dict[str, Any] = {"text": "the man", "nll": 3.0, "tokens": 3, "perplexity": 2.718}


def read(*words: str, file: Path | None = None, stdin: bytes | None = None) -> list[str]:
    stream = None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin))
    return list(read_texts(words, file, stream))


def rendered(
    *given: dict[str, Any], form: str | None = None, explain: bool = False, terminal: bool = False
) -> str:
    return "".join(render([given], form, explain=explain, terminal=terminal))


# Texts in


CONTENT = "\ufeffone\r\n\n  zwei ü\u2028x \nlast".encode()
TEXTS = ["one", "", "  zwei ü\u2028x ", "last"]


def test_the_same_lines_come_from_a_file_a_gzip_file_and_standard_input(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "texts.txt", tmp_path / "texts.gz"
    plain.write_bytes(CONTENT)
    zipped.write_bytes(gzip.compress(CONTENT))
    assert read(file=plain) == read(file=zipped) == read(stdin=CONTENT) == TEXTS
    assert read(stdin=CONTENT + b"\n") == TEXTS


def test_each_word_is_a_text() -> None:
    assert read("a b", "", "c") == ["a b", "", "c"]


def test_reading_is_in_chunks_and_no_further_than_asked() -> None:
    class Counted(io.BytesIO):
        lines = 0

        def __next__(self) -> bytes:
            self.lines += 1
            return super().__next__()

    raw = Counted(b"x\n" * 205)
    stream = io.TextIOWrapper(raw)
    found = chunks(read_texts((), None, stream), 100)
    assert len(next(found)) == 100
    assert raw.lines == 100
    assert [len(chunk) for chunk in found] == [100, 5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"good\nb\0d\n", "line 2: a NUL byte"),
        (b"good\n\nna\xefve\n", "line 3: not UTF-8"),
        ("wide".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_text_is_said_with_its_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as of_file:
        read(file=path)
    assert str(path) in str(of_file.value)
    with pytest.raises(UserError, match=said) as of_stream:
        read(stdin=content)
    assert "standard input" in str(of_stream.value)


def test_a_gzip_file_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "texts.gz"
    path.write_bytes(gzip.compress(CONTENT * 50)[:-9])
    with pytest.raises(UserError, match="damaged or cut short"):
        read(file=path)


def test_nothing_given_or_too_much() -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    for stream in (Terminal(io.BytesIO(b"typed\n")), None):
        with pytest.raises(UserError, match="no text"):
            read_texts((), None, stream)
    with pytest.raises(UserError, match="one or the other"):
        read_texts(["a"], Path("b"), None)
    with pytest.raises(UserError, match="text 2 of the command line"):
        read("a", "b\udcff")


# Answers out


def test_json_is_one_line_each_in_order() -> None:
    printed = rendered(LABEL, NO_LABEL, LABEL | {"text": "zwei\nü"}, form="json")
    lines = printed.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["great fun", "", "zwei\nü"]
    assert json.loads(lines[0]) == LABEL
    assert "ü" in printed


def test_conll_has_a_block_for_each_text() -> None:
    printed = rendered(ENTITIES, NO_ENTITIES, ENTITIES, form="conll")
    block = "Zoë B-PER\nsaw O\nRome B-LOC\n. O\n\n"
    assert printed == block + "\n" + block


def test_the_default_is_colour_where_it_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert json.loads(rendered(ENTITIES)) == ENTITIES
    assert rendered(ENTITIES, terminal=True) == "[Zoë PER 0.98] saw  [Rome LOC 0.50].\n"
    assert json.loads(rendered(ATTENDED, terminal=True)) == ATTENDED
    assert json.loads(rendered(ATTENDED, explain=True)) == ATTENDED
    assert (
        rendered(ATTENDED, explain=True, terminal=True) == "positive 0.75  great(0.90) fun(0.10)\n"
    )
    assert json.loads(rendered(LIKELIHOOD, terminal=True)) == LIKELIHOOD


def test_html_is_one_page_over_all_chunks() -> None:
    pieces = list(render([[ENTITIES], [NO_ENTITIES]], "html", explain=False, terminal=False))
    page = "".join(pieces)
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert page.count("<html") == page.count("</body>") == 1
    assert page.count("<p>") == 2
    assert len(pieces) == 3


def test_an_output_is_one_line_wherever_it_goes() -> None:
    line = "ein  Mann\x1b\n"
    assert rendered(OUTPUT, NO_OUTPUT, OUTPUT) == f"{line}\n{line}"
    assert rendered(OUTPUT, form="text") == line
    assert rendered(OUTPUT, terminal=True) == "ein  Mann␛\n"
    best = OUTPUT | {"hypotheses": [OUTPUT, {"output": "x", "score": -1.0, "log_prob": -2.0}]}
    assert rendered(best) == line
    lines = rendered(best, NO_OUTPUT, form="json").removesuffix("\n").split("\n")
    assert [json.loads(one) for one in lines] == [best, NO_OUTPUT]


def test_answers_are_shown_while_the_rest_is_unread() -> None:
    def two_chunks() -> Iterator[list[dict[str, Any]]]:
        yield [LABEL]
        raise UserError("line 2 is bad")

    pieces = render(two_chunks(), None, explain=False, terminal=False)
    assert json.loads(next(pieces)) == LABEL
    with pytest.raises(UserError, match="line 2"):
        next(pieces)


@pytest.mark.parametrize(
    ("answer", "form", "explain", "said"),
    [
        (
            LABEL,
            "conll",
            False,
            "--format conll does not fit a classification: use json, text, html",
        ),
        (ATTENDED, "conll", True, "--format conll does not fit"),
        (LIKELIHOOD, "text", False, "--format text does not fit these answers: use json"),
        (LIKELIHOOD, "html", False, "use json"),
        (LABEL, None, True, "does not attend.*head.pooling=attention"),
        (ENTITIES, "text", True, "--explain does not fit entities"),
        (LIKELIHOOD, None, True, "--explain does not fit these answers"),
        (OUTPUT, "conll", False, "conll does not fit written texts: use json, text, html"),
        (OUTPUT, None, True, "--explain does not fit written texts"),
    ],
)
def test_what_does_not_fit_is_refused(
    answer: dict[str, Any], form: str | None, explain: bool, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        rendered(answer, form=form, explain=explain)


def test_an_empty_text_needs_no_weights() -> None:
    printed = rendered(NO_LABEL, ATTENDED, form="text", explain=True)
    assert printed == "no label\npositive 0.75  great(0.90) fun(0.10)\n"


def test_every_form_of_the_command_line_is_known() -> None:
    for form in ("json", "text", "conll", "html"):
        assert parse(["predict", "run", "x", "--format", form]).format == form
        assert rendered(ENTITIES, form=form)


def test_answers_in_short() -> None:
    entities = [{"text": "Ada Lovelace", "type": "PER"}, {"text": "Paris", "type": "LOC"}]
    assert in_short({"text": "", "entities": entities}) == "Ada Lovelace PER, Paris LOC"
    assert in_short({"text": "", "entities": []}) == "none"
    classified = {"label": "good", "probabilities": {"good": 0.984, "bad": 0.016}}
    assert in_short(classified) == "good (0.98)"
    assert in_short({"label": None, "probabilities": {}}) == "none"
    assert in_short({"output": "two\nlines\x1b"}) == "two lines\u241b"
