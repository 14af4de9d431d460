"""Readers of local files: one entry in `READERS` for each format that `data.format` can name.

    reader.py       Reader, ReadOptions, FileContent
    local_files.py  find a file below a folder; read its text or its lines
    text.py         lines, text, label_text, parallel
    conll.py        conll
    trees.py        trees
    records.py      csv, tsv, jsonl, parquet
    registry.py     READERS, register, read_files

A format is added by one `Reader` in the `READERS` of its family; a new family joins the table in registry.py.
This package imports nothing of nlpseq except `errors`, so recipes take the choices of `data.format` from it.
"""

from nlpseq.readers.encodings import is_text_encoding
from nlpseq.readers.reader import (
    AUTO,
    DELIMITERS,
    Columns,
    FileContent,
    Header,
    Reader,
    ReadOptions,
)
from nlpseq.readers.registry import READERS, LocalTable, read_files, register

__all__ = [
    "AUTO",
    "DELIMITERS",
    "READERS",
    "Columns",
    "FileContent",
    "Header",
    "LocalTable",
    "ReadOptions",
    "Reader",
    "is_text_encoding",
    "read_files",
    "register",
]
