"""Files as batches of columns, one pass after another; what a file lacks reads as missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

BATCH = 8192


def batches(paths: Sequence[Path], columns: Sequence[str], size: int = BATCH) -> Iterator[dict[str, Any]]:
    """Columns by name. Raises KeyError where no file has one of them."""
    seen: set[str] = set()
    for path in paths:
        with pq.ParquetFile(path) as file:
            there = [name for name in columns if name in file.schema_arrow.names]
            seen.update(there)
            for batch in file.iter_batches(size, columns=there):
                absent = pa.nulls(batch.num_rows, pa.string())
                yield {name: batch.column(name) if name in there else absent for name in columns}


def hashes(values: Any) -> Any:
    """A number for each value of a column; the same value, the same number, in every process."""
    return np.array([hashed(value) for value in values.to_pylist()], np.uint64)


def hashed(value: Any) -> int:
    return xxhash.xxh3_64_intdigest(str(value).encode("utf-8", "surrogatepass"))


def mixed(columns: Sequence[Any]) -> Any:
    """A number for each row of some columns; the same values, the same number, in every process."""
    found = np.zeros(len(columns[0]) if columns else 0, np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            found = (found ^ _plain(column)) * np.uint64(0x9E3779B97F4A7C15)
            found ^= found >> np.uint64(29)
    return found


def _plain(column: Any) -> Any:
    """Each value as 64 bits: a number as it is, the same bits for every missing one; a text by its hash."""
    if not pa.types.is_floating(column.type) and not pa.types.is_integer(column.type):
        return hashes(column)
    values = np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64) + 0.0
    return np.where(np.isnan(values), np.float64("nan"), values).view(np.uint64)
