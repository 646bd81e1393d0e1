"""The index in Postgres: a batch costs a handful of round trips, whatever its size."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg
import numpy as np
import xxhash
from numpy.typing import NDArray

from millrace.chassis import Transaction
from millrace.dedup.domain import BUCKET_SIZE, Arrival, Banding, Decision, Keep, Kept, Sketch, kept
from millrace.dedup.store.tally import count, save_duplicates

CANDIDATES = 32
"""Rows that a document is compared with at most: those that share most buckets with it, older before newer."""


@dataclass(slots=True)
class Corpus:
    """A workspace's index: the bands in use, and those that are being built beside them."""

    workspace: str
    layout: Banding
    building: Banding | None

    def buckets(self, layout: Banding, signatures: Sequence[NDArray[np.uint32]]) -> NDArray[np.int64]:
        """(texts, bands) keys of the buckets table."""
        own = np.int64(xxhash.xxh3_64_intdigest(self.workspace.encode()) - 2**63)
        return layout.buckets(np.stack(signatures)) ^ own


async def lock(tx: Transaction, workspace: str, layout: Banding) -> Corpus:
    """The workspace's index, held to the transaction's end. A new one gets the layout given."""
    await tx.execute(
        "INSERT INTO corpora (workspace, layout) VALUES ($1, $2) ON CONFLICT DO NOTHING", workspace, layout.rows
    )
    row = await tx.fetchrow("SELECT layout, building FROM corpora WHERE workspace = $1 FOR UPDATE", workspace)
    assert row is not None
    return Corpus(workspace, Banding(row["layout"]), Banding(row["building"]) if row["building"] else None)


_LOAD = """
    WITH shared AS (
        SELECT b.seq, row_number() OVER (PARTITION BY p.arrival ORDER BY count(*) DESC, b.seq) AS place
        FROM unnest($2::int[], $3::bigint[]) AS p (arrival, bucket)
        CROSS JOIN LATERAL (SELECT seq FROM buckets WHERE bucket = p.bucket ORDER BY seq LIMIT $4) AS b
        GROUP BY p.arrival, b.seq),
    found AS (
        SELECT seq FROM shared WHERE place <= $5
        UNION SELECT seq FROM documents WHERE workspace = $1 AND document_id = ANY($6)
        UNION SELECT e.seq FROM unnest($7::bytea[]) AS q (digest) CROSS JOIN LATERAL (
            SELECT seq FROM documents WHERE workspace = $1 AND digest = q.digest ORDER BY seq LIMIT $4) AS e)
    SELECT d.*, g.cluster IS NOT NULL AS golden
    FROM found JOIN documents d USING (seq) LEFT JOIN golden_clusters g USING (workspace, cluster)
    WHERE d.workspace = $1 ORDER BY d.seq"""


async def load(tx: Transaction, corpus: Corpus, arrivals: Sequence[Arrival]) -> tuple[list[Kept], set[str]]:
    """Every kept row that the arrivals may repeat or revise, oldest first, and which of their clusters are golden."""
    buckets = corpus.buckets(corpus.layout, [arrival.sketch.signature for arrival in arrivals])
    rows = await tx.fetch(
        _LOAD,
        corpus.workspace,
        np.repeat(np.arange(len(arrivals)), buckets.shape[1]).tolist(),
        buckets.ravel().tolist(),
        BUCKET_SIZE,
        CANDIDATES,
        sorted({id for arrival in arrivals for id in (arrival.document_id, arrival.corrects) if id}),
        sorted({arrival.sketch.digest for arrival in arrivals}),
    )
    return [_kept(row) for row in rows], {row["cluster"] for row in rows if row["golden"]}


async def save(tx: Transaction, corpus: Corpus, arrivals: Sequence[Arrival], decisions: Sequence[Decision]) -> None:
    gone: set[str] = set()
    new: dict[str, Kept] = {}
    for arrival, decision in zip(arrivals, decisions, strict=True):
        if isinstance(decision, Keep):
            if decision.replaces and new.pop(decision.replaces, None) is None:
                gone.add(decision.replaces)
            new[arrival.document_id] = kept(arrival, decision.cluster)
    if gone:
        await _remove(tx, corpus, gone)
    if new:
        await _insert(tx, corpus, list(new.values()))
    golden = {row.cluster for row in new.values() if row.golden}
    if golden:
        await tx.execute(
            "INSERT INTO golden_clusters SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
            corpus.workspace,
            sorted(golden),
        )
    await save_duplicates(tx, corpus.workspace, arrivals, decisions)
    await count(tx, corpus.workspace, decisions)


async def _insert(tx: Transaction, corpus: Corpus, rows: Sequence[Kept]) -> None:
    drawn = await tx.fetch("SELECT nextval('documents_seq') AS seq FROM generate_series(1, $1)", len(rows))
    seqs: list[int] = [row["seq"] for row in drawn]
    await tx.copy(
        "documents",
        ("seq", "workspace", "document_id", "source", "label", "suite", "trusted", "basis", "digest", "signature",
         "shingles", "cluster", "kept_at"),
        [
            (seq, corpus.workspace, row.document_id, row.source, row.label, row.suite, row.trusted, row.basis,
             row.sketch.digest, _bytes(row.sketch.signature), _bytes(row.sketch.shingles), row.cluster, tx.now)
            for seq, row in zip(seqs, rows, strict=True)
        ],
    )  # fmt: skip
    signatures = [row.sketch.signature for row in rows]
    for layout in _layouts(corpus):
        await tx.copy("buckets", ("bucket", "seq"), _pairs(corpus.buckets(layout, signatures), seqs))


async def _remove(tx: Transaction, corpus: Corpus, ids: Collection[str]) -> None:
    rows = await tx.fetch(
        "DELETE FROM documents WHERE workspace = $1 AND document_id = ANY($2) RETURNING seq, signature",
        corpus.workspace,
        sorted(ids),
    )
    for layout in _layouts(corpus):
        await unlist(tx, corpus, layout, rows)


async def unlist(tx: Transaction, corpus: Corpus, layout: Banding, rows: Sequence[asyncpg.Record]) -> None:
    """Takes rows (seq, signature) out of their buckets."""
    pairs = _pairs(corpus.buckets(layout, [_uint32s(row["signature"]) for row in rows]), [row["seq"] for row in rows])
    await tx.execute(
        "DELETE FROM buckets b USING unnest($1::bigint[], $2::bigint[]) AS p (bucket, seq) "
        "WHERE b.bucket = p.bucket AND b.seq = p.seq",
        [bucket for bucket, _ in pairs],
        [seq for _, seq in pairs],
    )


async def enlist(tx: Transaction, corpus: Corpus, layout: Banding, rows: Sequence[asyncpg.Record]) -> None:
    """Puts rows (seq, signature) into their buckets; where they are already, nothing changes."""
    pairs = _pairs(corpus.buckets(layout, [_uint32s(row["signature"]) for row in rows]), [row["seq"] for row in rows])
    await tx.execute(
        "INSERT INTO buckets SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING",
        [bucket for bucket, _ in pairs],
        [seq for _, seq in pairs],
    )


async def page(tx: Transaction, workspace: str, after: int, most: int) -> list[asyncpg.Record]:
    return await tx.fetch(
        "SELECT seq, signature FROM documents WHERE workspace = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        workspace,
        after,
        most,
    )


async def build(tx: Transaction, corpus: Corpus) -> None:
    rows = corpus.building.rows if corpus.building else None
    await tx.execute("UPDATE corpora SET building = $2 WHERE workspace = $1", corpus.workspace, rows)


async def switch(tx: Transaction, corpus: Corpus, layout: Banding) -> None:
    await tx.execute(
        "UPDATE corpora SET layout = $2, building = NULL WHERE workspace = $1", corpus.workspace, layout.rows
    )


def _layouts(corpus: Corpus) -> list[Banding]:
    return [corpus.layout, corpus.building] if corpus.building else [corpus.layout]


def _pairs(buckets: NDArray[np.int64], seqs: Sequence[int]) -> list[tuple[int, int]]:
    return [(bucket, seq) for row, seq in zip(buckets.tolist(), seqs, strict=True) for bucket in row]


def _kept(row: asyncpg.Record) -> Kept:
    return Kept(
        document_id=row["document_id"],
        source=row["source"],
        label=row["label"],
        suite=row["suite"],
        trusted=row["trusted"],
        basis=row["basis"],
        sketch=Sketch(row["digest"], _uint32s(row["shingles"]), _uint32s(row["signature"])),
        cluster=row["cluster"],
    )


def _bytes(values: NDArray[np.uint32]) -> bytes:
    return values.astype("<u4").tobytes()


def _uint32s(data: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(data, dtype="<u4").astype(np.uint32, copy=False)
