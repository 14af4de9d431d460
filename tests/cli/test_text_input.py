"""The texts that `nlpseq predict` reads from the command line, a file or standard input."""

import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest

from nlpseq.cli.text_input import CountingIterator, chunks, read_texts
from nlpseq.errors import UserError

CONTENT = "\ufeffone\r\n\n  zwei ü\u2028x \nlast".encode()
TEXTS = ["one", "", "  zwei ü\u2028x ", "last"]


def read(*words: str, file: Path | None = None, stdin: bytes | None = None) -> list[str]:
    stream = None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin))
    return list(read_texts(words, file, stream))


def test_the_same_lines_come_from_a_file_a_gzip_file_and_standard_input(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "texts.txt", tmp_path / "texts.gz"
    plain.write_bytes(CONTENT)
    zipped.write_bytes(gzip.compress(CONTENT))
    assert read(file=plain) == read(file=zipped) == read(stdin=CONTENT) == TEXTS
    assert read(stdin=CONTENT + b"\n") == TEXTS
    packed = tmp_path / "texts.txt.xz"
    packed.write_bytes(lzma.compress(CONTENT))
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        archive.writestr("a.txt", CONTENT)
        archive.writestr("b.txt", "other")
    assert read(file=packed) == read(file=tmp_path / "texts.zip" / "a.txt") == TEXTS


def test_each_argument_is_a_text() -> None:
    assert read("a b", "", "c") == ["a b", "", "c"]


def test_texts_are_read_in_chunks_and_no_further_than_needed() -> None:
    class CountingStream(io.BytesIO):
        lines = 0

        def __next__(self) -> bytes:
            self.lines += 1
            return super().__next__()

    raw = CountingStream(b"x\n" * 205)
    stream = io.TextIOWrapper(raw)
    texts = CountingIterator(read_texts((), None, stream))
    chunked = chunks(texts, 100)
    assert len(next(chunked)) == 100
    assert raw.lines == texts.count == 100
    assert [len(chunk) for chunk in chunked] == [100, 5]
    assert texts.count == 205


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"good\nb\0d\n", "line 2: a NUL byte"),
        (b"good\n\nna\xefve\n", "line 3: not UTF-8"),
        ("wide".encode("utf-16"), "UTF-16"),
    ],
)
def test_input_that_is_not_text_is_refused_with_its_line(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as file_error:
        read(file=path)
    assert str(path) in str(file_error.value)
    with pytest.raises(UserError, match=message) as stream_error:
        read(stdin=content)
    assert "standard input" in str(stream_error.value)


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "texts.gz"
    path.write_bytes(gzip.compress(CONTENT * 50)[:-9])
    with pytest.raises(UserError, match="damaged or truncated"):
        read(file=path)


def test_no_text_and_two_sources_of_texts_are_refused() -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    for stream in (Terminal(io.BytesIO(b"typed\n")), None):
        with pytest.raises(UserError, match="no text"):
            read_texts((), None, stream)
    with pytest.raises(UserError, match="one or the other"):
        read_texts(["a"], Path("b"), None)
    with pytest.raises(UserError, match="text 2 on the command line"):
        read("a", "b\udcff")
