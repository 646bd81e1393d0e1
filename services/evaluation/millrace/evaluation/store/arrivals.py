"""Labelled rows as they come: the newest of each workspace."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from millrace.chassis import Transaction
from millrace.chassis.erasure import Forgotten
from millrace.events import DocumentKept

MOST = 5000
JOIN = 400  # enough to prove a margin of 0.01, and scored within seconds
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Arrival:
    document_id: str
    text: str
    label: str
    cluster: str


async def append(tx: Transaction, workspace: str, kept: Sequence[DocumentKept]) -> None:
    """Adds rows, and lets go of those that they replace, of those over a week old and of all but the newest 5,000."""
    await tx.execute(
        "DELETE FROM arrivals WHERE workspace = $1 AND document_id = ANY($2)",
        workspace,
        [event.replaces for event in kept if event.replaces],
    )
    await tx.executemany(
        """INSERT INTO arrivals (workspace, document_id, source, text, label, cluster, subject, known_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING""",
        [(workspace, e.document_id, e.source, e.text, e.label, e.cluster, e.subject, e.known_at) for e in kept],
    )
    await tx.execute(
        """DELETE FROM arrivals WHERE workspace = $1 AND (known_at < $2 OR seq <=
             (SELECT seq FROM arrivals WHERE workspace = $1 ORDER BY seq DESC OFFSET $3 LIMIT 1))""",
        workspace,
        tx.now - KEPT,
        MOST,
    )


async def retire(tx: Transaction, ended: Sequence[tuple[str, str, datetime]]) -> None:
    """Lets go of documents (workspace, id, known until) that stand no more; a tombstone keeps out what comes after."""
    await tx.executemany(
        """INSERT INTO retired (workspace, document_id, known_at) VALUES ($1, $2, $3)
           ON CONFLICT (workspace, document_id)
           DO UPDATE SET known_at = greatest(retired.known_at, excluded.known_at)""",
        ended,
    )
    await tx.executemany("DELETE FROM arrivals WHERE workspace = $1 AND document_id = $2 AND known_at <= $3", ended)
    await tx.execute("DELETE FROM retired WHERE known_at < $1", tx.now - 2 * KEPT)


async def retired(tx: Transaction, documents: Collection[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """Those documents that were retired, each with the time until which what was known of it stands no more."""
    if not documents:
        return {}
    rows = await tx.fetch(
        """SELECT * FROM retired WHERE (workspace, document_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))""",
        [workspace for workspace, _ in documents],
        [document for _, document in documents],
    )
    return {(row["workspace"], row["document_id"]): row["known_at"] for row in rows}


async def erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    """Takes out up to `most` texts of a person."""
    rows = await tx.fetch(
        """DELETE FROM arrivals WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM arrivals WHERE workspace = $1 AND subject = $2 AND known_at <= $3 LIMIT $4))
           RETURNING 1""",
        who.workspace,
        who.subject,
        who.until,
        most,
    )
    return {"labels": len(rows)}


async def since(
    tx: Transaction, workspace: str, cut: datetime, *, barred: Collection[str], labels: Sequence[str] | None
) -> list[Arrival]:
    """The newest 400 rows known after a training cut, of sources that may judge and labels that still count (None: all
    do), in their order."""
    rows = await tx.fetch(
        """SELECT document_id, text, label, cluster FROM arrivals
           WHERE workspace = $1 AND known_at > $2 AND NOT source = ANY($3) AND ($4::text[] IS NULL OR label = ANY($4))
           ORDER BY seq DESC LIMIT $5""",
        workspace,
        cut,
        list(barred),
        None if labels is None else list(labels),
        JOIN,
    )
    return [Arrival(**dict(row)) for row in reversed(rows)]


async def texts(tx: Transaction, workspace: str, documents: Collection[str]) -> dict[str, str]:
    """By document, of those that are still kept."""
    rows = await tx.fetch(
        "SELECT document_id, text FROM arrivals WHERE workspace = $1 AND document_id = ANY($2)",
        workspace,
        list(documents),
    )
    return {row["document_id"]: row["text"] for row in rows}
