"""Notes on the splits of a run."""

from datasets import Dataset

from nlpseq.data.split import Split, missing_column_error
from nlpseq.data.split_notes import overlap_notes


def split(name: str, texts: list[str], column: str = "text") -> Split:
    return Split(name, Dataset.from_dict({column: texts}), "plants.csv")


def test_a_split_that_is_named_twice_has_one_note() -> None:
    splits = {
        "train": split("train", ["oak", "ash"]),
        "validation": split("validation", ["ash ", "fir"]),
    }
    (note,) = overlap_notes(splits, ["train", "validation", "validation"], ["text"])
    assert note.startswith("validation: 1 of 2 examples (50.0%) have a text that is also in train")


def test_a_pair_overlaps_if_both_of_its_texts_do() -> None:
    def pairs(name: str, rows: list[tuple[str, str]]) -> Split:
        columns = {"text": [a for a, _ in rows], "text2": [b for _, b in rows]}
        return Split(name, Dataset.from_dict(columns), "plants.csv")

    splits = {
        "train": pairs("train", [("oak", "ash"), ("fir", "elm")]),
        "test": pairs("test", [("oak", "elm"), ("fir ", "elm"), ("ash", "oak")]),
    }
    (note,) = overlap_notes(splits, ["test"], ["text", "text2"])
    assert note.startswith("test: 1 of 3 examples (33.3%) have a pair that is also in train")


def test_a_column_whose_name_has_a_space_is_shown_in_quotes() -> None:
    error = missing_column_error("text", split("train", ["oak"], " text"))
    assert "has no column 'text', it has ' text';" in str(error)
