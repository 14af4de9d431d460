"""Encodings and compressions: what is read, what is guessed, what is refused."""

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from nlpseq.errors import UserError
from nlpseq.readers import ReadOptions, read_files
from nlpseq.readers.compression import compression_of
from nlpseq.readers.detect import detect

TEXTS = {
    "latin-1": "Die Bäume sind über dreißig Meter hoch.\nDer Käfer läuft durch das Gras.\n",
    "cp1252": "Der Baum kostet 5 € – „viel“.\nDer Käfer läuft durch das Gras.\n",
    "gb18030": "公园里的树很高。\n湖边的花很美，我们每天都去看它们。\n",
    "shift_jis": "公園の木はとても高いです。\n湖のほとりの花はきれいです。\n",
    "cp1251": "Деревья в парке очень высокие.\nЦветы у озера очень красивые.\n",
    "utf-16": "Die Bäume\n公园里的树\n",
    "utf-16-le": "The trees\nin the park\n",
    "utf-32": "Die Bäume\nim Park\n",
    "utf-8-sig": "Die Bäume\nim Park\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_given_encoding(tmp_path, encoding, end) -> None:
    text = TEXTS[encoding].replace("\n", end)
    (tmp_path / "t.txt").write_bytes(text.encode(encoding))
    table = read_files(tmp_path, "t.txt", "lines", ReadOptions(encoding=encoding))
    assert table.table["text"].to_pylist() == TEXTS[encoding].splitlines()


@pytest.mark.parametrize("encoding", TEXTS)
def test_detected_encodings_read_the_text(tmp_path, encoding) -> None:
    (tmp_path / "t.txt").write_bytes((TEXTS[encoding] * 20).encode(encoding))
    detected = detect(tmp_path / "t.txt")
    options = ReadOptions(encoding=detected.options.get("encoding", "auto"))
    table = read_files(tmp_path, "t.txt", "lines", options).table
    assert table["text"].to_pylist() == TEXTS[encoding].splitlines() * 20
    guessed = encoding not in ("utf-8-sig", "utf-16", "utf-32")
    assert ("a guess (data.encoding changes this)" in detected.line) == guessed
    automatic = read_files(tmp_path, "t.txt", "auto")
    assert automatic.table.equals(table)
    assert automatic.note.startswith("format lines (data.format changes this)")


WESTERN = {
    "fr": ("cp1252", "Où êtes-vous allés? La crème brûlée était très bonne, même à l’hôtel."),
    "sv": ("cp1252", "Båten åkte över sjön på ön, och gräset är grönt."),
    "es": ("cp1252", "¿Qué más? El niño comió mañana en el jardín."),
    "pt": ("cp1252", "Não há informação sobre as árvores e os pães."),
    "en": ("cp1252", "It was a good day – it’s “nice” at the café."),
    "is": ("cp1252", "Það er fallegt við vatnið í dag, þú sérð blómin."),
    "hu": ("cp1250", "A tó nagyon szép volt, őrült űrhajó és fű közt."),
    "pl": ("cp1250", "Zażółć gęślą jaźń, to było bardzo dobre śniadanie."),
    "tr": ("cp1254", "Güneşli bir gün, çocuklar ağaçların altında oynuyor."),
}


@pytest.mark.parametrize("language", WESTERN)
@pytest.mark.parametrize("plain", [0, 3])
def test_guesses_of_latin_letters_read_them_right(tmp_path, language, plain) -> None:
    codec, text = WESTERN[language]
    lines = [text if row % (plain + 1) == 0 else "plain words" for row in range(40)]
    (tmp_path / "t.txt").write_bytes("\n".join(lines).encode(codec))
    assert read_files(tmp_path, "t.txt", "auto").table["text"].to_pylist() == lines


def test_some_rows_of_another_script_are_no_western_text(tmp_path) -> None:
    lines = [TEXTS["cp1251"].splitlines()[row % 2] if row % 4 == 0 else "x" for row in range(40)]
    (tmp_path / "t.txt").write_bytes("\n".join(lines).encode("cp1251"))
    assert read_files(tmp_path, "t.txt", "auto").table["text"].to_pylist() == lines


def test_marks_are_followed_and_said(tmp_path) -> None:
    (tmp_path / "t.txt").write_bytes(TEXTS["utf-16"].encode("utf-16"))
    table = read_files(tmp_path, "t.txt", "lines")
    assert table.note == "read as UTF-16, by its mark"
    assert table.table["text"].to_pylist() == TEXTS["utf-16"].splitlines()


def test_the_likely_encoding_is_named(tmp_path) -> None:
    (tmp_path / "t.txt").write_bytes(("a\n" * 70_000).encode() + TEXTS["cp1251"].encode("cp1251"))
    with pytest.raises(
        UserError, match=r"line 70001: not UTF-8; it may be cp1251: set data.encoding="
    ):
        read_files(tmp_path, "t.txt", "lines")
    with pytest.raises(
        UserError, match="line 70001: not shift_jis text; set another data.encoding"
    ):
        read_files(tmp_path, "t.txt", "lines", ReadOptions(encoding="shift_jis"))


def test_utf_8_that_is_read_as_latin_1_is_noted(tmp_path) -> None:
    (tmp_path / "t.txt").write_text(TEXTS["latin-1"], encoding="utf-8")
    note = read_files(tmp_path, "t.txt", "lines", ReadOptions(encoding="latin-1")).note
    assert note == "read as data.encoding=latin-1 says, though it is also valid UTF-8"


# Compression

CONTENT = b"text,label\nan elm,tree\nan iris,herb\n"


def zst(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


PACKED = {
    "gzip": gzip.compress(CONTENT),
    "bzip2": bz2.compress(CONTENT),
    "xz": lzma.compress(CONTENT),
    "zstd": zst(CONTENT),
}


@pytest.mark.parametrize("kind", PACKED)
def test_compressed_files_under_any_name(tmp_path, kind) -> None:
    suffix = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}[kind]
    for file, name in [
        (f"t.csv{suffix}", "t.csv"),
        (f"u.csv{suffix}", f"u.csv{suffix}"),
        ("v", "v"),
    ]:
        (tmp_path / file).write_bytes(PACKED[kind])
        assert compression_of(tmp_path / file) == kind
        for format in ("csv", "auto"):
            table = read_files(tmp_path, name, format).table
            assert table.to_pydict() == {"text": ["an elm", "an iris"], "label": ["tree", "herb"]}
        assert detect(tmp_path / file).compression == kind
    (tmp_path / "v").write_bytes(PACKED[kind][: len(PACKED[kind]) - 6])
    with pytest.raises(UserError, match="damaged or cut short"):
        read_files(tmp_path, "v", "csv")


def test_zstandard_of_several_frames(tmp_path) -> None:
    (tmp_path / "t.csv.zst").write_bytes(zst(CONTENT) + zst(b"a fir,tree\n"))
    assert len(read_files(tmp_path, "t.csv", "csv").table) == 3


def archive(file: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w") as content:
        for name, data in members.items():
            content.writestr(name, data)


def test_zip_files(tmp_path) -> None:
    archive(tmp_path / "one.zip", {"__MACOSX/._t.csv": b"x", "data/t.csv": CONTENT})
    assert len(read_files(tmp_path, "one.zip", "csv").table) == 2
    archive(tmp_path / "two.zip", {"train.csv": CONTENT, "d/test.csv": CONTENT + b"a fir,tree\n"})
    with pytest.raises(
        UserError, match=r"2 files \(train.csv, d/test.csv\); name one: two.zip/train.csv"
    ):
        read_files(tmp_path, "two.zip", "csv")
    read = read_files(tmp_path, "two.zip/d/test.csv", "csv")
    assert len(read.table) == 3
    assert read.origin == str(tmp_path / "two.zip" / "d" / "test.csv")
    with pytest.raises(UserError, match="two.zip: no file dev.csv in it"):
        read_files(tmp_path, "two.zip/dev.csv", "csv")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "two.zip").read_bytes()[:-30])
    with pytest.raises(UserError, match="damaged or cut short"):
        read_files(tmp_path, "cut.zip", "csv")


def test_a_spreadsheet_that_is_read_as_text(tmp_path) -> None:
    archive(tmp_path / "t.xlsx", {"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"})
    with pytest.raises(UserError, match="a spreadsheet .*save it as CSV, or set data.format=xlsx"):
        read_files(tmp_path, "t.xlsx", "csv")
