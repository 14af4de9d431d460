"""Some rows of a data set: copied as readers copy them, beyond 64 MB to disk; above 8 GB of the Hub, an index.

`Dataset.select` keeps all rows and gathers one row at a time, 20 times as slow as a copy.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nlpseq.readers.tables import TableWriter

if TYPE_CHECKING:
    from datasets import Dataset

MOST_COPIED = 1 << 33
"""Bytes up to which a data set of the Hub is copied, to disk: 8 GB. An index gathers larger ones row by row."""


def select_rows(rows: "Dataset", numbers: Sequence[int] | npt.NDArray[np.int64]) -> "Dataset":
    """Return some rows, in the order of the data; the fingerprint is random, one of the content would copy it."""
    from datasets import Dataset
    from datasets.fingerprint import generate_random_fingerprint

    chosen = np.sort(np.asarray(numbers, dtype=np.int64))
    mapped = bool(rows.cache_files) and rows.data.nbytes > MOST_COPIED
    if rows._indices is not None or mapped or not len(chosen):
        return rows.select(chosen.tolist(), new_fingerprint=generate_random_fingerprint())
    import pyarrow as pa

    if chosen[0] < 0 or chosen[-1] >= len(rows):
        raise IndexError(f"rows {chosen[0]} to {chosen[-1]} of {len(rows)}")
    table, begin = rows.data.table, 0
    writer = TableWriter(Path("rows"))
    for batch in table.to_batches():
        first, last = np.searchsorted(chosen, [begin, begin + len(batch)])
        if last > first:
            taken = batch.take(pa.array(chosen[first:last] - begin))
            writer.append_table(pa.Table.from_batches([taken]))
        begin += len(batch)
    part = writer.finish().replace_schema_metadata(table.schema.metadata)
    return Dataset(
        part, info=rows.info.copy(), split=rows.split, fingerprint=generate_random_fingerprint()
    )
