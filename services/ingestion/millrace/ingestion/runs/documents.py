"""What is known of documents: the digest of the newest revision, and the last run that saw it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from millrace.chassis import Transaction
from millrace.ingestion.domain.revisions import Known, Revision
from millrace.ingestion.sources.batch import About


async def known(tx: Transaction, about: About, documents: Collection[UUID]) -> dict[UUID, Known]:
    """What is known of documents; held, in one order."""
    rows = await tx.fetch(
        """SELECT document, digest, revision, gone, seen FROM found
           WHERE workspace = $1 AND source = $2 AND document = ANY($3) ORDER BY document FOR UPDATE""",
        about.workspace,
        about.source,
        sorted(documents),
    )
    return {row["document"]: Known(row["digest"], row["revision"], row["gone"], row["seen"]) for row in rows}


async def save_revisions(
    tx: Transaction, about: About, revisions: Iterable[Revision], refused: Collection[UUID]
) -> None:
    """All of them are seen; what is `repeated` stays as the first said, and what is as it was as refused as it was."""
    rows = [
        (one.document, one.item.place, one.digest, one.number, one.document in refused if one.news else None)
        for one in revisions
        if one.outcome != "repeated"
    ]
    if not rows:
        return
    await tx.execute(
        """INSERT INTO found (workspace, source, document, place, digest, revision, seen, refused)
           SELECT $1, $2, u.document, u.place, u.digest, u.revision, $3, coalesce(u.refused, f.refused, false)
           FROM unnest($4::uuid[], $5::uuid[], $6::bytea[], $7::bigint[], $8::boolean[])
               AS u (document, place, digest, revision, refused)
           LEFT JOIN found AS f ON (f.workspace, f.source, f.document) = ($1, $2, u.document)
           ON CONFLICT (workspace, source, document) DO UPDATE SET
               place = excluded.place, digest = excluded.digest, revision = excluded.revision, gone = false,
               seen = excluded.seen, refused = excluded.refused""",
        about.workspace,
        about.source,
        about.run,
        *(list(column) for column in zip(*sorted(rows), strict=True)),
    )


async def standing_at(tx: Transaction, about: About, ids: Collection[UUID]) -> int:
    """How many documents stand that came from places."""
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM found WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND NOT gone",
            about.workspace,
            about.source,
            list(ids),
        )
    )


async def standing(tx: Transaction, workspace: str, source: str) -> int:
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM found WHERE workspace = $1 AND source = $2 AND NOT gone", workspace, source
        )
    )


async def vanish(tx: Transaction, about: About, most: int) -> list[UUID]:
    """Documents that the run has not seen, at places that it found changed or not at all: they are gone from now on."""
    rows = await tx.fetch(
        """UPDATE found SET gone = true, gone_at = $5 WHERE workspace = $1 AND source = $2 AND document IN (
               SELECT f.document FROM found f LEFT JOIN places p USING (workspace, source, place)
               WHERE f.workspace = $1 AND f.source = $2 AND NOT f.gone AND f.seen < $3
                 AND coalesce(p.settled, 0) < $3
               ORDER BY f.document LIMIT $4)
           RETURNING document, place""",
        about.workspace,
        about.source,
        about.run,
        most,
        tx.now,
    )
    # what comes back is to be read whole, even if it is as it was
    await tx.execute(
        """DELETE FROM places
           WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND greatest(read, settled) < $4""",
        about.workspace,
        about.source,
        sorted({row["place"] for row in rows}),
        about.run,
    )
    return sorted(row["document"] for row in rows)


async def tidy(tx: Transaction, about: About, *, gone_before: datetime, most: int) -> int:
    """Forgets what has long been gone, and places that the run has not met, some at a time; how many."""
    documents = await tx.execute(
        """DELETE FROM found WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM found WHERE workspace = $1 AND source = $2 AND gone AND gone_at < $3 LIMIT $4))""",
        about.workspace,
        about.source,
        gone_before,
        most,
    )
    places = await tx.execute(
        """DELETE FROM places WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM places
               WHERE workspace = $1 AND source = $2 AND greatest(read, settled) < $3 LIMIT $4))""",
        about.workspace,
        about.source,
        about.run,
        most,
    )
    return max(int(done.rpartition(" ")[2]) for done in (documents, places))
