"""Rows of single tokens as a stream of sentences: a column numbers them, as in `data/token_rows.py`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nlpseq.readers.row_stream import NumberedRow, Row, RowStream


def gather_rows(stream: RowStream, sentence: str) -> RowStream:
    """Return a stream with a sentence in a row: every column but the one that numbers them is a list.

    Args:
        stream: with one token in a row.
        sentence: column that numbers the sentences; a missing number is that of the row before.
    """
    if sentence not in stream.columns:
        return stream

    def read() -> Iterator[NumberedRow]:
        begin, number, tokens = 0, "", list[Row]()
        for row_number, row in stream.read():
            if not any(value not in (None, "") for value in row.values()):
                continue
            own = _number(row.get(sentence))
            if tokens and own not in ("", number):
                yield begin, _sentence(tokens, sentence)
                tokens = []
            if not tokens:
                begin = row_number
            number = own or number
            tokens.append(row)
        if tokens:
            yield begin, _sentence(tokens, sentence)

    note = f"a row is a token, and {sentence!r} numbers the sentences: the output has a row for each sentence"
    return replace(stream, read=read, notes=(*stream.notes, note), schema=_schema(stream, sentence))


def _number(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text == "nan" else text.removesuffix(".0")


def _sentence(tokens: list[Row], sentence: str) -> Row:
    names = dict.fromkeys(name for row in tokens for name in row)
    return {
        name: tokens[0].get(name) if name == sentence else [row.get(name) for row in tokens]
        for name in names
    }


def _schema(stream: RowStream, sentence: str) -> Any:
    """Return the types of columns whose values are lists; None for JSON lines."""
    import pyarrow as pa  # late: recipes import this package for the names of formats

    schema = stream.schema
    if schema is None:
        if stream.format == "jsonl":
            return None
        schema = pa.schema([(name, pa.string()) for name in stream.columns])
    return pa.schema(
        [
            field if field.name == sentence else pa.field(field.name, pa.list_(field.type))
            for field in schema
        ]
    )
