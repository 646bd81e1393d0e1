"""Parquet files: parts of the corpus and files of versions, written in pages and named by their content."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from millrace.chassis import Blobs
from millrace.datasets.domain import line

_TIME = pa.timestamp("us", tz="UTC")
_ORIGIN = [
    ("origin_topic", pa.string()),
    ("origin_partition", pa.int32()),
    ("origin_offset", pa.int64()),
    ("origin_event", pa.string()),
]
CORPUS = pa.schema(
    [
        ("seq", pa.int64()),
        *((name, pa.string()) for name in ("document_id", "text", "source", "label", "suite", "cluster", "split")),
        *((name, pa.bool_()) for name in ("trainable", "trusted")),
        *((name, pa.string()) for name in ("basis", "feedback_id", "language", "subject")),
        *((name, _TIME) for name in ("occurred_at", "known_at")),
        *_ORIGIN,
    ]
)
VERSION = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "text", "label", "split", "cluster")),
        ("weight", pa.float64()),
        *((name, pa.string()) for name in ("suite", "source", "basis")),
        ("trusted", pa.bool_()),
        *((name, _TIME) for name in ("occurred_at", "known_at")),
        *_ORIGIN,
    ]
)


def version_row(row: Mapping[str, Any], split: str) -> dict[str, Any]:
    """A row of the corpus as it stands in a version."""
    return {**row, "id": row["document_id"], "split": split, "weight": 1.0}


class Writer:
    """Writes pages of rows to a file; of a version's file it also makes the digest of the rows."""

    def __init__(self, path: Path, schema: Any) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._hash = hashlib.sha256()
        self._file: Any = pq.ParquetWriter(path, schema, compression="zstd")

    @property
    def digest(self) -> str:
        """Hex of SHA-256 over the rows' canonical lines."""
        return self._hash.hexdigest()

    async def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            await asyncio.to_thread(self._write, rows)

    async def close(self) -> None:
        await asyncio.to_thread(self._file.close)

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        columns = {name: [row[name] for row in rows] for name in self._schema.names}
        self._file.write_table(pa.Table.from_pydict(columns, schema=self._schema))
        self.rows += len(rows)
        if self._schema is VERSION:
            for row in rows:
                self._hash.update(line(row))


async def keep(blobs: Blobs, prefix: str, path: Path) -> tuple[str, str, int]:
    """Uploads a file under the digest of its bytes: (blob, SHA-256 in hex, bytes). The same file again is no other."""
    sha256, size = await asyncio.to_thread(_measure, path)
    blob = f"{prefix}/{sha256}.parquet"
    if not await blobs.exists(blob):
        await blobs.put_file(blob, path)
    return blob, sha256, size


def texts(path: Path, page: int) -> Iterator[dict[int, str]]:
    """The texts of a part by row number, a page at a time."""
    with pq.ParquetFile(path) as part:
        for batch in part.iter_batches(page, columns=["seq", "text"]):
            yield dict(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))


def _measure(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
