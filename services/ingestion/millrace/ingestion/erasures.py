"""Erasures: asked for here, carried out by every owner, reported on one page."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from millrace.chassis import NotFound, Transaction, prefixes, retention
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
        """INSERT INTO confirmations (erasure, service, erased, datasets, dataset_names, versions, at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        [
            (
                event.erasure,
                event.service,
                json.dumps(event.erased),
                event.datasets,
                event.dataset_names,
                event.versions,
                event.occurred_at,
            )
            for event in events
        ],
    )


async def still_named(tx: Transaction, workspace: str, source: str, subjects: Collection[str]) -> None:
    """Notes that a source still names people who were forgotten."""
    await tx.execute(
        """INSERT INTO still_named (workspace, subject, source, seen_at)
           SELECT $1, s, $2, $4 FROM unnest($3::text[]) AS s
           ON CONFLICT (workspace, subject, source) DO UPDATE SET seen_at = excluded.seen_at""",
        workspace,
        source,
        sorted(subjects),
        tx.now,
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
    row = await _one(tx, workspace, erasure)
    said = await tx.fetch("SELECT * FROM confirmations WHERE erasure = $1 ORDER BY service", row["erasure"])
    named = await tx.fetch(
        "SELECT source, seen_at FROM still_named WHERE workspace = $1 AND subject = $2 ORDER BY source",
        workspace,
        row["subject"],
    )
    return {
        **_overview(row, [one["service"] for one in said]),
        "owners": [
            {"service": one["service"], "erased": json.loads(one["erased"]), "at": one["at"].isoformat()}
            for one in said
        ],
        "datasets": sorted({digest for one in said for digest in one["datasets"]}),
        "dataset_names": [name for one in said for name in one["dataset_names"]],
        "versions": sorted({version for one in said for version in one["versions"]}),
        "still_named_by": [{"source": one["source"], "seen_at": one["seen_at"].isoformat()} for one in named],
        "topics_forget_by": {name: (row["asked_at"] + kept).isoformat() for name, kept in TOPICS.items()},
    }


async def _one(tx: Transaction, workspace: str, given: str) -> asyncpg.Record:
    """An erasure by its id, or how that begins. Raises ErasureNotFound, Ambiguous."""
    first, last = prefixes.span("erasure", given)
    rows = await tx.fetch(
        "SELECT * FROM erasures WHERE workspace = $1 AND erasure BETWEEN $2 AND $3 ORDER BY erasure LIMIT $4",
        workspace,
        str(first),
        str(last),
        prefixes.SOME,
    )
    if prefixes.only("erasure", given, [row["erasure"] for row in rows]) is None:
        raise ErasureNotFound(given)
    return rows[0]


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
