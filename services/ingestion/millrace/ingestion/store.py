"""Sources, counts and quarantine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from millrace.chassis import Transaction
from millrace.chassis.erasure import Forgotten
from millrace.events import Event, Reason

Count = tuple[str, str, str]
"""Workspace, what is counted, and its detail."""

REMEMBERED = timedelta(days=8)


async def remember(tx: Transaction, consumer: str, events: Sequence[Event]) -> set[UUID]:
    """Take the ids of events that came by HTTP into the handler's inbox; gives those that are new.

    A caller that tries again without a time of its own may do so on another day than before, so the days that the inbox
    keeps are looked through as well.
    """
    ids = [event.id for event in events]
    days = [event.occurred_at.date() for event in events]
    known = await tx.fetch(
        "SELECT id FROM inbox WHERE day >= $3::date AND consumer = $1 AND id = ANY($2)",
        consumer,
        ids,
        (tx.now - REMEMBERED).date(),
    )
    await tx.execute(
        """INSERT INTO inbox (consumer, id, day)
           SELECT $1, u.id, u.day FROM unnest($2::uuid[], $3::date[]) AS u (id, day) ORDER BY 2
           ON CONFLICT DO NOTHING""",
        consumer,
        ids,
        days,
    )
    return set(ids) - {row["id"] for row in known}


async def count(tx: Transaction, counts: Mapping[Count, int]) -> None:
    rows = sorted((*key, n) for key, n in counts.items())  # one lock order, no deadlocks
    await tx.execute(
        """INSERT INTO counts (workspace, what, detail, n)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
           ON CONFLICT (workspace, what, detail) DO UPDATE SET n = counts.n + excluded.n""",
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def save_sources(tx: Transaction, outcomes: Mapping[tuple[str, str], Counter[str]]) -> None:
    """Add what came from each (workspace, source): counts of `accepted` and `rejected`."""
    rows = [
        (workspace, source, outcome["accepted"], outcome["rejected"])
        for (workspace, source), outcome in sorted(outcomes.items())
    ]
    await tx.execute(
        """INSERT INTO sources (workspace, source, submitted, accepted, rejected, first_at, last_at)
           SELECT w, s, a + r, a, r, $5, $5
           FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS u (w, s, a, r)
           ON CONFLICT (workspace, source) DO UPDATE SET
               submitted = sources.submitted + excluded.submitted,
               accepted = sources.accepted + excluded.accepted,
               rejected = sources.rejected + excluded.rejected,
               last_at = greatest(sources.last_at, excluded.last_at)""",
        *(list(column) for column in zip(*rows, strict=True)),
        tx.now,
    )


async def quarantine(
    tx: Transaction, event: Event, source: str, reasons: Sequence[Reason], text: str | None, subject: str | None
) -> None:
    """Keep a rejected record, masked."""
    await tx.execute(
        """INSERT INTO quarantine (event_id, workspace, topic, source, reasons, masked_text, rejected_at, subject)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING""",
        event.id,
        event.workspace,
        event.topic,
        source,
        json.dumps([reason.model_dump() for reason in reasons]),
        text,
        tx.now,
        subject,
    )


async def rejections(tx: Transaction, ids: Collection[UUID]) -> dict[UUID, list[Reason]]:
    rows = await tx.fetch("SELECT event_id, reasons FROM quarantine WHERE event_id = ANY($1)", list(ids))
    return {row["event_id"]: [Reason(**reason) for reason in json.loads(row["reasons"])] for row in rows}


async def erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    """Takes out up to `most` quarantined records of a person."""
    rows = await tx.fetch(
        """DELETE FROM quarantine WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM quarantine WHERE workspace = $1 AND subject = $2 AND rejected_at <= $3 LIMIT $4))
           RETURNING 1""",
        who.workspace,
        who.subject,
        who.until,
        most,
    )
    return {"quarantined": len(rows)}


async def expire(tx: Transaction, workspace: str, before: datetime) -> None:
    await tx.execute("DELETE FROM quarantine WHERE workspace = $1 AND rejected_at < $2", workspace, before)


async def each_quarantined(
    tx: Transaction, workspace: str, *, reason: str | None, limit: int, before: datetime | None
) -> list[dict[str, Any]]:
    """The newest first."""
    rows = await tx.fetch(
        """SELECT event_id, topic, source, reasons, masked_text, rejected_at FROM quarantine
           WHERE workspace = $1
             AND ($2::text IS NULL OR reasons @> jsonb_build_array(jsonb_build_object('code', $2::text)))
             AND ($4::timestamptz IS NULL OR rejected_at < $4)
           ORDER BY rejected_at DESC, event_id LIMIT $3""",
        workspace,
        reason,
        limit,
        before,
    )
    return [{**dict(row), "reasons": json.loads(row["reasons"])} for row in rows]


async def load_counts(tx: Transaction, workspace: str) -> list[tuple[str, str, int]]:
    rows = await tx.fetch("SELECT what, detail, n FROM counts WHERE workspace = $1 ORDER BY 1, 2", workspace)
    return [(row["what"], row["detail"], row["n"]) for row in rows]


async def load_sources(tx: Transaction, workspace: str) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        """SELECT source, submitted, accepted, rejected, first_at, last_at FROM sources
           WHERE workspace = $1 ORDER BY submitted DESC, source LIMIT 1000""",
        workspace,
    )
    return [dict(row) for row in rows]
