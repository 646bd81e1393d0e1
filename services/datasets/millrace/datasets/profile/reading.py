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
