"""Formats, delimiters and headers that are detected, and folders of splits."""

import csv
import io
import json
from pathlib import Path

import pytest

from nlpseq.errors import UserError
from nlpseq.readers import READERS, ReadOptions, read_files
from nlpseq.readers.detect import Detected, detect, detect_splits
from nlpseq.readers.folders import split_of_name

ROWS = [("an elm, old", "tree"), ("a red iris", "herb"), ("the fir", "tree")]
DICTS = [{"text": text, "label": label} for text, label in ROWS]


def written(delimiter: str = ",", **options) -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, **options).writerows([("text", "label"), *ROWS])
    return stream.getvalue()


CONLL = "Ana NNP B-PER\nnaps VBZ O\n\nRome NNP B-LOC\n"
PAIR = {"translation": {"en": "an elm", "vo": "ulm"}}
FILES = {
    "a.csv": (written(), "csv", ("text", "label")),
    "a.txt": (written(), "csv", ("text", "label")),
    "semicolon.csv": (written(";"), "csv", ("text", "label")),
    "pipe.txt": (written("|"), "csv", ("text", "label")),
    "a.tsv": (written("\t"), "tsv", ("text", "label")),
    "tab.csv": (written("\t"), "tsv", ("text", "label")),
    "quoted.tsv": (written("\t", quoting=csv.QUOTE_ALL), "csv", ("text", "label")),
    "a.jsonl": ("\n".join(map(json.dumps, DICTS)), "jsonl", ("text", "label")),
    "lines.json": ("\n".join(map(json.dumps, DICTS)), "jsonl", ("text", "label")),
    "a.json": (json.dumps(DICTS), "json", ("text", "label")),
    "indented.txt": (json.dumps({"data": DICTS}, indent=1), "json", ("text", "label")),
    "nested.jsonl": (json.dumps(PAIR), "jsonl", ("translation.en", "translation.vo")),
    "en-vo.tsv": ("en\tvo\nan elm\tulm\nan iris\tiridin\n", "tsv", ("en", "vo")),
    "conll.txt": (CONLL, "conll", ("1", "2", "3")),
    "a.bio": ("Ana B-PER\nnaps O\n", "conll", ("1", "2")),
    "fasttext.txt": (
        "__label__tree an elm\n__label__herb an iris\n",
        "fasttext",
        ("text", "label", "labels"),
    ),
    "trees.txt": ("(3 (2 It) (4 works))\n(1 (0 bad) (2 elm))\n", "trees", ("text",)),
    "prose.txt": (
        "The elm, the iris.\nA fir stands here.\n\nIt is old, and tall.\n",
        "lines",
        ("text",),
    ),
    "one.csv": ("text\nan elm\nan iris\n", "csv", ("text",)),
}


@pytest.mark.parametrize("name", FILES)
def test_formats(tmp_path, name) -> None:
    content, format, columns = FILES[name]
    (tmp_path / name).write_text(content, newline="")
    detected = detect(tmp_path / name)
    assert (detected.format, detected.columns) == (format, columns)
    assert detected.line.startswith(f"format {format} (data.format changes this)")
    options = ReadOptions(**detected.options)
    table = read_files(tmp_path, name, detected.format, options).table
    automatic = read_files(tmp_path, name, "auto")
    assert automatic.table.equals(table)
    assert automatic.note.startswith(f"format {format} (data.format changes this)")
    if columns == ("text", "label"):
        assert table.select(["text", "label"]).to_pylist() == DICTS


def test_delimiter_and_header_are_said(tmp_path) -> None:
    (tmp_path / "t.csv").write_text(written(";"))
    detected = detect(tmp_path / "t.csv")
    assert detected.notes[1:] == (
        "delimiter semicolon (data.delimiter changes this)",
        "the first line names the columns: text, label (data.header=false changes this)",
    )
    assert detected.options == {"delimiter": "semicolon", "header": True}
    (tmp_path / "t.csv").write_text("\n".join(f'"{text}",{label}' for text, label in ROWS))
    detected = detect(tmp_path / "t.csv")
    assert detected.columns == ("1", "2")
    assert detected.notes[-1] == (
        "no header, the first line is data: columns 1 to 2 (data.header=true changes this)"
    )
    told = detect(
        tmp_path / "t.csv", header=True, delimiter="comma", format="csv", encoding="latin-1"
    )
    assert told.notes == ()
    assert told.options == {"encoding": "latin-1", "delimiter": "comma", "header": True}


def test_fields_of_parallel_text(tmp_path) -> None:
    for name in ("en-vo.tsv", "nested.jsonl"):
        (tmp_path / name).write_text(FILES[name][0])
        columns = FILES[name][2]
        assert detect(tmp_path / name).fields == {"source": columns[0], "target": columns[1]}


def test_labels_of_fasttext(tmp_path) -> None:
    content = "__label__tree __label__old an elm \n\nthe __label__herb iris\n"
    (tmp_path / "t.txt").write_text(content)
    assert detect(tmp_path / "t.txt").fields == {"text": "text", "labels": "labels"}
    table = read_files(tmp_path, "t.txt", "fasttext").table
    assert table.to_pydict() == {
        "labels": [["tree", "old"], ["herb"]],
        "text": ["an elm", "the iris"],
    }
    (tmp_path / "t.txt").write_text("__label__tree an elm\nan iris\n")
    with pytest.raises(UserError, match="line 2: no __label__ in it: 'an iris'"):
        read_files(tmp_path, "t.txt", "fasttext")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n  \n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0", "a binary file that is neither Parquet"),
    ],
)
def test_files_in_no_format(tmp_path, content, message) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        detect(tmp_path / "t.csv")
    with pytest.raises(UserError, match=message):
        read_files(tmp_path, "t.csv", "auto")


SPLITS: list[tuple[list[str], dict[str, str]]] = [
    (["train.csv", "dev.csv"], {"train": "train.csv", "validation": "dev.csv"}),
    (["eng.train", "eng.testb"], {"train": "eng.train", "test": "eng.testb"}),
    (["eng.train", "eng.testa"], {"train": "eng.train", "validation": "eng.testa"}),
    (["vo-ud-train.conllu.gz", "README.md"], {"train": "vo-ud-train.conllu.gz"}),
    (
        ["train-00.csv", "train-01.csv", "valid.csv"],
        {"train": "train-*.csv", "validation": "valid.csv"},
    ),
    (["train/seq.in", "train/seq.out"], {"train": "train/seq.in, train/seq.out"}),
    (["train.en", "train.vo"], {"train": "train.en, train.vo"}),
    (["trainer.csv", "latest.csv"], {}),
]


@pytest.mark.parametrize(("names", "splits"), SPLITS)
def test_splits_of_a_folder(tmp_path, names, splits) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n")
    assert detect_splits(tmp_path) == splits


def test_names_of_splits() -> None:
    names = {"train": "train", "my_validation": "validation", "testing": "test", "data": ""}
    assert {name: split_of_name(Path(f"{name}.csv")) for name in names} == names


def test_sequences_in_two_files(tmp_path) -> None:
    (tmp_path / "seq.in").write_text("an elm grows\nRome\n")
    (tmp_path / "seq.out").write_text("O B-TREE O\nB-LOC\n")
    (tmp_path / "label").write_text("plant\nplace\n")
    table = read_files(tmp_path, "seq.in, seq.out, label", "seq_in_out").table
    assert table.to_pylist()[0] == {
        "tokens": ["an", "elm", "grows"],
        "tags": ["O", "B-TREE", "O"],
        "label": "plant",
    }
    with pytest.raises(UserError, match="tokens and tags are two files"):
        read_files(tmp_path, "seq.in, seq.out, label, label", "seq_in_out")
    alone = read_files(tmp_path, "seq.in", "seq_in_out")
    assert alone.table.to_pylist() == [{"tokens": ["an", "elm", "grows"]}, {"tokens": ["Rome"]}]
    assert "these are the tokens alone" in alone.note
    (tmp_path / "gap").write_text("an elm\n\n")
    with pytest.raises(UserError, match=r"gap, line 2: no token in it"):
        read_files(tmp_path, "gap", "seq_in_out")
    (tmp_path / "seq.out").write_text("O B-TREE\nB-LOC\n")
    with pytest.raises(UserError, match=r"seq.out, line 1: 2 tags for 3 tokens of seq.in"):
        read_files(tmp_path, "seq.in, seq.out", "seq_in_out")
    (tmp_path / "seq.out").write_text("O\n")
    with pytest.raises(UserError, match="they are not parallel"):
        read_files(tmp_path, "seq.in, seq.out", "seq_in_out")


def test_every_detected_format_has_a_reader() -> None:
    assert {format for _, format, _ in FILES.values()} <= set(READERS)
    assert Detected("lines").options == {}
