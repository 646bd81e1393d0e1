"""What is known of documents: the digest of the newest revision, and the last run that saw it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from millrace.chassis import Transaction
from millrace.chassis.erasure import Forgotten
from millrace.ingestion.domain.revisions import Known, Revision
from millrace.ingestion.sources.batch import About


async def known(tx: Transaction, about: About, documents: Collection[UUID]) -> dict[UUID, Known]:
    """What is known of documents; held, in one order."""
    rows = await tx.fetch(
        """SELECT document, digest, revision, gone, seen, (
               SELECT p.place FROM places p WHERE (p.workspace, p.source, p.place) = (f.workspace, f.source, f.place)
                 AND p.settled = $4 AND p.read < $4) AS kept_by
           FROM found f
           WHERE workspace = $1 AND source = $2 AND document = ANY($3) ORDER BY document FOR UPDATE""",
        about.workspace,
        about.source,
        sorted(documents),
        about.reading,
    )
    return {row["document"]: Known(*(row[name] for name in _KNOWN)) for row in rows}


_KNOWN = ("digest", "revision", "gone", "seen", "kept_by")


async def erase(tx: Transaction, who: Forgotten, most: int) -> list[str]:
    """Keeps up to `most` documents of a person out from now on; the sources that they are of, once for each."""
    rows = await tx.fetch(
        """UPDATE found SET forgotten = true, gone = true, gone_at = $5, digest = '' WHERE (source, document) IN (
               SELECT source, document FROM found
               WHERE workspace = $1 AND subject = $2 AND NOT forgotten AND coalesce(known_at, $3) <= $3
               ORDER BY source, document LIMIT $4 FOR UPDATE)
             AND workspace = $1
           RETURNING source""",
        who.workspace,
        who.subject,
        who.until,
        most,
        tx.now,
    )
    return [row["source"] for row in rows]


async def kept_out(tx: Transaction, about: About, documents: Collection[UUID]) -> dict[UUID, str]:
    """Those of the documents that are kept out, each with its person's pseudonym; held, in one order."""
    rows = await tx.fetch(
        """SELECT document, subject FROM found
           WHERE workspace = $1 AND source = $2 AND document = ANY($3) AND forgotten ORDER BY document FOR UPDATE""",
        about.workspace,
        about.source,
        sorted(documents),
    )
    return {row["document"]: row["subject"] for row in rows}


async def still_there(tx: Transaction, about: About, documents: Collection[UUID]) -> None:
    """Documents that are kept out and that the source still has: they are remembered on."""
    await tx.execute(
        """UPDATE found SET gone_at = $5, seen = $4
           WHERE workspace = $1 AND source = $2 AND document = ANY($3) AND forgotten""",
        about.workspace,
        about.source,
        sorted(documents),
        about.reading,
        tx.now,
    )


async def save_revisions(
    tx: Transaction,
    about: About,
    revisions: Iterable[Revision],
    refused: Collection[UUID],
    whose: Mapping[UUID, str],
) -> None:
    """All of them are seen; what is `repeated` stays as the first said, and what is as it was as refused as it was."""
    rows = [
        (
            one.document,
            one.item.place,
            one.digest,
            one.number,
            one.document in refused if one.news else None,
            whose.get(one.document),
        )
        for one in revisions
        if one.outcome != "repeated"
    ]
    if not rows:
        return
    await tx.execute(
        """INSERT INTO found (workspace, source, document, place, digest, revision, seen, refused, subject, known_at)
           SELECT $1, $2, u.document, u.place, u.digest, u.revision, $3, coalesce(u.refused, f.refused, false),
               u.subject, CASE WHEN u.refused IS NULL THEN f.known_at ELSE $10 END
           FROM unnest($4::uuid[], $5::uuid[], $6::bytea[], $7::bigint[], $8::boolean[], $9::text[])
               AS u (document, place, digest, revision, refused, subject)
           LEFT JOIN found AS f ON (f.workspace, f.source, f.document) = ($1, $2, u.document)
           ON CONFLICT (workspace, source, document) DO UPDATE SET
               place = CASE WHEN found.seen = excluded.seen AND NOT found.gone THEN found.place ELSE excluded.place END,
               digest = excluded.digest, revision = excluded.revision, gone = false,
               seen = excluded.seen, refused = excluded.refused, subject = excluded.subject,
               known_at = excluded.known_at, forgotten = false""",
        about.workspace,
        about.source,
        about.reading,
        *(list(column) for column in zip(*sorted(rows, key=lambda row: row[0]), strict=True)),
        tx.now,
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


async def met(tx: Transaction, about: About) -> bool:
    """Whether this reading has seen anything that stands."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM found f LEFT JOIN places p USING (workspace, source, place)
                   WHERE f.workspace = $1 AND f.source = $2 AND NOT f.gone
                     AND (f.seen = $3 OR p.settled = $3))""",
            about.workspace,
            about.source,
            about.reading,
        )
    )


async def standing(tx: Transaction, workspace: str, source: str) -> int:
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM found WHERE workspace = $1 AND source = $2 AND NOT gone", workspace, source
        )
    )


async def vanish(tx: Transaction, about: About, most: int, *, whole: bool) -> list[UUID]:
    """Documents that the run has not seen, at places that it found changed or not at all: they are gone from now on.

    A run that was not `whole` knows that only of places where it asked and was told.
    """
    rows = await tx.fetch(
        """UPDATE found SET gone = true, gone_at = $5 WHERE workspace = $1 AND source = $2 AND document IN (
               SELECT f.document FROM found f LEFT JOIN places p USING (workspace, source, place)
               WHERE f.workspace = $1 AND f.source = $2 AND NOT f.gone AND f.seen < $3
                 AND coalesce(p.settled, 0) < $3 AND ($6 OR p.absent = $3)
               ORDER BY f.document LIMIT $4)
           RETURNING document, place""",
        about.workspace,
        about.source,
        about.reading,
        most,
        tx.now,
        whole,
    )
    # what comes back is to be read whole, even if it is as it was
    await tx.execute(
        """DELETE FROM places
           WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND greatest(read, settled) < $4""",
        about.workspace,
        about.source,
        sorted({row["place"] for row in rows}),
        about.reading,
    )
    return sorted(row["document"] for row in rows)


async def tidy(tx: Transaction, about: About, *, gone_before: datetime, most: int) -> int:
    """Forgets what has long been gone, and places that the run has not met, some at a time; how many."""
    documents = await tx.execute(
        """DELETE FROM found WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM found f WHERE workspace = $1 AND source = $2 AND gone AND gone_at < $3
                 AND NOT (forgotten AND EXISTS (  -- a file that is as it was is not read, and still has its rows
                     SELECT FROM places p WHERE (p.workspace, p.source, p.place) = (f.workspace, f.source, f.place)))
               LIMIT $4))""",
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
        about.reading,
        most,
    )
    return max(int(done.rpartition(" ")[2]) for done in (documents, places))
