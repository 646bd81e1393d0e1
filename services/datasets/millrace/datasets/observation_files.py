"""Parquet files of observations, and of features."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace.features import Plan
from millrace.workspace import Target

PAGE = 1000
_TIME = pa.timestamp("us", tz="UTC")
PART = pa.schema(
    [
        ("seq", pa.int64()),
        ("source", pa.string()),
        ("entity", pa.string()),
        ("id", pa.string()),
        ("occurred_at", _TIME),
        ("known_at", _TIME),
        ("values", pa.string()),
    ]
)
_TYPES = {"count": pa.int64(), "distinct": pa.int64(), "category": pa.string()}
_TARGETS = {"regression": pa.float64(), "classification": pa.string()}


def table_schema(plan: Plan, target: Target) -> Any:
    """The entity and the moment, each feature, and the truth with when it is of and when it was known."""
    features = [(one.name, _TYPES.get(one.kind, pa.float64())) for one in plan.definitions]
    truth = [("target", _TARGETS[target.kind]), ("target_at", _TIME), ("target_known_at", _TIME)]
    return pa.schema([("entity", pa.string()), ("at", _TIME), *features, *truth])


def write(file: Any, schema: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    file.write_table(pa.Table.from_pydict({name: [row[name] for row in rows] for name in schema.names}, schema=schema))


def writer(path: Path, schema: Any) -> Any:
    return pq.ParquetWriter(path, schema, compression="zstd")


def pages(path: Path) -> Iterator[list[dict[str, Any]]]:
    """A part's observations, a page at a time."""
    with pq.ParquetFile(path) as part:
        for batch in part.iter_batches(PAGE):
            yield batch.to_pylist()


def without(path: Path, target: Path, entities: Collection[str]) -> tuple[int, int]:
    """Writes a part's observations of all but some entities: how many stay, and how many went."""
    stay = gone = 0
    names = pa.array(list(entities), pa.string())
    with pq.ParquetFile(path) as part, writer(target, PART) as file:
        for batch in part.iter_batches(PAGE):
            kept = batch.filter(pc.invert(pc.is_in(batch.column("entity"), value_set=names)))
            file.write_batch(kept)
            stay += kept.num_rows
            gone += batch.num_rows - kept.num_rows
    return stay, gone


def measured(path: Path) -> tuple[str, int]:
    """SHA-256 in hex, and bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
