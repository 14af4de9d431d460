"""Columns of fields: named, taken where there is no doubt, or refused with a line that helps."""

from collections.abc import Mapping
from typing import Any

import pytest
from datasets import Dataset
from own_tables import HEAD, tickets

from nlpseq.data.column_choice import ColumnChoice, choose_columns
from nlpseq.data.column_kinds import columns_of
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.experiment.own_data import OPTIONS

TICKETS: dict[str, list[Any]] = dict(
    zip(HEAD, map(list, zip(*tickets(60), strict=True)), strict=True)
)


def split(columns: Mapping[str, list[Any]]) -> Split:
    return Split("train", Dataset.from_dict(dict(columns)), "tickets.csv")


def choose(columns: Mapping[str, list[Any]], **given: Any) -> ColumnChoice:
    return choose_columns({"train": split(columns)}, given, {}, OPTIONS)


def refused(columns: Mapping[str, list[Any]], **given: Any) -> str:
    with pytest.raises(UserError) as error:
        choose(columns, **given)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_kinds_of_columns() -> None:
    kinds = {
        **TICKETS,
        "stars": [n % 5 + 1 for n in range(60)],
        "day": [f"2024-03-{n % 28 + 1:02d}" for n in range(60)],
        "serial": list(range(60)),
        "nothing": [None] * 60,
        "channel": ["mail"] * 60,
        "words": [["a", "b"]] * 60,
        "han": [f"今天的天气非常好我们去公园{chr(0x4E00 + n)}" for n in range(60)],
    }
    found = {name: column.kind for name, column in columns_of(split(kinds)).items()}
    assert found == {
        "id": "id",
        "message": "text",
        "category": "label",
        "score": "number",
        "stars": "label",
        "day": "date",
        "serial": "id",
        "nothing": "empty",
        "channel": "constant",
        "words": "lists",
        "han": "text",
    }


def test_columns_that_leave_no_doubt_are_taken_and_said() -> None:
    choice = choose(TICKETS)
    assert choice.columns == {"text": "message", "label": "category"}
    assert any("--label category" in line for line in choice.lines)


def test_lists_of_words_are_texts_beside_classes() -> None:
    words = [["grey", "stone", f"w{n}"] for n in range(40)]
    classes = [f"k{n % 3}" for n in range(40)]
    choice = choose({"text": words, "label": classes})
    assert choice.columns == {"text": "text", "label": "label"}
    refused({"text": [[n, n + 1] for n in range(40)], "label": classes})


def test_labels_joined_by_a_separator_are_several() -> None:
    parts = ["sport", "arts", "law", "food"]
    joined = ["|".join(parts[n % 4 :][: n % 3 + 1]) for n in range(60)]
    columns = {"message": TICKETS["message"], "subjects": joined}
    assert choose(columns).columns == {"text": "message", "labels": "subjects"}
    line = refused(columns, label="subjects")
    assert line.endswith("give --labels subjects")
    assert choose(columns, labels="subjects").columns["labels"] == "subjects"
    places = [f"{city}, {land}" for city, land in zip("PRLBO", "FIUDN", strict=True)] * 12
    assert choose({**columns, "subjects": places}).columns["label"] == "subjects"


def test_two_texts_beside_classes_are_named_as_a_pair() -> None:
    columns = {
        "first": TICKETS["message"],
        "second": [f"a later note {n} follows" for n in range(60)],
        "relation": [f"r{n % 3}" for n in range(60)],
    }
    assert "`--text first --text2 second --label relation`" in refused(columns)


def test_texts_that_are_all_equal_are_said() -> None:
    columns = {"body": ["the same grey stone"] * 60, "kind": [f"k{n % 4}" for n in range(60)]}
    assert "all values of body are equal" in refused(columns)


def test_a_report_takes_numbers_where_no_classes_are() -> None:
    prices = [f"{n % 9},{n % 90 + 10}" for n in range(60)]
    columns = {"message": TICKETS["message"], "price": prices}
    assert "--number price" in refused(columns)
    choice = choose_columns({"train": split(columns)}, {}, {}, OPTIONS, only_report=True)
    assert choice.columns == {"text": "message", "number": "price"}


def test_the_named_column_wins() -> None:
    stars = [n % 5 + 1 for n in range(60)]
    choice = choose({**TICKETS, "stars": stars}, label="stars")
    assert choice.columns == {"text": "message", "label": "stars"}


def test_two_columns_of_classes_are_a_doubt() -> None:
    columns = {**TICKETS, "place": [f"p{n % 3}" for n in range(60)]}
    del columns["category"]
    columns["kind"] = [f"k{n % 4}" for n in range(60)]
    line = refused(columns)
    assert "--label" in line
    assert "place (3 values)" in line
    assert "kind (4 values)" in line


def test_text_alone_is_a_language_model_with_a_hint_to_classes() -> None:
    choice = choose(TICKETS, text="message")
    assert choice.fields == {"text"}
    assert "--label category" in choice.lines[0]


def test_a_single_column_of_texts_is_taken() -> None:
    assert choose({"message": TICKETS["message"]}).columns == {"text": "message"}


def test_several_columns_are_one_text() -> None:
    columns = {**TICKETS, "title": [f"title of message {n}" for n in range(60)]}
    choice = choose(columns, text="title,message", label="category")
    assert choice.columns["text"] == ("title", "message")
    assert choose(columns, text=("title", "message"), label="category") == choice


@pytest.mark.parametrize("names", [("source", "target"), ("en", "de"), ("text", "summary")])
def test_pairs_are_known_by_their_names(names: tuple[str, str]) -> None:
    texts = [f"this is the sentence number {n}" for n in range(30)]
    others = [f"das ist der Satz mit der Nummer {n}" for n in range(30)]
    columns = dict(zip(names, (texts, others), strict=True))
    if names[0] == "text":
        choice = choose(columns, target="summary")
    else:
        choice = choose(columns)
    assert choice.columns == {"source": names[0], "target": names[1]}


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"text": "mesage"}, ["no such column", "did you mean 'message'?"]),
        ({"text": "message", "label": "message"}, ["name the same column 'message'"]),
        ({"label": "score"}, ["different values", "--number score"]),
        ({"label": "id"}, ["60 different values in 60 rows", "an id?"]),
        ({"text": "id", "label": "category"}, ["ids such as 'T00000'"]),
        ({"label": "message"}, ["it holds texts, give --text message"]),
        ({"tags": "category"}, ["one tag for each token", "--label"]),
        ({"number": "category"}, ["not numbers", "--label"]),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, str], parts: list[str]) -> None:
    line = refused(TICKETS, **given)
    for part in parts:
        assert part in line


def test_one_class_is_refused() -> None:
    columns = {"message": TICKETS["message"], "label": ["x"] * 60}
    for given in ({}, {"label": "label"}):
        assert "all rows have the label 'x'" in refused(columns, **given)


def test_an_empty_column_is_refused() -> None:
    columns = {**TICKETS, "empty": [""] * 60}
    assert "the column is empty" in refused(columns, label="empty")


def test_without_texts_there_is_nothing_to_learn_from() -> None:
    columns = {"id": TICKETS["id"], "category": TICKETS["category"]}
    assert "no column holds texts" in refused(columns)


def test_many_classes_that_repeat_are_classes() -> None:
    columns = {"message": TICKETS["message"] * 10, "code": [n % 90 for n in range(600)]}
    assert choose(columns, label="code").columns["label"] == "code"


def test_lists_are_spans_or_labels() -> None:
    texts = TICKETS["message"]
    spans = [[{"start": 0, "end": 3, "label": "X"}], []] * 30
    choice = choose({"message": texts, "entities": spans})
    assert choice.columns == {"text": "message", "spans": "entities"}
    choice = choose({"message": texts, "topics": [["a"], ["a", "b"]] * 30})
    assert choice.columns == {"text": "message", "labels": "topics"}
    assert "not spans by offset" in refused(TICKETS, spans="category")


def test_columns_of_switches_are_proposed_as_several_labels() -> None:
    columns = {"message": TICKETS["message"], "toxic": [0, 1] * 30, "insult": [0, 1, 1] * 20}
    assert "--labels toxic,insult" in refused(columns)
