"""Some rows of a data set: copied where it is in memory or small, by an index where it is mapped from disk.

`Dataset.select` keeps all rows and gathers one row at a time, 20 times as slow as a copy.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datasets import Dataset

MOST_COPIED = 1 << 28
"""Bytes up to which rows that are mapped from disk are copied."""


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
    table, begin, batches = rows.data.table, 0, []
    for batch in table.to_batches():
        first, last = np.searchsorted(chosen, [begin, begin + len(batch)])
        if last > first:
            batches.append(batch.take(pa.array(chosen[first:last] - begin)))
        begin += len(batch)
    part = pa.Table.from_batches(batches, table.schema)
    return Dataset(
        part, info=rows.info.copy(), split=rows.split, fingerprint=generate_random_fingerprint()
    )
