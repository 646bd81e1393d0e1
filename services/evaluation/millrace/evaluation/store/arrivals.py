"""Labelled rows as they come: the newest of each workspace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from millrace.chassis import Transaction
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
        """INSERT INTO arrivals (workspace, document_id, source, text, label, cluster, known_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        [(workspace, e.document_id, e.source, e.text, e.label, e.cluster, e.known_at) for e in kept],
    )
    await tx.execute(
        """DELETE FROM arrivals WHERE workspace = $1 AND (known_at < $2 OR seq <=
             (SELECT seq FROM arrivals WHERE workspace = $1 ORDER BY seq DESC OFFSET $3 LIMIT 1))""",
        workspace,
        tx.now - KEPT,
        MOST,
    )


async def since(
    tx: Transaction, workspace: str, cut: datetime, *, retired: Sequence[str], labels: Sequence[str]
) -> list[Arrival]:
    """The newest 400 rows known after a training cut, of sources and labels that still count, in their order."""
    rows = await tx.fetch(
        """SELECT document_id, text, label, cluster FROM arrivals
           WHERE workspace = $1 AND known_at > $2 AND NOT source = ANY($3) AND label = ANY($4)
           ORDER BY seq DESC LIMIT $5""",
        workspace,
        cut,
        list(retired),
        list(labels),
        JOIN,
    )
    return [Arrival(**dict(row)) for row in reversed(rows)]
