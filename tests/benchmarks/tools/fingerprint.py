"""A number that says whether two tables hold the same rows to the last bit, in whatever order and pieces they come."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Words = NDArray[np.uint64]
_MISSING = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT = np.uint64(32)


def fingerprint(batches: Iterable[pa.RecordBatch]) -> str:
    """Number of rows, and sum and exclusive-or of one 64-bit hash a row, in hexadecimal.

    Memory is that of one batch. A missing value differs from every number, and a NaN from a missing value.
    """
    count, total, mixed = 0, np.uint64(0), np.uint64(0)
    with np.errstate(over="ignore"):
        for batch in batches:
            hashes = _row_hashes(batch)
            count += batch.num_rows
            total = total + hashes.sum(dtype=np.uint64)
            mixed = mixed ^ np.bitwise_xor.reduce(hashes) if batch.num_rows else mixed
    return f"{count} rows {int(total):016x} {int(mixed):016x}"


def _row_hashes(batch: pa.RecordBatch) -> Words:
    hashes = np.zeros(batch.num_rows, dtype=np.uint64)
    for column in batch.columns:
        hashes = (hashes ^ _words(column)) * _MULTIPLIER
        hashes ^= hashes >> _SHIFT
    return hashes


def _words(column: pa.Array) -> Words:
    """64 bits for each value."""
    if pa.types.is_string(column.type):
        return pd.util.hash_array(column.to_numpy(zero_copy_only=False).astype(object), categorize=False)
    plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    words = pc.fill_null(plain, 0).to_numpy(zero_copy_only=False).view(np.uint64)
    return np.where(column.is_null().to_numpy(zero_copy_only=False), _MISSING, words)
