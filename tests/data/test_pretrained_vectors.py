import gzip
import json
import math
import os
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nlpseq.data.pretrained_vectors import load_vectors, search_paths
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig

WORDS = {
    "the": [0.1, 0.2, 0.3],
    "cat": [1.0, -1.0, 0.5],
    "Rome": [2e-3, 3.0, -4.0],
    "a'b": [5, 6, 7],
}
GLOVE = "".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in WORDS.items())
VOCABULARY = ["<pad>", "<unk>", "the", "CAT", "Rome", "rome", "dog"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(weight: torch.Tensor, covered: torch.Tensor) -> None:
    assert weight.shape == (7, 3)
    assert weight.dtype == torch.float32
    assert covered.tolist() == [False, False, True, True, True, False, False]
    for row, word in [(2, "the"), (3, "cat"), (4, "Rome")]:
        torch.testing.assert_close(weight[row], torch.tensor(WORDS[word], dtype=torch.float32))
    assert weight.isfinite().all()
    assert (weight[~covered] != 0).all()


@pytest.mark.parametrize("head", ["", "4 3\n"], ids=["glove", "word2vec"])
@pytest.mark.parametrize("gz", [False, True])
def test_text_formats(folder, head, gz) -> None:
    file = folder / ("v.txt.gz" if gz else "v.txt")
    content = (head + GLOVE).encode()
    file.write_bytes(gzip.compress(content) if gz else content)
    weight, covered, coverage, *_ = load_vectors("v.txt", VOCABULARY, 3)
    check(weight, covered)
    assert (coverage.exact, coverage.lowered, coverage.missing) == (2, 1, 4)
    assert coverage.file == file
    assert coverage.tokens == pytest.approx(3 / 7)


@pytest.mark.parametrize("words", ["metadata", "list", "map", "text"])
def test_safetensors(folder, words) -> None:
    tensor = torch.tensor([list(map(float, vector)) for vector in WORDS.values()]).half().float()
    metadata = {"vocabulary": json.dumps(list(WORDS))} if words == "metadata" else None
    save_file({"vectors": tensor}, folder / "v.safetensors", metadata=metadata)
    if words == "list":
        (folder / "v.json").write_text(json.dumps(list(WORDS)))
    if words == "map":
        (folder / "v.json").write_text(
            json.dumps({word: n for n, word in reversed(list(enumerate(WORDS)))})
        )
    if words == "text":
        (folder / "v.txt").write_text("\n".join(WORDS) + "\n")
    weight, covered, *_ = load_vectors("v.safetensors", VOCABULARY, 3)
    assert covered.sum() == 3
    torch.testing.assert_close(weight[3], tensor[1])


def test_coverage_by_running_tokens(folder) -> None:
    (folder / "v.txt").write_text(GLOVE)
    coverage = load_vectors("v.txt", VOCABULARY, 3, counts=[0, 0, 90, 4, 3, 2, 1]).coverage
    assert coverage.tokens == pytest.approx(0.97)
    assert str(coverage) == "v.txt: 3 of 7 words covered (1 by lower-casing), 97.0% of the tokens"


def test_missing_words_are_drawn_alike_each_time(folder) -> None:
    vectors = torch.randn(400, 50, generator=torch.Generator().manual_seed(1)) * 0.3
    lines = [f"w{n} {' '.join(f'{x:.5f}' for x in row.tolist())}" for n, row in enumerate(vectors)]
    (folder / "v.txt").write_text("\n".join(lines))
    vocabulary = [f"w{n}" for n in range(800)]
    weight, covered, *_ = load_vectors("v.txt", vocabulary, 50)
    assert covered.sum() == 400
    assert abs(weight[400:].std() / vectors.std() - 1) < 0.03
    assert torch.equal(weight, load_vectors("v.txt", vocabulary, 50).weight)
    assert not torch.equal(weight, load_vectors("v.txt", vocabulary, 50, seed=1).weight)
    assert len(weight[400:].unique(dim=0)) == 400


def test_words_with_spaces_and_odd_bytes(folder) -> None:
    lines = [
        "the 1 2 3",
        ". . . 4 5 6",
        "at name@domain.com 7 8 9",
        "a\u00a0b 1 1 1",
        "x\u0085y 2 2 2",
    ]
    content = "\n".join(lines).encode() + b"\nbad\xff 3 3 3\ncat 9 9 9\n"
    (folder / "v.txt").write_bytes(content)
    vocabulary = ["the", ". . .", "at name@domain.com", "a\u00a0b", "x\u0085y", "cat"]
    weight, covered, *_ = load_vectors("v.txt", vocabulary, 3)
    assert covered.all()
    assert weight[:, 0].tolist() == [1, 4, 7, 1, 2, 9]


def test_the_first_of_two_vectors_of_a_word_counts(folder) -> None:
    (folder / "v.txt").write_text("the 1 2 3\nthe 4 5 6\n")
    assert load_vectors("v.txt", ["the"], 3).weight.tolist() == [[1, 2, 3]]


def test_words_that_the_vocabulary_lacks(folder) -> None:
    (folder / "v.txt").write_bytes(GLOVE.encode() + b"DOG 1 1 1\nbad\xff 2 2 2\ncat 9 9 9\n")
    plain = load_vectors("v.txt", VOCABULARY, 3)
    assert plain.extra_words == []
    assert plain.extra.shape == (0, 3)
    vectors = load_vectors("v.txt", VOCABULARY, 3, extend=str.isalpha)
    assert vectors.extra_words == ["cat", "DOG"]  # CAT is known, a'b is not alphabetic
    assert vectors.extra.tolist() == [WORDS["cat"], [1, 1, 1]]
    assert torch.equal(vectors.table, torch.cat([plain.weight, vectors.extra]))
    assert vectors.coverage == plain.coverage


def test_a_tokenizer_adds_the_words_that_it_can_produce(folder) -> None:
    (folder / "v.txt").write_text("the 1 2 3\nRome 4 5 6\n1999 1 1 1\n0000 2 2 2\n. . . 3 3 3\n")
    config = TokenizationConfig(lowercase=True, digits_as_zero=True)
    tokenizer = Tokenizer.train(config, ["the cat"])
    vectors = load_vectors("v.txt", tokenizer.vocabulary, 3, extend=tokenizer.produces)
    extended = tokenizer.with_words(vectors.extra_words)
    assert (
        extended.vocabulary
        == [*tokenizer.vocabulary, "0000"]
        == [*tokenizer.vocabulary, *vectors.extra_words]
    )
    assert extended.tokens("the 1999 Rome") == ["the", "0000", "<unk>"]


@pytest.mark.parametrize(
    "place", ["lm/ptb", "lm/ptb/embeddings", "lm/embeddings", "embeddings", "here"]
)
def test_vectors_are_searched_for_here_and_above_the_data(folder, place) -> None:
    data = folder / "data" / "lm" / "ptb"
    data.mkdir(parents=True)
    (folder / "here").mkdir()
    os.chdir(folder / "here")
    target = folder / place if place == "here" else folder / "data" / place
    target.mkdir(exist_ok=True)
    (target / "v.txt.gz").write_bytes(gzip.compress(GLOVE.encode()))
    assert load_vectors("v.txt", ["the"], 3, [data]).coverage.file == target / "v.txt.gz"
    absolute = str(target / "v.txt")
    assert search_paths(absolute, [data]) == [Path(absolute)]
    assert load_vectors(absolute, ["the"], 3).covered.all()


def test_a_missing_file_says_where_it_was_looked_for(folder) -> None:
    data = folder / "set"
    (data / "embeddings").mkdir(parents=True)
    (data / "embeddings" / "glove.6B.100d.trimmed.txt.gz").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        load_vectors("glove.6B.100d.txt", ["the"], 100, [data])
    message = str(caught.value)
    for place in [folder, data, data / "embeddings", folder / "embeddings"]:
        assert str(place) in message
    assert message.endswith("there is " + str(data / "embeddings" / "glove.6B.100d.trimmed.txt.gz"))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "dim", "message"),
    [
        (GLOVE, 2, r"v\.txt have 3 components, embedding\.dim is 2: set embedding\.dim=3"),
        ("4 3\n" + GLOVE, 5, r"have 3 components, embedding\.dim is 5"),
        ("the 1 x 3\n", 3, r"v\.txt, line 1: not a number"),
        ("the 1 2x 3\n", 3, r"line 1: not a number"),
        ("the 1 nan 3\n", 3, r"line 1: the vector of 'the' has a component that is not finite"),
        ("the 1 2 3\n" + "cat 1 2\n" * 2, 3, r"v\.txt, line 2: 2 numbers where 3 are expected"),
        ("<!DOCTYPE html>\n<p>lost</p>\n", 3, r"line 1: no word vector, which is a word and 3 n"),
        ("other 1 2 3\n", 3, r"none of the 7 words"),
        ("", 3, r"none of the 7 words"),
    ],
)
def test_bad_text(folder, content, dim, message) -> None:
    (folder / "v.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        load_vectors("v.txt", VOCABULARY, dim)


@pytest.mark.parametrize(
    "line",
    ["end 1 2", "end 1 2 3 4", "dog 1 x 3", "dog 1 2x 3", "dog 1 nan 3", "bad\udcff 1 2 3", "dog"],
)
def test_odd_lines_are_skipped_and_counted(folder, line) -> None:
    content = "the 0.1 0.2 0.3\n" + line + "\n" + GLOVE
    (folder / "v.txt").write_bytes(content.encode(errors="surrogateescape"))
    weight, covered, coverage, *_ = load_vectors("v.txt", VOCABULARY, 3)
    check(weight, covered)
    assert coverage.odd_lines == 1
    assert str(coverage).endswith("; 1 odd line of the file skipped")


def test_a_file_of_another_dimension_is_not_read_to_its_end(folder) -> None:
    (folder / "v.txt").write_bytes(b"word 1 2 3\n" * 200 + b"\xff" * 100)
    with pytest.raises(UserError, match=r"set embedding\.dim=3"):
        load_vectors("v.txt", VOCABULARY, 5)


def word2vec_binary(words: dict[str, list[float]], newline: bytes = b"\n") -> bytes:
    header = f"{len(words)} {len(next(iter(words.values())))}\n".encode()
    rows = (w.encode() + b" " + struct.pack(f"<{len(v)}f", *v) + newline for w, v in words.items())
    return header + b"".join(rows)


@pytest.mark.parametrize("newline", [b"\n", b""])
@pytest.mark.parametrize("name", ["v.bin", "v.bin.gz"])
def test_word2vec_binary(folder, name, newline) -> None:
    content = word2vec_binary(WORDS, newline)
    (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    weight, covered, coverage, *_ = load_vectors("v.bin", VOCABULARY, 3)
    check(weight, covered)
    assert coverage.odd_lines == 0
    with pytest.raises(UserError, match=r"set embedding\.dim=3"):
        load_vectors("v.bin", VOCABULARY, 4)


def test_large_and_cut_binary_files(folder) -> None:
    vectors = {f"w{n}": [float(n)] * 300 for n in range(3000)}  # more than one chunk
    content = word2vec_binary({**vectors, "bad": [math.nan] * 300})
    (folder / "v.bin").write_bytes(content)
    read = load_vectors("v.bin", ["w0", "w2999", "bad"], 300)
    assert read.weight[:2, 7].tolist() == [0, 2999]
    assert read.covered.tolist() == [True, True, False]
    assert read.coverage.odd_lines == 1
    (folder / "v.bin").write_bytes(content[:-200])
    with pytest.raises(UserError, match="cut short: 3,000 of 3,001 words are in it"):
        load_vectors("v.bin", ["w0"], 300)
    (folder / "v.bin").write_bytes(b"\xba\x16\x4f\x2f" + b"\0" * 50)
    with pytest.raises(UserError, match=r"a model of fastText; give its vectors, the \.vec file"):
        load_vectors("v.bin", ["w0"], 300)


def test_the_mark_and_the_blanks_of_fasttext(folder) -> None:
    lines = ["4 3", *(f"{line} " for line in GLOVE.splitlines())]
    (folder / "cc.vec").write_text("\n".join(lines), encoding="utf-8-sig")
    weight, covered, coverage, *_ = load_vectors("cc.vec", VOCABULARY, 3)
    check(weight, covered)
    (folder / "v.txt").write_text(GLOVE, encoding="utf-8-sig")
    check(*load_vectors("v.txt", VOCABULARY, 3)[:2])


def test_the_zip_of_glove(folder) -> None:
    with zipfile.ZipFile(folder / "glove.6B.zip", "w") as archive:
        archive.writestr("glove.6B.3d.txt", GLOVE)
        archive.writestr("glove.6B.50d.txt", "the" + " 1" * 50 + "\n")
    for name in ("glove.6B.zip", "glove.6B.zip/glove.6B.3d.txt", "glove.6B"):
        check(*load_vectors(name, VOCABULARY, 3)[:2])
    assert load_vectors("glove.6B.zip", ["the"], 50).covered.all()
    with pytest.raises(
        UserError, match=r"0 of its files have embedding\.dim=5.*glove\.6B\.3d\.txt"
    ):
        load_vectors("glove.6B.zip", ["the"], 5)
    with zipfile.ZipFile(folder / "one.zip", "w") as archive:
        archive.writestr("vectors.txt", GLOVE)
    check(*load_vectors("one.zip", VOCABULARY, 3)[:2])


def test_a_damaged_gzip_file(folder) -> None:
    (folder / "v.txt.gz").write_bytes(gzip.compress(GLOVE.encode() * 1000)[:-40])
    with pytest.raises(UserError, match="damaged or cut short"):
        load_vectors("v.txt", VOCABULARY, 3)
    (folder / "v.txt.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="damaged"):
        load_vectors("v.txt", VOCABULARY, 3)


def test_bad_safetensors(folder) -> None:
    (folder / "v.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="damaged"):
        load_vectors("v.safetensors", VOCABULARY, 3)
    save_file({"v": torch.zeros(2, 3)}, folder / "v.safetensors")
    with pytest.raises(UserError, match=r"has no words; put them.*v\.json or v\.txt"):
        load_vectors("v.safetensors", VOCABULARY, 3)
    (folder / "v.txt").write_text("the\n")
    with pytest.raises(UserError, match=r"1 words for a tensor of shape \(2, 3\)"):
        load_vectors("v.safetensors", VOCABULARY, 3)
    (folder / "v.txt").write_text("the\ncat\n")
    with pytest.raises(UserError, match=r"set embedding\.dim=3"):
        load_vectors("v.safetensors", VOCABULARY, 4)
    (folder / "v.json").write_text("[")
    with pytest.raises(UserError, match="not JSON"):
        load_vectors("v.safetensors", VOCABULARY, 3)
    save_file({"v": torch.zeros(2, 3), "w": torch.zeros(1)}, folder / "v.safetensors")
    with pytest.raises(UserError, match="2 tensors, but the file must hold one"):
        load_vectors("v.safetensors", VOCABULARY, 3)


@pytest.mark.real
def test_real_glove_is_found_beside_the_data() -> None:
    root = Path(os.environ.get("NLPSEQ_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (root / "embeddings").is_dir():
        pytest.skip(f"needs the benchmark sets: there is no {root / 'embeddings'}")
    name, vocabulary = "glove.6B.50d.trimmed.txt", ["the", "King", "zzzzzzz"]
    weight, covered, *_ = load_vectors(name, vocabulary, 50, [root / "sentiment" / "sst2"])
    assert covered.tolist() == [True, True, False]
    assert weight[0, :3].tolist() == pytest.approx([0.418, 0.24968, -0.41242])
