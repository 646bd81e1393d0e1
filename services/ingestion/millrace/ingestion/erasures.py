"""Erasures: asked for here, carried out by every owner, reported on one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from millrace.chassis import NotFound, Transaction, retention
from millrace.events import ErasureConfirmed

OWNERS = ("datasets", "dedup", "evaluation", "feedback", "ingestion", "registry", "serving")
"""Every service that keeps rows of people, or knows who learned from them."""

TOPICS = {
    "intake": retention.forgotten_after(retention.INTAKE),
    "traffic": retention.forgotten_after(retention.TRAFFIC),
}
"""How long topics, and dead letters of intake ones, which are encrypted, still hold what was published before."""


class ErasureNotFound(NotFound):
    def __init__(self, erasure: str) -> None:
        super().__init__(f"no erasure {erasure!r} was asked for")
        self.erasure = erasure


async def append(tx: Transaction, erasure: str, workspace: str, subject: str, by: str) -> None:
    await tx.execute(
        """INSERT INTO erasures (erasure, workspace, subject, by, asked_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT DO NOTHING""",
        erasure,
        workspace,
        subject,
        by,
        tx.now,
    )


async def confirm(tx: Transaction, events: Sequence[ErasureConfirmed]) -> None:
    await tx.executemany(
        """INSERT INTO confirmations (erasure, service, erased, datasets, versions, at) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT DO NOTHING""",
        [
            (event.erasure, event.service, json.dumps(event.erased), event.datasets, event.versions, event.occurred_at)
            for event in events
        ],
    )


async def each(tx: Transaction, workspace: str, limit: int) -> list[dict[str, Any]]:
    """The newest first, each with who has yet to confirm."""
    rows = await tx.fetch(
        """SELECT e.*, coalesce(array_agg(c.service) FILTER (WHERE c.service IS NOT NULL), '{}') AS confirmed
           FROM erasures e LEFT JOIN confirmations c USING (erasure)
           WHERE workspace = $1 GROUP BY e.erasure ORDER BY asked_at DESC, erasure LIMIT $2""",
        workspace,
        limit,
    )
    return [_overview(row, row["confirmed"]) for row in rows]


async def report(tx: Transaction, workspace: str, erasure: str) -> dict[str, Any]:
    """All that was done about one. Raises ErasureNotFound."""
    row = await tx.fetchrow("SELECT * FROM erasures WHERE erasure = $1 AND workspace = $2", erasure, workspace)
    if row is None:
        raise ErasureNotFound(erasure)
    said = await tx.fetch("SELECT * FROM confirmations WHERE erasure = $1 ORDER BY service", erasure)
    return {
        **_overview(row, [one["service"] for one in said]),
        "owners": [
            {"service": one["service"], "erased": json.loads(one["erased"]), "at": one["at"].isoformat()}
            for one in said
        ],
        "datasets": sorted({digest for one in said for digest in one["datasets"]}),
        "versions": sorted({version for one in said for version in one["versions"]}),
        "topics_forget_by": {name: (row["asked_at"] + kept).isoformat() for name, kept in TOPICS.items()},
    }


def _overview(row: asyncpg.Record, confirmed: Sequence[str]) -> dict[str, Any]:
    waiting = sorted(set(OWNERS) - set(confirmed))
    asked: datetime = row["asked_at"]
    return {
        "erasure": row["erasure"],
        "workspace": row["workspace"],
        "subject": row["subject"],
        "by": row["by"],
        "asked_at": asked.isoformat(),
        "done": not waiting,
        "waiting_for": waiting,
    }
