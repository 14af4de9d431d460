"""A small valid file in each format, and random damage to its bytes."""

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROWS: Sequence[Mapping[str, Any]] = [
    {"text": "the parcel was great", "label": "praise", "score": 4.5, "id": 1},
    {"text": 'the "box", was awful', "label": "complaint", "score": 0.5, "id": 2},
    {"text": "lovely café très bon", "label": "praise", "score": 3.0, "id": 3},
    {"text": "poor\nscreen", "label": "complaint", "score": 1.0, "id": 4},
] * 6
CONLL = "EU B-ORG\nrejects O\nGerman B-MISC\n\nPeter B-PER\nsings O\n\n" * 6
CONLLU = (
    "# sent_id = 1\n1\tthe\tthe\tDET\t_\t_\t2\tdet\t_\t_\n2\tman\tman\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
    * 6
)
SPANS = [{"text": "Anna is in Rome", "label": [[0, 4, "PER"], [11, 15, "LOC"]]}] * 8
FASTTEXT = "__label__a the parcel\n__label__b the box\n" * 6
TREES = "(3 (2 the) (4 good))\n(1 (2 the) (0 bad))\n" * 6
LINES = "the man reads\na woman writes\n" * 6


def valid_files() -> dict[str, bytes]:
    """Return a file for each format, and compressed ones, by their names."""
    files = {
        "rows.csv": _csv(",").encode(),
        "marked.csv": b"\xef\xbb\xbf" + _csv(";").encode(),
        "rows.tsv": "".join(f"{r['text'].split()[0]}\t{r['label']}\n" for r in ROWS).encode(),
        "wide.csv": _csv(",").encode("utf-16"),
        "latin.csv": _csv(",").encode("latin-1"),
        "rows.jsonl": "".join(f"{json.dumps(row)}\n" for row in ROWS).encode(),
        "rows.json": json.dumps(ROWS, ensure_ascii=False).encode(),
        "columns.json": json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}).encode(),
        "sentences.conll": CONLL.encode(),
        "sentences.conllu": CONLLU.encode(),
        "spans.jsonl": "".join(f"{json.dumps(item)}\n" for item in SPANS).encode(),
        "spans.json": json.dumps(
            [["Anna is in Rome", {"entities": [[0, 4, "PER"], [11, 15, "LOC"]]}]] * 8
        ).encode(),
        "studio.json": json.dumps([_studio()] * 8).encode(),
        "labels.txt": FASTTEXT.encode(),
        "trees.txt": TREES.encode(),
        "lines.txt": LINES.encode(),
        **_tables(),
    }
    files["rows.csv.gz"] = gzip.compress(files["rows.csv"], mtime=0)
    files["rows.jsonl.gz"] = gzip.compress(files["rows.jsonl"], mtime=0)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", files["rows.csv"])
    files["rows.zip"] = packed.getvalue()
    return files


def _csv(delimiter: str) -> str:
    lines = [delimiter.join(ROWS[0])]
    for row in ROWS:
        text = row["text"].replace('"', '""')
        lines.append(delimiter.join([f'"{text}"', row["label"], str(row["score"]), str(row["id"])]))
    return "\n".join(lines) + "\n"


def _studio() -> dict[str, Any]:
    value = {"start": 0, "end": 4, "labels": ["PER"]}
    return {
        "id": 1,
        "data": {"text": "Anna sings"},
        "annotations": [{"result": [{"value": value}]}],
    }


def _tables() -> dict[str, bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist([dict(row) for row in ROWS])
    tagged = pa.table({"tokens": [["EU", "rejects"]] * 8, "ner_tags": [["B-ORG", "O"]] * 8})
    files = {}
    for name, rows in {"rows": table, "sentences": tagged}.items():
        packed = io.BytesIO()
        parquet.write_table(rows, packed, compression="none")
        files[f"{name}.parquet"] = packed.getvalue()
        packed = io.BytesIO()
        with pa.ipc.new_file(packed, rows.schema) as writer:
            writer.write_table(rows)
        files[f"{name}.arrow"] = packed.getvalue()
    return files


PIECES: Sequence[bytes] = (
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b'"',
    b"'",
    b",",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"{",
    b"[",
    b"]}",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"9" * 5000,
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"NaN",
    b"null",
    b"true",
    b'"\\ud800"',
    b"\\u0000",
    b"\x1b[31m",
    "\u2028".encode(),
    "\u202e".encode(),
    b"x" * 3000,
    b"text",
    b"label",
    b"__label__",
    b"1-2",
    b"-DOCSTART-",
    b"\xed\xa0\x80",
    b"",
)
"""Marks of formats, ends of lines, and values that are too large or too deep."""


def damage(content: bytes, draw: random.Random) -> bytes:
    """Return a file with a few random changes: bytes overwritten, pieces put in, parts repeated or cut out."""
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        content = draw.choice(_CHANGES)(content, draw)
    return content


def _overwrite(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(max(len(content), 1))
    return content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]


def _insert(content: bytes, draw: random.Random) -> bytes:
    at = draw.choice((0, draw.randrange(len(content) + 1), len(content)))
    return content[:at] + draw.choice(PIECES) + content[at:]


def _replace(content: bytes, draw: random.Random) -> bytes:
    """Replace a word by a piece."""
    words = [word for word in content.split() if len(word) < 30] or [b""]
    old = draw.choice(words)
    return content.replace(old, draw.choice(PIECES), draw.choice((1, -1)) if old else 0)


def _part(content: bytes, draw: random.Random) -> tuple[int, int]:
    begin = draw.randrange(len(content) + 1)
    return begin, begin + draw.choice((1, 4, 30, 200))


def _cut_out(content: bytes, draw: random.Random) -> bytes:
    begin, end = _part(content, draw)
    return content[:begin] + content[end:]


def _repeat(content: bytes, draw: random.Random) -> bytes:
    begin, end = _part(content, draw)
    return content[:end] + content[begin:]


def _cut_short(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _without_lines(content: bytes, draw: random.Random) -> bytes:
    return content.replace(b"\n", draw.choice((b"", b"\r", b"\n\n", b" ")))


_CHANGES: Sequence[Callable[[bytes, random.Random], bytes]] = (
    _overwrite,
    _overwrite,
    _insert,
    _insert,
    _replace,
    _replace,
    _cut_out,
    _repeat,
    _cut_short,
    _without_lines,
)


def write(folder: Path, name: str, content: bytes) -> Path:
    """Write a file, and return its path."""
    path = folder / name
    path.write_bytes(content)
    return path


_SCORE = ("data.columns={ number = 'score' }",)
_TAGS = ("data.columns={ tags = 'ner_tags' }",)
READ_BY: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "rows.csv": ("classification", "csv", ()),
    "marked.csv": ("regression", "csv", _SCORE),
    "rows.tsv": ("classification", "tsv", ("data.columns={ text = '1', label = '2' }",)),
    "wide.csv": ("classification", "csv", ()),
    "latin.csv": ("classification", "csv", ("data.encoding=latin-1",)),
    "rows.jsonl": ("regression", "jsonl", _SCORE),
    "rows.json": (
        "multilabel",
        "json",
        ("data.columns={ labels = 'label' }", "data.label_separator='|'"),
    ),
    "columns.json": ("classification", "json", ()),
    "sentences.conll": ("tagging", "conll", ()),
    "sentences.conllu": ("tagging", "conllu", ()),
    "spans.jsonl": ("tagging", "spans", ()),
    "spans.json": ("tagging", "spans", ()),
    "studio.json": ("tagging", "spans", ()),
    "labels.txt": ("classification", "fasttext", ()),
    "trees.txt": ("classification", "trees", ()),
    "lines.txt": ("language_modeling", "lines", ("training.bptt_length=4",)),
    "rows.parquet": ("regression", "parquet", _SCORE),
    "rows.arrow": ("classification", "arrow", ()),
    "sentences.parquet": ("tagging", "parquet", _TAGS),
    "sentences.arrow": ("tagging", "arrow", _TAGS),
    "rows.csv.gz": ("classification", "csv", ()),
    "rows.jsonl.gz": ("classification", "jsonl", ()),
    "rows.zip": ("classification", "csv", ()),
}
"""Task, format and further overrides with which `nlpseq run` reads each of them."""
