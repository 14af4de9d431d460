"""Readers of local files: one entry in `READERS` for each format that `data.format` can name.

    reader.py         Reader, ReadOptions, FileContent
    local_files.py    find files below a folder; a text file, decoded as it is read
    compression.py    gzip, bzip2, xz, zstd, files in a zip            encodings.py    the encoding of bytes
    tables.py         rows become an Arrow table, in memory or mapped from a file
    text.py           lines, text, label_text, fasttext, parallel, seq_in_out
    delimited.py      csv, tsv                                         dialect.py      their delimiter and header
    json_files.py     jsonl, json                                      spreadsheets.py xlsx
    arrow_files.py    parquet, arrow                                   trees.py        trees
    conll.py          conll                                            conll_columns.py  which column is what
    conllu.py         conllu                                           spans.py, span_forms.py  spans by offset
    detect.py         format and options of a file, by its name and content: content.py, token_fields.py
    folders.py        splits of a folder
    row_stream.py     rows one after the other, for `predict`       token_stream.py  rows of tokens as sentences
    registry.py       READERS, register, read_files

A format is added by one `Reader` in the `READERS` of its family; a new family joins the table in registry.py.
This package imports only `errors`, `files` and `wording` of nlpseq, so recipes take
the choices of `data.format` from it.
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
