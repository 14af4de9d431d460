"""Odd and bad input to the tasks on whole texts, through the real command line.

Input that cannot be read gives one line on stderr and status 2, and leaves no run; merely odd input gets
a prediction, and nothing of it is dropped silently.
"""

import contextlib
import io
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlpseq.cli.main import main

SECTIONS = """
[embedding]
dim = 6
[encoder]
hidden_size = 5
bidirectional = true
[training]
max_steps = 3
batch_size = 4
[data]
files = { train = "train", validation = "validation", test = "test" }
"""
SENTIMENT = f"""\
# For tests.   nlpseq run sentiment.toml --data-dir sentiment
task = "classification"
{SECTIONS}
format = "label_text"
"""
NER = f"""\
# For tests.   nlpseq run ner.toml --data-dir ner
task = "tagging"
{SECTIONS}
format = "conll"
"""
RUN = {
    kind: f"run {kind}.toml --data-dir {kind} --device cpu --output out"
    for kind in ("sentiment", "ner")
}
TEXTS = "1 a fine film .\n0 dull and slow\n1 we liked it\n0 nobody laughed\n"
TAGGED = "Ann B-PER\nleft O\nParis B-LOC\n\nBob B-PER\nLee I-PER\nknows O\n\nnobody O\n"

Command = Callable[[str], str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write recipes and data, and train a run of each task."""
    folder = tmp_path_factory.mktemp("world")
    for kind, recipe, content in (("sentiment", SENTIMENT, TEXTS), ("ner", NER, TAGGED)):
        (folder / f"{kind}.toml").write_text(recipe)
        (folder / kind).mkdir()
        for split in ("train", "validation", "test"):
            (folder / kind / split).write_text(content)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(folder)
        for kind, command in RUN.items():
            assert main([*command.split()[:-1], f"{kind}_run"]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder of a case."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command that must fail in one line; return its message."""

    def run(words: str) -> str:
        capsys.readouterr()
        assert main(shlex.split(words)) == 2
        said = capsys.readouterr().err
        assert said.startswith("nlpseq: error: "), said
        assert said.count("\n") == 1, said
        assert not Path("out").exists()
        return said

    return run


@pytest.fixture
def answers(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command that must succeed; return its output."""

    def run(words: str) -> str:
        capsys.readouterr()
        assert main(shlex.split(words)) == 0
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("kind", "name", "content", "said"),
    [
        ("ner", "train", "Ann B-PER\nleft q\nby O\n", "ner/train, line 2: the tag 'q' fits no scheme"),
        ("ner", "test", f"{TAGGED}\nBob PER\n", "ner/test, line 11: the tag 'PER' fits no scheme"),
        ("ner", "train", "Ann X B-PER\nleft O\n", "ner/train, line 2: 2 columns, 3 were expected"),
        ("ner", "train", "Ann\nleft\n", "one word alone, without a tag: a train split"),
        ("ner", "train", "Ann O\n\nBob O\n", "ner/train: train has no entity, all of its tags are O"),
        ("ner", "train", "\n \n", "ner/train: the file is empty"),
        ("ner", "validation", b"Ann O\nZo\xeb B-PER\n", "ner/validation, line 2: not UTF-8"),
        ("ner", "test", b"Ann O\nB\0b B-PER\n", "ner/test, line 2: a NUL byte"),
        ("ner", "train", TAGGED.encode("utf-16-le"), "ner/train"),
        ("sentiment", "train", "1\ta fine film\n", "sentiment/train, line 1: not `label text`, with a"),
        ("sentiment", "train", "1 a\n\n0 b\n", "sentiment/train, line 2: not `label text`"),
        ("sentiment", "test", "1 a\n0\n", "sentiment/test, line 2: not `label text`"),
        ("sentiment", "train", "1 a\n1 b\n", "all 2 examples of train are of the class '1'"),
        ("sentiment", "test", b"1 caf\xe9\n", "sentiment/test, line 1: not UTF-8"),
        ("sentiment", "train", b"1 a\n0 \0\n", "sentiment/train, line 2: a NUL byte"),
        ("sentiment", "train", "", "sentiment/train: the file is empty"),
    ],
)  # fmt: skip
def test_a_file(
    here: Path, fails: Command, kind: str, name: str, content: str | bytes, said: str
) -> None:
    (here / kind / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert said in fails(RUN[kind])


@pytest.mark.parametrize(
    ("kind", "format", "content", "said"),
    [
        ("ner", "jsonl", '{"tokens": ["a"], "tags": ["B-X", "O"]}', "sentence 1 of train: 1 tokens and 2 tags"),
        ("ner", "jsonl", '{"tokens": ["a"]}', "no column 'tags', it has tokens"),
        ("ner", "jsonl", '{"tokens": ["a"], "tags": null}', "row 1 of the train split has no 'tags'"),
        ("ner", "jsonl", '{"tokens": [3], "tags": ["B-PER"]}', r"tokens of sentence 1 of train are \[3\]"),
        ("ner", "jsonl", '{"tokens": ["a"], "tags": ["Q-X"]}', "sentence 1, token 1: the tag 'Q-X'"),
        ("ner", "lines", "Ann left", "no column 'tokens', it has text"),
        ("sentiment", "tsv", "text label\na b 1\n", "no column 'text', it has text label"),
        ("sentiment", "tsv", "text\tlabel\na b 1\n", "line 2: 1 fields, the first line names 2 columns"),
        ("sentiment", "csv", "text,label\na,b,1\n", "line 2: 3 fields, the first line names 2"),
        ("sentiment", "jsonl", '{"text": "a", "label": null}', "row 1 of the train split has no 'label'"),
        ("sentiment", "jsonl", '{"text": "a"}', "no column 'label', it has text"),
        ("sentiment", "jsonl", '{"text": 3, "label": 1}\n{"text": 4, "label": 0}', "of the train split holds int64"),
        ("sentiment", "trees", "(1 good)\n(0 (0 bad)\n", "train, line 2: not a labelled tree"),
    ],
)  # fmt: skip
def test_a_format(
    here: Path, fails: Command, kind: str, format: str, content: str, said: str
) -> None:
    for name in ("train", "validation", "test"):
        (here / kind / name).write_text(content)
    assert re.search(said, fails(f"{RUN[kind]} data.format={format}"))


@pytest.mark.parametrize(
    ("kind", "override", "said"),
    [
        ("sentiment", "'data.labels={ 1 = \"good\" }'", "has the label '0', data.labels has 1"),
        ("sentiment", "data.phrases=true", "data.phrases = true: .* has none"),
        ("sentiment", "encoder.kind=lstn", r"encoder.kind = 'lstn': choose .*did you mean 'lstm'\?"),
        ("sentiment", "encoder=cnn", "encoder = 'cnn': is a section; set encoder.kind"),
        ("sentiment", "encoder=3", "encoder = 3: is a section"),
        ("sentiment", "encoder.kind=cnn encoder.width=3", "has it; did you mean 'encoder.widths'"),
        ("sentiment", "head.poling=max", "unknown key head.poling; did you mean 'head.pooling'"),
        ("sentiment", "head.pooling=sum", "head.pooling = 'sum': .*'attention'"),
        ("sentiment", "embedding.characters=cnn tokenization.kind=bpe", "embedding.characters and"),
        ("sentiment", "embedding.pretrained=v.txt", "vectors v.txt not found, nor with .gz"),
        ("sentiment", "encoder.init_from=nowhere", "nowhere: no such folder"),
        ("sentiment", "encoder.init_from=sentiment", "sentiment: not a model directory"),
        ("ner", "embedding.characters=lstm embedding.character_size=5", "character_size"),
        ("ner", "embedding.characters=cnn tokenization.kind=byte_bpe", "it is 'byte_bpe'"),
        ("ner", "embedding.pretrained=v.txt", "vectors v.txt not found, nor with .gz"),
        ("ner", "encoder.kind=hierarchical", "encoder.kind = hierarchical gives one vector for a document"),
        ("ner", "head.scheme=IOB1", "head.scheme = 'IOB1': .*'BIOES'"),
        ("ner", "training.label_smoothing=0.1", "head.kind = 'softmax'"),
        ("ner", "training.class_weights=balanced", "unknown key training.class_weights"),
        ("ner", "training.layer_decay=0", "training.layer_decay = 0: "),
    ],
)  # fmt: skip
def test_an_override(fails: Command, kind: str, override: str, said: str) -> None:
    assert re.search(said, fails(f"{RUN[kind]} {override}"))


@pytest.mark.parametrize("kind", ["sentiment", "ner"])
@pytest.mark.parametrize(
    ("learnt", "said"),
    [
        ({"id2label": None}, "config.json: learnt.id2label is missing"),
        ({"id2label": {}}, "learnt.id2label is damaged"),
        ({"id2label": {"first": "O"}}, "learnt.id2label is damaged"),
        ({"id2label": {"0": "O"}}, "model.safetensors"),
        ({"extension": None}, "config.json: learnt.extension is missing"),
    ],
)
def test_a_damaged_model(
    here: Path, fails: Command, kind: str, learnt: dict[str, Any], said: str
) -> None:
    file = here / f"{kind}_run" / "config.json"
    config = json.loads(file.read_text())
    config["learnt"] |= learnt
    config["learnt"] = {key: value for key, value in config["learnt"].items() if value is not None}
    file.write_text(json.dumps(config))
    assert said in fails(f"predict {kind}_run text --device cpu")


@pytest.mark.parametrize("kind", ["sentiment", "ner"])
def test_odd_texts_have_predictions(
    here: Path, fails: Command, answers: Command, kind: str
) -> None:
    predict = f"predict {kind}_run --device cpu"
    odd = ["", " ", "🙂", "word " * 5000, "x" * 5000, "\x07\u200b", "Ann\tleft"]
    (here / "texts").write_text("\n".join(odd) + "\n")
    found = [json.loads(line) for line in answers(f"{predict} --file texts").splitlines()]
    assert [answer["text"] for answer in found] == odd
    (here / "texts").write_bytes(b"")
    assert "texts: empty, there is no text in it" in fails(f"{predict} --file texts")
    (here / "texts").write_bytes(b"a\nb\xff\n")
    assert "texts, line 2: not UTF-8" in fails(f"{predict} --file texts")
    (here / "texts").write_bytes(b"a\0\n")
    assert "texts, line 1: a NUL byte" in fails(f"{predict} --file texts")
    found = [json.loads(line) for line in answers(f"{predict} ''").splitlines()]
    assert found[0]["text"] == ""


def predictions(split: str) -> list[Any]:
    lines = Path(f"out/predictions/{split}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_odd_examples_of_texts(here: Path, answers: Command) -> None:
    rows = [
        {"text": "", "label": 1},
        {"text": "🙂", "label": 0},
        {"text": "word " * 5000, "label": 1},
        {"text": "fine", "label": 7},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    for name in ("train", "validation", "test"):
        (here / "sentiment" / name).write_text(lines if name == "test" else lines * 2)
    (here / "sentiment" / "test").write_text(lines + json.dumps({"text": "dull", "label": 9}))
    answers(f"{RUN['sentiment']} data.format=jsonl encoder.kind=cnn")
    assert [row["index"] for row in predictions("test")] == [0, 1, 2, 3, 4]
    metrics = json.loads(Path("out/metrics.json").read_text())
    notes = " ".join(metrics["notes"])
    assert "train: 2 empty texts" in notes
    assert "test: 1 example with a label that train lacks (9)" in notes
    assert metrics["test"]["accuracy"] <= 0.8
    assert metrics["details"]["test"]["confusion_matrix"]["labels"] == ["0", "1", "7", "9"]
    answers("evaluate out --split test --data-dir sentiment --device cpu")
    again = json.loads(Path("out/evaluations/test.json").read_text())
    assert again["test"]["accuracy"] == metrics["test"]["accuracy"]
    assert any("test: 1 example with a label that train lacks" in n for n in again["notes"])


def test_odd_examples_of_sentences(here: Path, answers: Command) -> None:
    rows = [
        {"tokens": [], "tags": []},
        {"tokens": ["🙂"], "tags": ["B-PER"]},
        {"tokens": ["word"] * 5000, "tags": ["O"] * 4999 + ["B-LOC"]},
        {"tokens": ["", "New York"], "tags": ["O", "B-LOC"]},
    ]
    for name in ("train", "validation", "test"):
        kept = rows[:2] if name == "validation" else rows
        (here / "ner" / name).write_text("".join(json.dumps(row) + "\n" for row in kept))
    extra = {"tokens": ["Acme"], "tags": ["B-ORG"]}
    with (here / "ner" / "test").open("a") as file:
        file.write(json.dumps(extra))
    answers(f"{RUN['ner']} data.format=jsonl encoder.kind=dilated_cnn embedding.characters=cnn")
    found = predictions("test")
    assert [row["index"] for row in found] == [0, 1, 2, 3, 4]
    assert [len(row["prediction"]) for row in found] == [0, 1, 5000, 2, 1]
    metrics = json.loads(Path("out/metrics.json").read_text())
    notes = " ".join(metrics["notes"])
    assert "test: 1 sentence without a token" in notes
    assert "test: 1 entity of a type that train lacks (ORG)" in notes
    assert metrics["test"]["recall"] <= 0.75


def test_a_shipped_recipe_with_another_kind_of_encoder(answers: Command) -> None:
    """The recipe has keys that only its own kind knows."""
    sizes = "data.sizes={train=40,validation=10,test=10} training.max_steps=2 embedding.dim=4"
    for kind in ("sentiment", "ner"):
        words = f"run {kind}/quickstart --device cpu --output {kind}_cnn {sizes}"
        answers(f"{words} encoder.kind=cnn encoder.hidden_size=4")
        config = json.loads(Path(f"{kind}_cnn/config.json").read_text())
        assert config["recipe"]["encoder"]["kind"] == "cnn"
