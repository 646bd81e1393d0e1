"""Embeddings in Postgres: a partition with an HNSW index of its own for each workspace."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg
import numpy as np
import xxhash
from numpy.typing import NDArray

from millrace.chassis import Transaction
from millrace.dedup.domain import Meant, Same
from millrace.dedup.store.index import Corpus, take_out
from millrace.dedup.store.rows import LATER, kept_of
from millrace.dedup.store.tally import count_semantic

NEIGHBOURS = 32
"""The nearest that a document is compared with."""
EF_SEARCH = 100
"""Candidates that a search in the HNSW index keeps: docs/decisions/0083 has what it finds at what cost."""
SCAN = "relaxed_order"
"""What fell is in the index until it is vacuumed: a search goes on past it until it has found enough."""

FALLEN = 0.05
"""The share of deleted entries at which Postgres vacuums a partition: they come between a search and what is there."""


async def prepare(tx: Transaction, shelf: str) -> None:
    """Makes the shelf's partition."""
    name = f"embeddings_{xxhash.xxh3_64_hexdigest(shelf.encode())}"
    if await tx.fetchval("SELECT to_regclass($1) IS NULL", name):
        literal = await tx.fetchval("SELECT quote_literal($1::text)", shelf)
        await tx.execute(
            f"""CREATE TABLE IF NOT EXISTS {name} PARTITION OF embeddings FOR VALUES IN ({literal})
                WITH (autovacuum_vacuum_scale_factor = {FALLEN})"""
        )


async def to_embed(tx: Transaction, shelf: str, most: int) -> list[asyncpg.Record]:
    """The next documents (seq, text) that have not been compared by meaning."""
    return await tx.fetch(
        """SELECT d.seq, d.text FROM documents d JOIN corpora c USING (shelf)
           WHERE d.shelf = $1 AND d.stands AND d.seq > c.embedded_to AND d.text IS NOT NULL
           ORDER BY d.seq LIMIT $2""",
        shelf,
        most,
    )


async def embedded(
    tx: Transaction, corpus: Corpus, seqs: Sequence[int], vectors: NDArray[np.float32]
) -> list[asyncpg.Record]:
    """Keeps the vectors of the documents that still stand, and gives those."""
    await tx.execute(
        "UPDATE corpora SET embedded_to = $2, compared_to = greatest(compared_to, $2) WHERE shelf = $1",
        corpus.shelf,
        max(seqs),
    )
    rows = await tx.fetch("SELECT * FROM documents WHERE seq = ANY($1) AND stands", seqs)
    standing = {row["seq"] for row in rows}
    pairs = [(seq, str(vector)) for seq, vector in zip(seqs, vectors.round(5).tolist(), strict=True) if seq in standing]
    await tx.execute(
        """INSERT INTO embeddings
           SELECT $1, seq, vector::halfvec FROM unnest($2::bigint[], $3::text[]) AS u (seq, vector)
           ON CONFLICT (shelf, seq) DO UPDATE SET vector = excluded.vector""",
        corpus.shelf,
        [seq for seq, _ in pairs],
        [vector for _, vector in pairs],
    )
    return rows


async def neighbours(
    tx: Transaction, shelf: str, rows: Sequence[asyncpg.Record], least: float
) -> dict[int, list[tuple[Meant, float]]]:
    """For each document, by its number, the nearest in meaning that are at least so similar."""
    await tx.execute(f"SET LOCAL hnsw.ef_search = {EF_SEARCH}")
    await tx.execute(f"SET LOCAL hnsw.iterative_scan = {SCAN}")
    pairs = await tx.fetch(
        """SELECT mine.seq, near.seq AS other, near.similarity
           FROM embeddings mine CROSS JOIN LATERAL (
               SELECT e.seq, 1 - (e.vector <=> mine.vector) AS similarity FROM embeddings e
               WHERE e.shelf = $1 ORDER BY e.vector <=> mine.vector LIMIT $3) AS near
           WHERE mine.shelf = $1 AND mine.seq = ANY($2) AND near.seq <> mine.seq AND near.similarity >= $4""",
        shelf,
        [row["seq"] for row in rows],
        NEIGHBOURS + 1,
        least,
    )
    others = await tx.fetch(
        "SELECT * FROM documents WHERE seq = ANY($1) AND stands", sorted({pair["other"] for pair in pairs})
    )
    known = {row["seq"]: meant(row) for row in others}
    found: dict[int, list[tuple[Meant, float]]] = {}
    for pair in pairs:
        if pair["other"] in known:
            found.setdefault(pair["seq"], []).append((known[pair["other"]], min(pair["similarity"], 1.0)))
    return found


def meant(row: asyncpg.Record, compared_to: int | None = None) -> Meant:
    """`compared_to` is up to which number documents had been compared before."""
    founds = row["founds"] and compared_to is not None and row["seq"] > compared_to
    return Meant(row["seq"], kept_of(row), row["known_at"], founds)


async def move(
    tx: Transaction, corpus: Corpus, into: Mapping[str, str], falling: Collection[str]
) -> list[asyncpg.Record]:
    """Lets clusters become part of others; gives the rows that stand elsewhere now, known a moment later than before.

    `falling` are about to stand no more.
    """
    founded, homes = list(into), list(into.values())
    about = (corpus.shelf, founded, homes, sorted(falling), LATER)
    rows = await tx.fetch(_MOVE.format("d.document_id = u.founded"), *about)
    rows += await tx.fetch(_MOVE.format("d.cluster <> d.document_id"), *about)
    await tx.execute(
        """INSERT INTO golden_clusters
           SELECT g.shelf, u.home FROM unnest($2::text[], $3::text[]) AS u (founded, home)
           JOIN golden_clusters g ON g.shelf = $1 AND g.cluster = u.founded ON CONFLICT DO NOTHING""",
        *about[:3],
    )
    return [row for row in rows if row["stands"] and row["document_id"] not in falling]


_MOVE = """
    UPDATE documents d SET cluster = u.home,
        known_at = CASE WHEN d.stands AND d.document_id <> ALL($4::text[]) THEN d.known_at + $5 ELSE d.known_at END
    FROM unnest($2::text[], $3::text[]) AS u (founded, home)
    WHERE d.shelf = $1 AND d.cluster = u.founded AND {} RETURNING d.*"""


async def golden(tx: Transaction, corpus: Corpus, clusters: Collection[str]) -> set[str]:
    """Those of the clusters that hold a golden row."""
    rows = await tx.fetch(
        "SELECT cluster FROM golden_clusters WHERE shelf = $1 AND cluster = ANY($2)",
        corpus.shelf,
        sorted(clusters),
    )
    return {row["cluster"] for row in rows}


async def repeating(tx: Transaction, corpus: Corpus, ids: Collection[str]) -> list[asyncpg.Record]:
    """Those that repeat documents exactly or nearly, without their texts."""
    return await tx.fetch(
        """SELECT document_id, source, duplicate_of, kind, similarity, cluster, known_at FROM documents
           WHERE shelf = $1 AND duplicate_of = ANY($2) AND kind <> 'semantic' AND NOT stands ORDER BY seq""",
        corpus.shelf,
        sorted(ids),
    )


async def drop_same(
    tx: Transaction, corpus: Corpus, same: Sequence[Same], *, stands: bool
) -> dict[str, asyncpg.Record]:
    """Writes who means the same as whom; with `stands` they stand on. Gives the rows as they are now, by id."""
    rows = await tx.fetch(
        """UPDATE documents d
           SET stands = $6, ended = NOT $6, kept_at = $5,
               duplicate_of = u.older, kind = 'semantic', similarity = u.similarity
           FROM unnest($2::text[], $3::text[], $4::float8[]) AS u (document_id, older, similarity)
           WHERE d.shelf = $1 AND d.document_id = u.document_id RETURNING d.*""",
        corpus.shelf,
        [one.younger.row.document_id for one in same],
        [one.older.row.document_id for one in same],
        [one.similarity for one in same],
        tx.now,
        stands,
    )
    if not stands:
        await take_out(tx, corpus, [one.younger.seq for one in same])
    await count_semantic(tx, corpus.shelf, len(same), 0 if stands else len(same), corpus.latest)
    return {row["document_id"]: row for row in rows}


async def release(tx: Transaction, corpus: Corpus, ids: Collection[str]) -> None:
    """What meant the same as documents that no longer stand is to be looked at again: it may differ from what does."""
    await tx.execute(
        """UPDATE documents SET duplicate_of = NULL
           WHERE shelf = $1 AND duplicate_of = ANY($2) AND kind = 'semantic' AND NOT stands""",
        corpus.shelf,
        sorted(ids),
    )


async def set_embedding(tx: Transaction, shelf: str, about_to: bool) -> None:
    await tx.execute("UPDATE corpora SET embedding = $2 WHERE shelf = $1", shelf, about_to)


async def forget_embeddings(tx: Transaction, shelf: str) -> None:
    """All of a workspace are compared anew."""
    await tx.execute("DELETE FROM embeddings WHERE shelf = $1", shelf)
    await tx.execute("UPDATE corpora SET embedded_to = 0 WHERE shelf = $1", shelf)
