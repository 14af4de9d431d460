"""Files with columns: which column holds the texts, what is kept beside predictions, and bad rows."""

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from pyarrow import parquet

from nlpseq.cli.main import main
from nlpseq.cli.table_input import Table, choose_sides, open_table
from nlpseq.errors import UserError
from nlpseq.files import partial_of
from nlpseq.predictor import Classification, Entity, GeneratedText, TaggedText, joined

SIZE = 4


class Stopped(Exception):  # noqa: N818 - not an error
    """An exception that nlpseq does not expect."""


class Classifier:
    """Labels a text by its length; it attends to each token."""

    name: ClassVar[str] = "text classifier"
    prediction_type: ClassVar[type[Classification]] = Classification
    text_columns: tuple[str, ...] = ("body",)

    def __init__(self, stop_at: str | None = None) -> None:
        self.stop_at = stop_at
        self.read: list[object] = []

    def predict(self, texts: Iterable[Any], /, *, pretokenized: bool = False) -> list[Any]:
        texts = list(texts)
        if self.stop_at in texts:
            raise Stopped
        self.read += [(text, pretokenized) for text in texts]
        return [self._predict_one(text) for text in texts]

    def _predict_one(self, text: Any) -> Classification:
        second = None
        if isinstance(text, tuple):
            text, second = text
        share = 1 / (1 + len(joined(text)))
        label = "long" if share < 0.5 else "short"
        tokens = tuple(joined(text).split())
        return Classification(
            joined(text),
            label,
            {"long": 1 - share, "short": share},
            text2=second,
            tokens=tokens,
            weights=(1.0,) * len(tokens),
        )


class PairClassifier(Classifier):
    """The same, for pairs."""

    text_columns = ("premise", "hypothesis")


class Tagger:
    """Finds `Rome`."""

    name: ClassVar[str] = "sequence tagger"
    prediction_type: ClassVar[type[TaggedText]] = TaggedText

    def predict(self, texts: Iterable[Any], /, *, pretokenized: bool = False) -> list[TaggedText]:
        tagged = []
        for text in map(joined, texts):
            start = text.find("Rome")
            found = () if start < 0 else (Entity("Rome", "LOC", start, start + 4, 0.5),)
            tagged.append(TaggedText(text, found, tuple(text.split()), ("O",) * len(text.split())))
        return tagged


class Writer:
    """Generates the letters of a text backwards; long texts are cut."""

    name: ClassVar[str] = "translation model"
    prediction_type: ClassVar[type[GeneratedText]] = GeneratedText

    def decoding_config(self, options: object, /, *, attention: bool = False) -> object:
        return options

    def predict(self, texts: Iterable[str], /, **options: Any) -> list[GeneratedText]:
        return [
            GeneratedText(text, text[::-1], len(text) or None, truncated=len(text) > 9)
            for text in texts
        ]

    def attention(self, texts: Iterable[str], /, **options: Any) -> list[Any]:
        raise AssertionError


Predict = Callable[..., int]


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Predict:
    """Return a function that runs `predict` in a folder with a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nlpseq.cli.text_input.GENERATION_CHUNK_SIZE", SIZE)
    monkeypatch.setattr("nlpseq.cli.text_input.CHUNK_SIZE", SIZE)

    def _predict(model: object, *words: str) -> int:
        monkeypatch.setattr("nlpseq.model_directory.load", lambda name, device: model)
        return main(["predict", "some", *words])

    return _predict


ROWS = [
    {"id": f"{n:03d}", "body": f'row "{n}",\n{"x" * n}' if n else "", "label": str(n % 3)}
    for n in range(11)
]


def write_csv(path: Path, rows: Sequence[dict[str, str]] = ROWS, **options: Any) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n", **options)
        writer.writeheader()
        writer.writerows(rows)


def write_config(**data: Any) -> None:
    """Write the recipe of the run whose model is replaced."""
    Path("some").mkdir()
    Path("some/config.json").write_text(json.dumps({"recipe": {"data": data}}))


def test_a_file_is_read_as_the_data_of_the_run(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    # Guessed, the delimiter would be the comma; the first line would be a header.
    Path("in.csv").write_text("body;label\nred, a; b\n".replace("body", "caf\xe9, x"), "latin-1")
    options = {"delimiter": ";", "header": False, "encoding": "latin-1"}
    write_config(format="csv", files={"train": "t.csv"}, **options)
    model = Classifier()
    assert predict(model, "--file", "in.csv", "--column", "1") == 0
    assert [text for text, _ in model.read] == ["caf\xe9, x", "red, a"]
    said = "in.csv: read with --delimiter semicolon, --header false, --encoding latin-1, as the data of"
    assert said in capsys.readouterr().err
    model = Classifier()
    assert predict(model, "--file", "in.csv", "--column", "1", "--header", "true") == 0
    assert [text for text, _ in model.read] == ["red, a"]


@pytest.mark.parametrize(
    "data",
    [{"format": "tsv", "files": {"train": "t.tsv"}}, {"format": "auto", "files": {"a": "t"}}],
)
def test_options_of_another_format_are_not_used(predict: Predict, data: dict[str, Any]) -> None:
    write_csv(Path("in.csv"))
    write_config(delimiter=";", encoding="auto", **data)
    model = Classifier()
    assert predict(model, "--file", "in.csv", "--column", "body") == 0
    assert len(model.read) == len(ROWS)


def test_a_column_that_is_named_needs_a_header(predict: Predict) -> None:
    write_csv(Path("in.csv"))
    write_config(header=False, format="auto", files={"train": "t.csv.gz"})
    model = Classifier()
    assert predict(model, "--file", "in.csv", "--column", "body") == 0
    assert len(model.read) == len(ROWS)


def read_csv(path: str, delimiter: str = ",") -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_csv_keeps_its_columns_and_adds_others(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("in.csv"), delimiter=";")
    model = Classifier()
    assert predict(model, "--file", "in.csv", "--output", "out.csv") == 0
    printed = capsys.readouterr()
    assert "in.csv: csv, column 'body' (--column changes this)" in printed.err
    assert "empty or blank texts: 1 of 11" in printed.err
    assert model.read == [(row["body"], False) for row in ROWS]
    rows = read_csv("out.csv", ";")
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS
    assert [*rows[0]] == ["id", "body", "label", "predicted_label", "confidence"]
    assert [row["predicted_label"] for row in rows] == ["short", *["long"] * 10]
    assert [float(row["confidence"]) for row in rows][:1] == [1.0]
    # In a pipe rows are JSON lines.
    assert predict(model, "--file", "in.csv", "--column", "label", "--probabilities") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[4] == {
        **ROWS[4],
        "predicted_label": "short",
        "confidence": 0.5,
        "probabilities": {"long": 0.5, "short": 0.5},
    }
    assert predict(model, "--file", "in.csv", "--output", "p.tsv", "--probabilities") == 0
    probabilities = ["probabilities.long", "probabilities.short"]
    assert [*read_csv("p.tsv", "\t")[0]][-2:] == probabilities
    assert [row["body"] for row in read_csv("p.tsv", "\t")] == [row["body"] for row in ROWS]


def test_parquet_keeps_types_and_row_groups_are_small(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlpseq.reporting.prediction_parquet.ROWS", 6)
    table = pa.table(
        {
            "n": pa.array(range(11), pa.int16()),
            "text": pa.array([row["body"] for row in ROWS]).dictionary_encode(),
            "when": pa.array(range(11), pa.timestamp("ns")),
            "raw": pa.array([b"\xff"] * 11),
        }
    )
    parquet.write_table(table, "in.parquet", row_group_size=3)
    words = ["--file", "in.parquet", "--output", "out.parquet"]
    assert predict(Classifier(), *words, "--tokens", "--probabilities") == 0
    out = parquet.read_table("out.parquet")
    assert out.select(table.column_names).to_pylist() == table.to_pylist()
    assert [out.schema.field(name).type for name in table.column_names] == [*table.schema.types]
    assert out.column_names[4:] == ["label", "confidence", "probabilities", "tokens", "weights"]
    assert out["probabilities"][0].as_py() == {"long": 0.0, "short": 1.0}
    assert out["tokens"].type == pa.list_(pa.string())
    assert parquet.ParquetFile("out.parquet").num_row_groups == 2
    # What JSON cannot hold is said; other formats are written from it too.
    assert predict(Classifier(), "--file", "in.parquet", "--output", "out.csv") == 2
    parquet.write_table(table.drop_columns("raw"), "in.parquet")
    assert predict(Classifier(), "--file", "in.parquet", "--output", "out.jsonl") == 0
    first = json.loads(Path("out.jsonl").read_text().splitlines()[1])
    assert (first["n"], first["when"]) == (1, "1970-01-01T00:00:00.000000001")


def test_entities_and_outputs_have_columns_of_one_type(predict: Predict) -> None:
    rows = [
        {"text": text, "id": n} for n, text in enumerate(["nothing", "in Rome", "", "Rome now"])
    ]
    Path("in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert predict(Tagger(), "--file", "in.jsonl", "--output", "out.parquet") == 0
    out = parquet.read_table("out.parquet").to_pylist()
    assert [row["id"] for row in out] == [0, 1, 2, 3]
    assert out[0]["entities"] == []
    assert out[3]["entities"] == [
        {"text": "Rome", "type": "LOC", "start": 0, "end": 4, "confidence": 0.5}
    ]
    assert predict(Tagger(), "--file", "in.jsonl", "--output", "out.csv") == 0
    assert json.loads(read_csv("out.csv")[1]["entities"])[0]["start"] == 3
    # The first long text comes after the first chunk.
    lines = [{"text": "x" * n} for n in range(12)]
    Path("long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    assert predict(Writer(), "--file", "long.jsonl", "--output", "out.csv") == 0
    cut = [row["truncated"] for row in read_csv("out.csv")]
    assert cut == ["False"] * 10 + ["True"] * 2
    assert read_csv("out.csv")[0]["score"] == ""


def test_json_lines_keep_every_object_as_it_is(predict: Predict) -> None:
    rows: list[dict[str, Any]] = [
        {"body": "one", "meta": {"a": [1, None]}},
        {"body": "two", "label": 3, "meta": "other type"},
        {"body": "u\u2028v"},
    ]
    Path("in.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
    assert predict(Classifier(), "--file", "in.jsonl", "--output", "out.jsonl") == 0
    out = [json.loads(line) for line in Path("out.jsonl").read_text().split("\n")[:-1]]
    assert [
        {k: v for k, v in row.items() if k in old} for row, old in zip(out, rows, strict=True)
    ] == rows
    # A label in any row gives its name away in all.
    assert [row["predicted_label"] for row in out] == ["long"] * 3
    assert predict(Classifier(), "--file", "in.jsonl", "--output", "out.csv") == 0
    assert read_csv("out.csv")[0]["meta"] == '{"a": [1, null]}'


def test_lists_of_tokens_are_read_as_they_are(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": n, "words": ["New York", "is", "big"][: n + 1]} for n in range(3)]
    Path("in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = Classifier()
    assert predict(model, "--file", "in.jsonl") == 0
    assert model.read == [(row["words"], True) for row in rows]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == {**rows[1], **lines[1], "text": "New York is"}
    Path("mixed.jsonl").write_text('{"x": ["a"]}\n{"x": "a"}\n')
    assert predict(model, "--file", "mixed.jsonl", "--column", "x") == 2
    assert "mixed.jsonl, line 2: a text, but a list of tokens in rows before it" in (
        capsys.readouterr().err
    )


def test_several_columns_are_joined_or_make_pairs(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.tsv").write_text('premise\tid\thypothesis\n"a\t1\tb"\n"\t2\t"d\n')
    model = PairClassifier()
    assert predict(model, "--file", "in.tsv", "--output", "out.tsv") == 0
    assert [text for text, _ in model.read] == [('"a', 'b"'), ('"', '"d')]
    lines = Path("out.tsv").read_text().split("\n")
    assert lines[0].split("\t")[:4] == ["premise", "id", "hypothesis", "label"]
    assert lines[1].startswith('"a\t1\tb"\tlong\t')
    assert predict(model, "--file", "in.tsv", "--column", "id") == 2
    assert "it is given twice, once for each text, not 1 times" in capsys.readouterr().err
    words = ["--file", "in.tsv", "--column", "hypothesis", "--column", "premise"]
    assert predict(Classifier(), *words) == 2
    assert "--column hypothesis,premise" in capsys.readouterr().err
    single = Classifier()
    assert predict(single, "--file", "in.tsv", "--column", "id,premise") == 0
    assert [text for text, _ in single.read] == ['1 "a', '2 "']
    assert json.loads(capsys.readouterr().out.splitlines()[0])["text"] == '1 "a'


def test_without_a_header_columns_have_numbers(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.csv").write_text("17,I will never buy this again.\n18,All fine.\n")
    model = Classifier()
    assert predict(model, "--file", "in.csv", "--column", "2", "--output", "out.csv") == 0
    assert "no header, the first line is data: columns 1 to 2 (--header true changes this)" in (
        capsys.readouterr().err
    )
    assert [row["text"] for row in read_csv("out.csv")] == [text for text, _ in model.read]
    assert [*read_csv("out.csv")[0]] == ["1", "text", "label", "confidence"]
    assert predict(model, "--file", "in.csv", "--column", "-1", "--header", "true") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["17"] == "18"


def test_a_row_is_predicted_for_each_line_even_if_it_is_empty(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.txt").write_text("a\n\n\n b\n\n")
    Path("in.csv").write_text("body\na\n\nb\n\n")
    for name in ("in.txt", "in.csv"):
        model = Classifier()
        assert predict(model, "--file", name, "--output", "out.csv") == 0
        assert len(read_csv("out.csv")) == len(model.read)
    assert [text for text, _ in model.read] == ["a", "", "b", ""]
    assert "empty or blank texts: 3 of 5" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["in.csv.gz", "in.jsonl.zst", "in.parquet"])
def test_compressed_files_are_read(name: str, predict: Predict) -> None:
    if name.endswith("gz"):
        write_csv(Path("plain.csv"))
        Path(name).write_bytes(gzip.compress(Path("plain.csv").read_bytes()))
    elif name.endswith("zst"):
        content = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
        with pa.output_stream(name, compression="zstd") as stream:
            stream.write(content)
    else:
        parquet.write_table(pa.Table.from_pylist(ROWS), name, compression="zstd")
    model = Classifier()
    assert predict(model, "--file", name, "--output", "out.jsonl") == 0
    assert [text for text, _ in model.read] == [row["body"] for row in ROWS]


@pytest.mark.parametrize(
    ("name", "content", "words", "message"),
    [
        ("a.csv", "id,body\n1,x\n2\n", "", "a.csv, line 3: 1 fields, the first line names 2"),
        ("a.csv", 'id,body\n1,"x\n', "", "a.csv, line 2: unexpected end of data"),
        ("a.csv", "id,body\n", "", "a.csv: there is no row in it"),
        ("a.csv", "", "", "a.csv: the file is empty"),
        ("a.csv", "id,body\n1,x\n", "--column bodi", "did you mean 'body'; it has id, body"),
        ("a.jsonl", '{"body": "x"}\n{"id": 1}\n', "", "a.jsonl, line 2: no column 'body'"),
        ("a.jsonl", '{"body": "x"}\n{"body": null}\n', "", "line 2: column 'body' is null"),
        ("a.jsonl", '{"body": "x"}\n{"body": 7}\n', "", "line 2: column 'body' is 7, not a text"),
        ("a.jsonl", '{"body": "x"}\n{"body": "\\ud800"}\n', "", "line 2: column 'body' is not valid"),
        ("a.jsonl", '{"body": "x"}\nx\n', "--column body", "a.jsonl, line 2: not JSON"),
        ("a.parquet", "no", "", "a.parquet: not a Parquet file"),
        ("b.csv", "id,x,y\n1,a b c d,e f g h\n2,i j k l,m n o p\n", "", "name the column of the texts"),
        ("b.csv", "id,x\n1,y\n", "--output c.csv.gz", "c.csv.gz: predictions are not compressed"),
        ("b.csv", "id,x\n1,y\n", "--output c.xlsx", "c.csv or c.parquet can be"),
        ("b.csv", "id,x\n1,y\n", "--output b.csv", "would overwrite the --file"),
        ("b.csv", "id,x\n1,y\n", "--output c.parquet --resume", "--resume cannot be used with Parquet"),
        ("b.txt", "x\n", "--delimiter ;", "--delimiter: only for a --file with columns"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_nothing_is_predicted(
    name: str,
    content: str,
    words: str,
    message: str,
    predict: Predict,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path(name).write_text(content)
    model = Classifier()
    assert predict(model, "--file", name, *words.split()) == 2
    printed = capsys.readouterr()
    assert (printed.out, model.read) == ("", [])
    assert message in printed.err.splitlines()[-1]
    assert os.listdir() == [name]


def test_a_doubt_lists_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,x,y\n1,a b c d,e f g h\n2,i j k l,m n o p\n")
    stream = open_table(path, None, (), {})
    with pytest.raises(UserError, match=r"id \(.*x \(text, 4 words\), y \(text, 4 words\)"):
        choose_sides(stream, ())
    assert choose_sides(stream, (), ("y",)) == (("y",),)
    assert [row.text for row in Table(stream, (("x",),)).rows()] == ["a b c d", "i j k l"]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
@pytest.mark.parametrize("cut", [0, 1, 40])
def test_an_interrupted_file_is_continued(
    name: str, cut: int, predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("in.csv"))
    words = ["--file", "in.csv", "--column", "body", "--output"]
    assert predict(Classifier(), *words, name) == 0
    whole = Path(name).read_bytes()
    os.remove(name)
    with pytest.raises(Stopped):
        predict(Classifier(ROWS[9]["body"]), *words, name)
    partial = partial_of(Path(name))
    os.truncate(partial, partial.stat().st_size - cut)
    rest = Classifier()
    assert predict(rest, *words, name, "--resume") == 0
    assert Path(name).read_bytes() == whole
    assert len(rest.read) == (7 if cut else 3)
    # Other rows are refused.
    os.remove(name)
    with pytest.raises(Stopped):
        predict(Classifier(ROWS[9]["body"]), *words, name)
    write_csv(Path("in.csv"), [ROWS[0], {**ROWS[1], "id": "other"}, *ROWS[2:]])
    capsys.readouterr()
    assert predict(Classifier(), *words, name, "--resume") == 2
    said = capsys.readouterr().err
    assert "prediction 2: is for" in said
    assert "--overwrite" in said


def test_json_of_texts_leaves_tokens_out_unless_they_are_asked_for(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    def keys(*words: str) -> list[str]:
        assert predict(Classifier(), "a b", *words) == 0
        return [*json.loads(capsys.readouterr().out)]

    assert keys() == ["text", "label", "confidence", "probabilities"]
    assert keys("--no-probabilities") == ["text", "label", "confidence"]
    assert keys("--tokens")[4:] == ["tokens", "weights"]
    assert keys("--explain", "attention")[4:] == ["tokens", "weights"]
    assert predict(Classifier(), "a b", "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines()[0] == "text,label,confidence"


def test_a_terminal_shows_text(
    predict: Predict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("in.csv"), [{"id": "1", "body": "fine"}])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    for words in (["--file", "in.csv"], ["fine"]):
        assert predict(Classifier(), *words) == 0
        assert re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out) == "long 0.80  fine\n"
        assert predict(Classifier(), *words, "--format", "json") == 0
        assert json.loads(capsys.readouterr().out)["label"] == "long"


def test_columns_of_one_name_are_told_apart_and_it_is_said(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.csv").write_text("body,x,x\nsome words,1,2\n")
    assert predict(Classifier(), "--file", "in.csv", "--output", "out.csv") == 0
    said = "several columns have one name: the further ones are called x_2"
    assert said in capsys.readouterr().err
    assert read_csv("out.csv")[0]["x_2"] == "2"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.jsonl", '{"body": "a", "n": 1}\n\n \n{"body": "b", "n": 2}\n\n'),
        ("in.csv", "body,n\na,1\n\n\nb,2\n\n"),
    ],
)
def test_empty_lines_are_counted(
    name: str, content: str, predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those at the end of a file are no rows."""
    Path(name).write_text(content)
    assert predict(Classifier(), "--file", name, "--column", "body", "--output", "out.csv") == 0
    first = 2 if name == "in.jsonl" else 3
    said = (
        f"{name}: 2 empty lines skipped (the first is line {first}); the output has no row for them"
    )
    assert said in capsys.readouterr().err
    assert [row["n"] for row in read_csv("out.csv")] == ["1", "2"]


def test_spans_keep_the_other_columns(predict: Predict) -> None:
    rows = [{"id": 7, "body": "to Rome", "label": [[0, 2, "X"]], "meta": {"a": 1}}]
    Path("in.jsonl").write_text(json.dumps(rows[0]) + "\n")
    words = ["--file", "in.jsonl", "--column", "body", "--format", "spans"]
    assert predict(Tagger(), *words, "--output", "out.jsonl") == 0
    written = json.loads(Path("out.jsonl").read_text())
    assert written == {"id": 7, "meta": {"a": 1}, "text": "to Rome", "label": [[3, 7, "LOC"]]}
    Path("in.csv").write_text("id,body,label\n1,Rome,place\n")
    words = ["--file", "in.csv", "--column", "body", "--format", "spans", "--overwrite"]
    assert predict(Tagger(), *words, "--output", "out.jsonl") == 0
    written = json.loads(Path("out.jsonl").read_text())
    assert written == {"id": "1", "data.label": "place", "text": "Rome", "label": [[0, 4, "LOC"]]}


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_rows_of_tokens_are_read_as_sentences_if_the_run_read_such_a_table(
    suffix: str, predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(sentence_id="Sentence #", files={"train": "ner.csv"}, format="csv")
    numbers, words = ["1", "", "", "2"], ["to", "Rome", ".", "Bonn"]
    table = pa.table({"Sentence #": numbers, "Word": words})
    if suffix == "csv":
        write_csv(Path("in.csv"), table.to_pylist())
    elif suffix == "parquet":
        parquet.write_table(table, "in.parquet")
    else:
        Path("in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    command = ["--file", f"in.{suffix}", "--column", "Word", "--format", "conll"]
    assert predict(Tagger(), *command) == 0
    printed = capsys.readouterr()
    assert printed.out == "to O\nRome O\n. O\n\nBonn O\n\n"
    assert "'Sentence #' numbers the sentences: the output has a row for each" in printed.err
    assert predict(Tagger(), "--file", f"in.{suffix}", "--column", "Word", "--output", "o.csv") == 0
    assert [json.loads(row["Word"]) for row in read_csv("o.csv")] == [["to", "Rome", "."], ["Bonn"]]
    if suffix != "jsonl":
        command = ["--file", f"in.{suffix}", "--column", "Word", "--output", "o.parquet"]
        assert predict(Tagger(), *command) == 0
        assert parquet.read_table("o.parquet")["Word"].to_pylist()[1] == ["Bonn"]


class Pipe:
    """Standard input that is no terminal."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"id": 1, "body": "a"}\n{"id": 2, "body": "b c"}\n', ["--column", "body"]),
        (b'{"id": 1, "body": "a"}\n{"id": 2, "body": "b c"}\n', ["--file-format", "jsonl"]),
        (b"id\tbody\n1\ta\n2\tb c\n", ["--column", "body"]),
        (b"1\ta\n2\tb c\n", ["--column", "2", "--header", "false"]),
        (gzip.compress(b"id,body\n1,a\n2,b c\n"), ["--column", "body", "--file-format", "csv"]),
    ],
)
def test_standard_input_has_columns_if_one_is_named(
    content: bytes, words: list[str], predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Pipe(content))
    model = Classifier()
    assert predict(model, *words, "--output", "out.csv") == 0
    assert [text for text, _ in model.read] == ["a", "b c"]
    assert [next(iter(row.values())) for row in read_csv("out.csv")] == ["1", "2"]


def test_faults_of_standard_input_are_named(
    predict: Predict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Pipe(b'{"body": "a"}\n{"body": 7}\n'))
    assert predict(Classifier(), "--column", "body") == 2
    assert "standard input, line 2: column 'body' is 7, not a text" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Pipe(b'{"body": "a"}\n'))
    assert predict(Classifier(), "--column", "text") == 2
    assert "--column text: standard input has no such column" in capsys.readouterr().err
