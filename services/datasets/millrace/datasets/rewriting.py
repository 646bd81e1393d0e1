"""Files without the rows that have to go."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import xxhash

from millrace.chassis import Blobs, Database
from millrace.datasets import blobs as files
from millrace.datasets import store
from millrace.datasets.holding import Holding
from millrace.events import ObservationAccepted


@dataclass(frozen=True, slots=True)
class Keys:
    """The rows that have to go, sixteen bytes each: by their number in parts, by document and event in versions."""

    numbers: Any
    rows: Any

    @classmethod
    async def of(cls, db: Database, workspace: str, turn: int) -> Self:
        numbers: list[int] = []
        rows: list[int] = []
        async for page in store.erasures.each_erased(db, workspace, turn):
            numbers += [row["seq"] for row in page]
            rows += [_hash(row["document_id"], row["origin_event"]) for row in page]
        return cls(np.array(numbers, np.int64), np.sort(np.array(rows, np.uint64)))

    @property
    def first(self) -> int | None:
        """The lowest row number: versions cut before it can't hold any of them."""
        return int(self.numbers[0]) if len(self.numbers) else None

    def gone(self, batch: Any) -> Any:
        """Which rows of a batch have to go."""
        if "seq" in batch.schema.names:
            return np.isin(batch.column("seq").to_numpy(zero_copy_only=False), self.numbers)
        ids, events = batch.column("id").to_pylist(), batch.column("origin_event").to_pylist()
        return np.isin(np.array([_hash(*pair) for pair in zip(ids, events, strict=True)], np.uint64), self.rows)


def _hash(document_id: str, event_id: str) -> int:
    return xxhash.xxh3_64_intdigest(f"{document_id}\0{event_id}".encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Moments:
    """The rows of versions that were observed of some entities, or whose truth was known before a time."""

    entities: frozenset[str] = frozenset()
    before: datetime | None = None

    def gone(self, batch: Any) -> Any:
        columns = (batch.column(name).to_pylist() for name in ("origin_topic", "origin_event", "known_at"))
        return np.array([self._goes(*row) for row in zip(*columns, strict=True)], np.bool_)

    def _goes(self, topic: str, entity: str, known_at: datetime) -> bool:
        if topic != ObservationAccepted.topic:
            return False
        return entity in self.entities or (self.before is not None and known_at < self.before)


class Gone(Protocol):
    def gone(self, batch: Any) -> Any:
        """Which rows of a batch have to go."""


@dataclass(frozen=True, slots=True)
class New:
    """A file that takes another's place; no blob where it would hold no row and need not be there."""

    blob: str
    sha256: str
    rewritten: files.Rewritten

    def plain(self) -> dict[str, Any]:
        made = self.rewritten
        return {"rows": self.blob, "digest": made.digest, "count": made.rows, "bytes": made.bytes}


async def rewrite(
    blob: str, prefix: str, keys: Gone, *, blobs: Blobs, holding: Holding, folder: Path, whole: bool
) -> New | None:
    """Puts a file without the rows that have to go, and reads it back; None where it holds none of them.

    `whole` puts a file without rows too. Raises BlobNotFound, Unavailable, ErasedMeanwhile.
    """
    source, target = folder / "source.parquet", folder / "target.parquet"
    await blobs.get_file(blob, source)
    made = await asyncio.to_thread(files.without, source, target, keys.gone)
    if not made.lost:
        return None
    if not made.rows and not whole:
        return New("", "", made)
    name, sha256, _ = await files.keep(blobs, prefix, target, holding)
    await files.verify(blobs, name, sha256, folder)
    return New(name, sha256, made)
