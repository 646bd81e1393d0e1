"""Parquet files of observations, and of features."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace.datasets.observations import Content
from millrace.datasets.profile import Declared
from millrace.features import CATEGORY, Plan
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
        ("known_since", _TIME),
    ]
)
_TYPES = {"count": pa.int64(), "distinct": pa.int64(), "category": pa.string()}
_TARGETS = {"regression": pa.float64(), "classification": pa.string()}


def table_schema(plan: Plan, target: Target) -> Any:
    """The entity and the moment, each feature, and the truth with when it is of and when it was known."""
    features = [(one.name, _TYPES.get(one.kind, pa.float64())) for one in plan.definitions]
    truth = [("target", _TARGETS[target.kind]), ("target_at", _TIME), ("target_known_at", _TIME)]
    return pa.schema([("entity", pa.string()), ("at", _TIME), *features, *truth])


def table_columns(plan: Plan, target: Target) -> Declared:
    """What the columns of a table mean. A figure of nothing is missing, and means just that."""
    kinds = {one.name: one.kind for one in plan.definitions}
    truth = target.kind == "classification"
    return Declared(
        label="target" if truth else None,
        categories=("entity", *(name for name, kind in kinds.items() if kind == CATEGORY)),
        numbers=(*(name for name, kind in kinds.items() if kind != CATEGORY), *(() if truth else ("target",))),
        times=("at",),
        target="target",
        names=("entity", "at"),
        optional=tuple(name for name, kind in kinds.items() if kind not in ("count", "distinct", "sum", CATEGORY)),
    )


def write(file: Any, schema: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    file.write_table(pa.Table.from_pydict({name: [row[name] for row in rows] for name in schema.names}, schema=schema))


def writer(path: Path, schema: Any) -> Any:
    return pq.ParquetWriter(path, schema, compression="zstd")


def pages(path: Path) -> Iterator[list[dict[str, Any]]]:
    """A part's observations, a page at a time."""
    with pq.ParquetFile(path) as part:
        for batch in part.iter_batches(PAGE):
            yield _whole(batch).to_pylist()


def _whole(batch: Any) -> Any:
    """Parts of an earlier release say nothing of `known_since`."""
    if "known_since" in batch.schema.names:
        return batch
    return pa.RecordBatch.from_arrays([*batch.columns, pa.nulls(batch.num_rows, _TIME)], schema=PART)


Stays = Callable[[Any], Any]
"""Of a batch of observations, the mask of those that stay."""


def not_of(entities: Collection[str]) -> Stays:
    names = pa.array(list(entities), pa.string())
    return lambda batch: pc.invert(pc.is_in(batch.column("entity"), value_set=names))


def known_since(moment: datetime) -> Stays:
    since = pa.scalar(moment, _TIME)
    return lambda batch: pc.greater_equal(batch.column("known_at"), since)


def thinned(path: Path, target: Path, stays: Stays) -> Content:
    """Writes those of a part's observations that stay."""
    rows, gone, entities, oldest, latest = 0, 0, set[str](), list[datetime](), list[datetime]()
    with pq.ParquetFile(path) as part, writer(target, PART) as file:
        for batch in map(_whole, part.iter_batches(PAGE)):
            mask = stays(batch)
            kept, left = batch.filter(mask), batch.filter(pc.invert(mask))
            gone += left.num_rows
            if left.num_rows:
                latest.append(pc.max(left.column("occurred_at")).as_py())
            if kept.num_rows:
                file.write_batch(kept)
                rows += kept.num_rows
                entities.update(kept.column("entity").unique().to_pylist())
                oldest.append(pc.min(kept.column("known_at")).as_py())
    return Content(rows, entities, min(oldest, default=None), gone, max(latest, default=None))


def measured(path: Path) -> tuple[str, int]:
    """SHA-256 in hex, and bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
