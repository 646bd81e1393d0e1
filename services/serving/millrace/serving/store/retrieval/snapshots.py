"""Snapshots: a name for what stood at a number. What they hold is kept, whatever becomes of it later."""

from dataclasses import dataclass
from datetime import datetime

from millrace.chassis import Conflict, NotFound, Transaction
from millrace.serving.store.retrieval.corpora import Corpus
from millrace.serving.store.retrieval.documents import STEP, drop


class SnapshotExists(Conflict):
    def __init__(self, corpus: str, name: str) -> None:
        super().__init__(f"{corpus} has a snapshot {name!r}, and snapshots never change: take one of another name")
        self.corpus = corpus
        self.snapshot = name


class SnapshotNotFound(NotFound):
    def __init__(self, corpus: str, name: str) -> None:
        super().__init__(f"{corpus} has no snapshot {name!r}")
        self.corpus = corpus
        self.snapshot = name


@dataclass(frozen=True)
class Snapshot:
    """`erased` counts its documents that are gone since, for a person's sake."""

    name: str
    seq: int
    at: datetime
    documents: int
    chunks: int
    erased: int


COLUMNS = "name, seq, at, documents, chunks, erased"


async def take(tx: Transaction, corpus: Corpus, name: str) -> Snapshot:
    """Pins what can be found now. The corpus is locked. Raises SnapshotExists."""
    row = await tx.fetchrow(
        f"""INSERT INTO snapshots (corpus, name, seq, at, documents, chunks)
            SELECT $1, $2, $3, $4, count(*), coalesce(sum(chunks), 0)
            FROM documents WHERE corpus = $1 AND from_seq IS NOT NULL AND to_seq IS NULL
            ON CONFLICT DO NOTHING RETURNING {COLUMNS}""",
        corpus.id,
        name,
        corpus.seq,
        tx.now,
    )
    if row is None:
        raise SnapshotExists(corpus.name, name)
    return Snapshot(**dict(row))


async def snapshot(tx: Transaction, corpus: Corpus, name: str) -> Snapshot:
    """Raises SnapshotNotFound."""
    row = await tx.fetchrow(f"SELECT {COLUMNS} FROM snapshots WHERE corpus = $1 AND name = $2", corpus.id, name)
    if row is None:
        raise SnapshotNotFound(corpus.name, name)
    return Snapshot(**dict(row))


async def snapshots(tx: Transaction, corpus: Corpus) -> list[Snapshot]:
    rows = await tx.fetch(f"SELECT {COLUMNS} FROM snapshots WHERE corpus = $1 ORDER BY seq, name", corpus.id)
    return [Snapshot(**dict(row)) for row in rows]


async def forget(tx: Transaction, corpus: Corpus, name: str) -> None:
    """Unpins. Raises SnapshotNotFound."""
    gone = await tx.execute("DELETE FROM snapshots WHERE corpus = $1 AND name = $2", corpus.id, name)
    if gone == "DELETE 0":
        raise SnapshotNotFound(corpus.name, name)


async def sweep(tx: Transaction, corpus: Corpus) -> int:
    """Lets go of up to STEP ended documents that no snapshot holds; how many. The corpus is locked."""
    rows = await tx.fetch(
        """SELECT id FROM documents d WHERE corpus = $1 AND to_seq IS NOT NULL AND NOT EXISTS (
               SELECT FROM snapshots s WHERE s.corpus = $1 AND d.from_seq <= s.seq AND d.to_seq > s.seq) LIMIT $2""",
        corpus.id,
        STEP,
    )
    await drop(tx, corpus, [row["id"] for row in rows])
    return len(rows)
