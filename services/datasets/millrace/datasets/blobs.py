"""Parquet files: parts of the corpus and files of versions, written in pages and named by their content."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from millrace.chassis import Blobs, Unavailable
from millrace.datasets.domain import line

PAGE = 1000
Gone = Callable[[Any], Any]
"""Tells of a batch of rows which of them have to go, as a numpy array of booleans."""

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
        *((name, pa.string()) for name in ("suite", "source", "basis", "language")),
        ("trusted", pa.bool_()),
        *((name, _TIME) for name in ("occurred_at", "known_at")),
        *_ORIGIN,
    ]
)


ANSWERED = pa.schema([*VERSION, ("rejected", pa.string()), ("rating", pa.float64())])
"""Of a version whose labels are answers in words."""


def version_row(row: Mapping[str, Any], split: str) -> dict[str, Any]:
    """A row of the corpus as it stands in a version: it counts once more for each duplicate dropped for it."""
    return {**row, "id": row["document_id"], "split": split, "weight": 1.0 + row["echoes"]}


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
        if self._schema in (VERSION, ANSWERED):
            for row in rows:
                self._hash.update(line(row))


class Shelf(Protocol):
    """Gives blobs their names, and is told one before it is put: it can be found if nothing comes to point to it."""

    def name(self, prefix: str, digest: str) -> str: ...
    async def announce(self, blob: str) -> None: ...


async def keep(blobs: Blobs, prefix: str, path: Path, shelf: Shelf) -> tuple[str, str, int]:
    """Uploads a file under the digest of its bytes: (blob, SHA-256 in hex, bytes). The same file again is no other."""
    sha256, size = await asyncio.to_thread(_measure, path)
    blob = shelf.name(prefix, sha256)
    await shelf.announce(blob)
    if not await blobs.exists(blob):
        await blobs.put_file(blob, path)
    return blob, sha256, size


async def verify(blobs: Blobs, blob: str, sha256: str, folder: Path) -> None:
    """Reads a blob back. Raises Unavailable where its bytes are not those that were put."""
    path = folder / "verified.parquet"
    await blobs.get_file(blob, path)
    found, _ = await asyncio.to_thread(_measure, path)
    if found != sha256:
        raise Unavailable(f"S3: {blob} came back as {found}")


class Rewritten(NamedTuple):
    """What a rewritten file holds, and how many rows it `lost`; nothing else is told where that is none.

    Of a version's file, `gone` counts the lost rows by split and label, `sources` by source.
    """

    digest: str
    rows: int
    lost: int
    untrusted: int
    bytes: int
    gone: Counter[tuple[str, str]]
    sources: Counter[str]


def without(path: Path, target: Path, gone: Gone) -> Rewritten:
    """Writes a file's rows that are not gone, a batch at a time; `target` is not written where all stay."""
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        version = "seq" not in schema.names
        if not any(gone(batch).any() for batch in file.iter_batches(PAGE, columns=_KEYS[version])):
            return Rewritten("", 0, 0, 0, 0, Counter(), Counter())
        hasher, rows, lost, untrusted = hashlib.sha256(), 0, 0, 0
        went: Counter[tuple[str, str]] = Counter()
        sources: Counter[str] = Counter()
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in file.iter_batches(PAGE):
                stays = ~gone(batch)
                lost += len(stays) - int(stays.sum())
                kept = batch.filter(pa.array(stays))
                if kept.num_rows:
                    writer.write_batch(kept)
                    rows += kept.num_rows
                if version:
                    for row in kept.to_pylist():
                        hasher.update(line(row))
                        untrusted += not row["trusted"]
                    left = batch.filter(pa.array(~stays)).select(["split", "label", "source"]).to_pylist()
                    went.update((row["split"], row["label"]) for row in left)
                    sources.update(row["source"] for row in left)
    return Rewritten(f"sha256:{hasher.hexdigest()}", rows, lost, untrusted, target.stat().st_size, went, sources)


_KEYS = {False: ["seq"], True: ["id", "origin_topic", "origin_event", "known_at"]}


def texts(path: Path, page: int) -> Iterator[dict[int, str]]:
    """The texts of a part by row number, a page at a time."""
    with pq.ParquetFile(path) as part:
        for batch in part.iter_batches(page, columns=["seq", "text"]):
            yield dict(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))


def _measure(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
