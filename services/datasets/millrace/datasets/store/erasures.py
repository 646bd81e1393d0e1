"""What is retired or erased: rows that stand no more, and the blobs that are rewritten without them."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from millrace.chassis import Database, NotFound, Transaction
from millrace.datasets.store.corpus import Corpus
from millrace.events import DocumentKept

STEP = 5000


@dataclass(slots=True)
class Erasure:
    """What was asked for, and what has been done so far; digests are those of redacted versions."""

    workspace: str
    erasure: str
    because: str
    rows: int = 0
    files: int = 0
    datasets: list[str] = field(default_factory=list)
    observations: int = 0


async def retire(tx: Transaction, corpus: Corpus, until: Mapping[str, datetime]) -> int:
    """Ends the rows of documents that were known until a time, and those that come late; how many stood."""
    corpus.turn += 1
    documents, times = list(until), list(until.values())
    await tx.execute(
        """INSERT INTO tombstones SELECT $1, * FROM unnest($2::text[], $3::timestamptz[])
           ON CONFLICT (workspace, document_id)
           DO UPDATE SET known_at = greatest(tombstones.known_at, excluded.known_at)""",
        corpus.workspace,
        documents,
        times,
    )
    status = await tx.execute(
        """UPDATE rows SET ended = $4 FROM unnest($2::text[], $3::timestamptz[]) AS u (document_id, known_at)
           WHERE rows.workspace = $1 AND rows.document_id = u.document_id AND rows.known_at <= u.known_at
           AND rows.replaced_by IS NULL AND rows.ended IS NULL""",
        corpus.workspace,
        documents,
        times,
        corpus.turn,
    )
    return int(status.rpartition(" ")[2])


async def retired(tx: Transaction, workspace: str, events: Sequence[DocumentKept]) -> dict[str, datetime]:
    """Until when documents were known that are gone."""
    rows = await tx.fetch(
        "SELECT document_id, known_at FROM tombstones WHERE workspace = $1 AND document_id = ANY($2)",
        workspace,
        [event.document_id for event in events],
    )
    return {row["document_id"]: row["known_at"] for row in rows}


async def echo(tx: Transaction, corpus: Corpus, echoes: Mapping[tuple[str, datetime], int]) -> None:
    """Kept documents count once more for each duplicate that was dropped for them."""
    corpus.turn += 1
    await tx.execute(
        """INSERT INTO echoes (workspace, document_id, turn, known_at, times)
           SELECT $1, document_id, $5, known_at, times
           FROM unnest($2::text[], $3::timestamptz[], $4::bigint[]) AS u (document_id, known_at, times)""",
        corpus.workspace,
        [document for document, _ in echoes],
        [at for _, at in echoes],
        list(echoes.values()),
        corpus.turn,
    )


async def erase_subject(tx: Transaction, corpus: Corpus, erasure: str, subject: str, known_at: datetime) -> None:
    """Marks a person's rows; what is still in Postgres alone is gone with this commit."""
    rows = await _mark(tx, corpus, "subject = $3 AND known_at <= $4", subject, known_at)
    await _open(tx, corpus, erasure, "subject", rows)


async def erase_aged(tx: Transaction, corpus: Corpus, erasure: str, before: datetime) -> int:
    """Marks a step of the rows that are older than they may be; how many."""
    aged = f"""seq IN (SELECT seq FROM rows WHERE workspace = $1 AND known_at < $3 AND erased IS NULL
                       ORDER BY known_at LIMIT {STEP})"""
    rows = await _mark(tx, corpus, aged, before)
    if rows:
        await _open(tx, corpus, erasure, "retention", rows)
    return rows


async def age_moments(tx: Transaction, corpus: Corpus, erasure: str) -> None:
    """Opens the erasure of what versions hold of observations that are past their time; a cut that runs begins anew."""
    corpus.turn += 1
    corpus.erased_turn = corpus.turn
    await _open(tx, corpus, erasure, "retention", 0)


async def _mark(tx: Transaction, corpus: Corpus, which: str, *args: Any) -> int:
    """Their keys stay until the job has taken them out of every file."""
    corpus.turn += 1
    corpus.erased_turn = corpus.turn
    marked = await tx.fetchrow(
        f"""WITH marked AS (
                UPDATE rows SET erased = $2, ended = coalesce(ended, $2), text = NULL, rejected = NULL
                WHERE workspace = $1 AND erased IS NULL AND {which} RETURNING part)
            SELECT count(*) AS rows, count(*) FILTER (WHERE part IS NULL) AS buffered FROM marked""",
        corpus.workspace,
        corpus.turn,
        *args,
    )
    assert marked is not None
    corpus.buffered -= marked["buffered"]
    return int(marked["rows"])


async def _open(tx: Transaction, corpus: Corpus, erasure: str, because: str, rows: int) -> None:
    await tx.execute(
        """INSERT INTO erasures (workspace, erasure, rows, because, asked_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (workspace, erasure) DO UPDATE SET rows = erasures.rows + excluded.rows""",
        corpus.workspace,
        erasure,
        rows,
        because,
        tx.now,
    )


async def load_erasure(tx: Transaction, workspace: str, erasure: str) -> Erasure:
    row = await tx.fetchrow("SELECT * FROM erasures WHERE workspace = $1 AND erasure = $2", workspace, erasure)
    if row is None:
        raise NotFound(f"no erasure {erasure} of {workspace}")
    digests = json.loads(row["datasets"])
    return Erasure(workspace, erasure, row["because"], row["rows"], row["files"], digests, row["observations"])


async def names(tx: Transaction, erasure: Erasure) -> list[str]:
    """What people call the versions that an erasure redacted, the oldest first."""
    rows = await tx.fetch(
        "SELECT workspace || '@' || number AS name FROM versions WHERE digest = ANY($1) ORDER BY number",
        erasure.datasets,
    )
    return [row["name"] for row in rows]


async def is_open(tx: Transaction, workspace: str, erasure: str) -> bool:
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM erasures WHERE workspace = $1 AND erasure = $2 AND done_at IS NULL)",
        workspace,
        erasure,
    )
    return found


async def any_open(tx: Transaction, workspace: str) -> bool:
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM erasures WHERE workspace = $1 AND done_at IS NULL)", workspace
    )
    return found


async def count(tx: Transaction, workspace: str, *, digest: str | None = None, files: int) -> None:
    """Tells every open erasure of a workspace: one job takes out what all of them marked."""
    await tx.execute(
        """UPDATE erasures SET files = files + $2, datasets = CASE
               WHEN $3::text IS NULL OR datasets ? $3 THEN datasets ELSE datasets || to_jsonb($3::text) END
           WHERE workspace = $1 AND done_at IS NULL""",
        workspace,
        files,
        digest,
    )


async def count_observations(tx: Transaction, workspace: str, erasure: str, gone: int) -> None:
    """In the transaction that erases them, so that tries before this one count."""
    await tx.execute(
        "UPDATE erasures SET observations = observations + $3 WHERE workspace = $1 AND erasure = $2",
        workspace,
        erasure,
        gone,
    )


async def end_erasure(tx: Transaction, erasure: Erasure) -> None:
    await tx.execute(
        "UPDATE erasures SET done_at = $3 WHERE workspace = $1 AND erasure = $2",
        erasure.workspace,
        erasure.erasure,
        tx.now,
    )


async def erasures(tx: Transaction, workspace: str, most: int) -> list[dict[str, Any]]:
    """The newest first."""
    rows = await tx.fetch(
        """SELECT erasure, because, rows, files, observations, datasets, asked_at, done_at FROM erasures
           WHERE workspace = $1 ORDER BY asked_at DESC, erasure LIMIT $2""",
        workspace,
        most,
    )
    return [{**dict(row), "datasets": json.loads(row["datasets"])} for row in rows]


async def each_erased(db: Database, workspace: str, turn: int) -> AsyncIterator[list[asyncpg.Record]]:
    """The rows marked until a turn, a step at a time."""
    after = 0
    while True:
        async with db.reading() as tx:
            rows = await tx.fetch(
                """SELECT seq, document_id, origin_event FROM rows
                   WHERE workspace = $1 AND erased <= $2 AND seq > $3 ORDER BY seq LIMIT $4""",
                workspace,
                turn,
                after,
                STEP,
            )
        if not rows:
            return
        yield rows
        after = rows[-1]["seq"]


async def parts_with_erased(tx: Transaction, workspace: str, turn: int) -> list[tuple[int, str]]:
    """(number, blob) of the parts that may hold rows marked until a turn."""
    rows = await tx.fetch(
        """SELECT part, blob FROM parts p WHERE workspace = $1 AND EXISTS (
               SELECT FROM rows r
               WHERE r.workspace = $1 AND r.erased <= $2 AND r.seq BETWEEN p.first_seq AND p.last_seq)
           ORDER BY part""",
        workspace,
        turn,
    )
    return [(row["part"], row["blob"]) for row in rows]


async def swap_part(
    tx: Transaction, workspace: str, number: int, old: str, blob: str | None, sha256: str = "", size: int = 0
) -> bool:
    """The part's rows are in another blob from now on, or nowhere. False where `old` is no longer its blob."""
    if blob is None:
        delete = "DELETE FROM parts WHERE workspace = $1 AND part = $2 AND blob = $3"
        return await tx.execute(delete, workspace, number, old) == "DELETE 1"
    status = await tx.execute(
        "UPDATE parts SET blob = $4, sha256 = $5, bytes = $6 WHERE workspace = $1 AND part = $2 AND blob = $3",
        workspace,
        number,
        old,
        blob,
        sha256,
        size,
    )
    return status == "UPDATE 1"


async def another_erases(tx: Transaction, workspace: str, job: UUID) -> bool:
    """Whether an erasure that was claimed before this one is at work."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM jobs o, jobs m WHERE m.id = $2 AND o.id <> m.id AND o.kind = m.kind
                          AND o.workspace = $1 AND o.state = 'running' AND o.lease_until > clock_timestamp()
                          AND (o.claimed_at, o.id) < (m.claimed_at, m.id))""",
        workspace,
        job,
    )
    return found


async def versions_since(tx: Transaction, workspace: str, row: int) -> list[str]:
    """The versions with rows that may hold a row number or later ones."""
    rows = await tx.fetch(
        """SELECT digest FROM versions WHERE workspace = $1 AND emptied_at IS NULL
           AND (body->'lineage'->>'rows_up_to')::bigint >= $2 ORDER BY number""",
        workspace,
        row,
    )
    return [row["digest"] for row in rows]


async def redact(tx: Transaction, digest: str, body: dict[str, Any]) -> None:
    """A version's manifest without erased rows."""
    await tx.execute(
        "UPDATE versions SET body = $2, redacted = $3 WHERE digest = $1",
        digest,
        json.dumps(body),
        body["redacted"]["rows"],
    )


async def drop_erased(tx: Transaction, workspace: str, turn: int) -> int:
    """Deletes the keys of rows that are in no file any more, a step at a time."""
    status = await tx.execute(
        """DELETE FROM rows WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM rows WHERE workspace = $1 AND erased <= $2 LIMIT $3))""",
        workspace,
        turn,
        STEP,
    )
    return int(status.rpartition(" ")[2])


async def drop_old(tx: Transaction, workspace: str, before: datetime) -> None:
    """Forgets what only late events could ask for."""
    await tx.execute("DELETE FROM tombstones WHERE workspace = $1 AND known_at < $2", workspace, before)


async def announce(tx: Transaction, workspace: str, blob: str, turn: int = 0) -> None:
    """Says that a blob is about to be put, or is no longer pointed to: the next erasure looks at it."""
    await tx.execute(
        "INSERT INTO strays VALUES ($1, $2, $3) ON CONFLICT (workspace, blob) DO NOTHING", workspace, blob, turn
    )


_POINTED = """EXISTS (SELECT FROM parts p WHERE p.workspace = $1 AND p.blob = s.blob)
    OR EXISTS (SELECT FROM versions v WHERE v.workspace = $1 AND v.emptied_at IS NULL AND s.blob IN (
        v.body->'training'->>'rows', v.body->'suites'->'fresh'->>'rows', v.body->'suites'->'golden'->>'rows',
        v.profile || '.html', v.profile || '.json'))"""


async def published(tx: Transaction, workspace: str) -> None:
    """What parts and versions point to is no stray."""
    await tx.execute(f"DELETE FROM strays s WHERE workspace = $1 AND ({_POINTED})", workspace)


async def strays(tx: Transaction, workspace: str, before: int) -> list[str]:
    """Blobs announced before a turn that nothing points to, nor can any more: who announced them has to begin anew."""
    rows = await tx.fetch(
        f"SELECT blob FROM strays s WHERE workspace = $1 AND turn < $2 AND NOT ({_POINTED}) ORDER BY blob",
        workspace,
        before,
    )
    return [row["blob"] for row in rows]


async def cleared(tx: Transaction, workspace: str, blobs: Sequence[str]) -> None:
    await tx.execute("DELETE FROM strays WHERE workspace = $1 AND blob = ANY($2)", workspace, blobs)
