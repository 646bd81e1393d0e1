"""The documents in Postgres: a batch costs a handful of round trips, whatever its size."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from millrace.chassis import Transaction
from millrace.dedup.domain import (
    BUCKET_SIZE,
    Arrival,
    Candidate,
    Decision,
    Drop,
    Keep,
    Kept,
    Uint16s,
)
from millrace.dedup.store.rows import COLUMNS, kept_of, row_of, uint16s
from millrace.dedup.store.tally import count


@dataclass(slots=True)
class Corpus:
    """A workspace's shelf, locked. `latest` is the highest number given in it.

    One that is not `current` is built from the log, or was, beside the current one: nothing is told of it.
    """

    workspace: str
    shelf: str
    current: bool
    latest: int
    generation: int
    buried: bool
    tidied_on: date | None
    embedding: bool
    compared_to: int


async def lock(tx: Transaction, workspace: str) -> Corpus:
    """The workspace's current shelf, held to the transaction's end."""
    await tx.execute(
        "INSERT INTO corpora (shelf, workspace) VALUES ($1, $1) ON CONFLICT DO NOTHING",
        workspace,
    )
    row = None
    while row is None:  # one that was current when this began to wait may not be any more
        row = await tx.fetchrow(f"{_CORPUS} WHERE workspace = $1 AND current FOR UPDATE", workspace)
    return Corpus(**row)


async def lock_all(tx: Transaction, workspace: str) -> list[Corpus]:
    """All shelves of a workspace, the current one first."""
    current = await lock(tx, workspace)
    rows = await tx.fetch(f"{_CORPUS} WHERE workspace = $1 AND NOT current ORDER BY shelf FOR UPDATE", workspace)
    return [current, *(Corpus(**row) for row in rows)]


async def current(tx: Transaction, workspace: str) -> str:
    """The name of the shelf that is read and decided on."""
    shelf: str | None = await tx.fetchval("SELECT shelf FROM corpora WHERE workspace = $1 AND current", workspace)
    return shelf or workspace


async def lock_shelf(tx: Transaction, shelf: str) -> Corpus:
    """One that is built."""
    row = await tx.fetchrow(f"{_CORPUS} WHERE shelf = $1 FOR UPDATE", shelf)
    assert row is not None
    return Corpus(**row)


_CORPUS = """
    SELECT workspace, shelf, current, latest, generation, buried, tidied_on, embedding, compared_to FROM corpora"""


async def signatures(tx: Transaction, shelf: str, after: int, most: int) -> list[asyncpg.Record]:
    """The next rows that stand (seq, signature), in order."""
    return await tx.fetch(
        """SELECT seq, signature FROM documents WHERE shelf = $1 AND stands AND seq > $2 AND signature IS NOT NULL
           ORDER BY seq LIMIT $3""",
        shelf,
        after,
        most,
    )


async def departed(tx: Transaction, shelf: str, after: int) -> list[int]:
    """The numbers of rows that left the index after another number was given."""
    rows = await tx.fetch("SELECT seq FROM departures WHERE shelf = $1 AND number > $2", shelf, after)
    return [row["seq"] for row in rows]


async def signatures_of(tx: Transaction, seqs: Sequence[int]) -> dict[int, Uint16s]:
    """Of those that still stand."""
    rows = await tx.fetch("SELECT seq, signature FROM documents WHERE seq = ANY($1) AND stands", seqs)
    return {row["seq"]: uint16s(row["signature"]) for row in rows}


_LOAD = """
    WITH found AS (
        SELECT unnest($2::bigint[]) AS seq
        UNION SELECT seq FROM documents WHERE shelf = $1 AND document_id = ANY($3)
        UNION SELECT e.seq FROM unnest($4::bytea[]) AS q (digest) CROSS JOIN LATERAL (
            SELECT seq FROM documents WHERE shelf = $1 AND digest = q.digest AND stands ORDER BY seq LIMIT $5) AS e)
    SELECT d.*, g.cluster IS NOT NULL AS golden
    FROM found JOIN documents d USING (seq) LEFT JOIN golden_clusters g USING (shelf, cluster)
    WHERE d.shelf = $1 ORDER BY d.seq"""


async def load(tx: Transaction, shelf: str, arrivals: Sequence[Arrival], like: Sequence[int]) -> "Known":
    """What the arrivals may repeat or revise, oldest first: rows like them, and those of their ids and digests."""
    rows = await tx.fetch(
        _LOAD,
        shelf,
        like,
        sorted({id for arrival in arrivals for id in (arrival.document_id, arrival.corrects) if id}),
        sorted({arrival.sketch.digest for arrival in arrivals}),
        BUCKET_SIZE,
    )
    homes = sorted({arrival.home for arrival in arrivals if arrival.home})
    golden = {row["cluster"] for row in rows if row["golden"]}
    if homes:
        barred = await tx.fetch(
            "SELECT cluster FROM golden_clusters WHERE shelf = $1 AND cluster = ANY($2)", shelf, homes
        )
        golden |= {row["cluster"] for row in barred}
    return Known(
        [kept_of(row) for row in rows if row["stands"]],
        golden,
        {row["document_id"]: row["duplicate_of"] for row in rows if not row["stands"]},
        {row["document_id"]: max(row["known_at"], row["again_at"] or row["known_at"]) for row in rows},
    )


@dataclass(frozen=True, slots=True)
class Known:
    """Rows that stand, which of their clusters are golden, and what those of the arrivals' ids repeat that don't.

    `known_at` has when all these were known, as they are, the last time.
    """

    rows: list[Kept]
    golden: set[str]
    repeating: dict[str, str | None]
    known_at: dict[str, datetime]


async def save(
    tx: Transaction,
    corpus: Corpus,
    decided: Sequence[tuple[Candidate, Arrival, Decision]],
    repeating: Collection[str],
    *,
    again: bool = False,
) -> list[asyncpg.Record]:
    """Writes what became of a batch, and gives the rows that went.

    `repeating` are ids of it that repeat another until now, `again` where they were counted when they came.
    """
    gone: set[str] = set()
    removed: list[asyncpg.Record] = []
    new: dict[str, tuple[Candidate, Arrival, Decision]] = {}
    for candidate, arrival, decision in decided:
        former = {decision.replaces if isinstance(decision, Keep) else decision.ends}
        corrected = arrival.corrects or ""
        if corrected in repeating or isinstance(new.get(corrected, (None, None, None))[2], Drop):
            former.add(corrected)
        gone.update(id for id in former if id and new.pop(id, None) is None)
        if not (isinstance(decision, Drop) and arrival.document_id == decision.duplicate_of):
            new.pop(arrival.document_id, None)
            new[arrival.document_id] = (candidate, arrival, decision)
    gone |= new.keys() & repeating
    if gone:
        removed = await tx.fetch(_DELETE, corpus.shelf, sorted(gone))
        await take_out(tx, corpus, [row["seq"] for row in removed if row["stands"]])
    if new:
        await _insert(tx, corpus, list(new.values()))
    again_at = {
        arrival.document_id: candidate.cause.known_at
        for candidate, arrival, decision in decided
        if isinstance(decision, Drop) and arrival.document_id == decision.duplicate_of
    }
    if again_at:
        await tx.execute(_AGAIN, corpus.shelf, list(again_at), list(again_at.values()))
    golden = {
        decision.cluster for _, arrival, decision in new.values() if isinstance(decision, Keep) and arrival.golden
    }
    if golden:
        await tx.execute(
            "INSERT INTO golden_clusters SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
            corpus.shelf,
            sorted(golden),
        )
    counted = [decision for _, _, decision in decided if not again or isinstance(decision, Keep)]
    await count(tx, corpus.shelf, counted, corpus.latest)
    return removed


_AGAIN = """
    UPDATE documents d SET again_at = u.known_at FROM unnest($2::text[], $3::timestamptz[]) AS u (document_id, known_at)
    WHERE d.shelf = $1 AND d.document_id = u.document_id AND d.stands
        AND u.known_at > coalesce(d.again_at, d.known_at)"""
_DELETE = """
    DELETE FROM documents WHERE shelf = $1 AND document_id = ANY($2)
    RETURNING seq, document_id, stands, duplicate_of, kind, similarity"""


async def take_out(tx: Transaction, corpus: Corpus, seqs: Collection[int]) -> None:
    """Tells every process that holds the index which rows are no longer in it."""
    if seqs:
        numbers = await draw(tx, corpus, len(seqs))
        await tx.copy(
            "departures",
            ("shelf", "number", "seq", "at"),
            [(corpus.shelf, number, seq, tx.now) for number, seq in zip(numbers, sorted(seqs), strict=True)],
        )
        await tx.execute("DELETE FROM embeddings WHERE shelf = $1 AND seq = ANY($2)", corpus.shelf, sorted(seqs))


async def draw(tx: Transaction, corpus: Corpus, count: int) -> list[int]:
    """The next numbers, rising. The caller holds the workspace, so they rise from one commit to the next as well."""
    rows = await tx.fetch("SELECT nextval('documents_seq') AS seq FROM generate_series(1, $1)", count)
    numbers = [row["seq"] for row in rows]
    corpus.latest = numbers[-1]
    return numbers


async def _insert(tx: Transaction, corpus: Corpus, new: Sequence[tuple[Candidate, Arrival, Decision]]) -> None:
    seqs = await draw(tx, corpus, len(new))
    await tx.copy(
        "documents", COLUMNS, [row_of(tx.now, corpus.shelf, seq, *one) for seq, one in zip(seqs, new, strict=True)]
    )
