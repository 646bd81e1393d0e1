"""Sources, counts and quarantine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from millrace.chassis import NotFound, Step, Transaction, prefixes
from millrace.chassis.erasure import Forgotten
from millrace.events import Event, ObservationSubmitted, Origin, Reason
from millrace.ingestion.domain.documents import Document
from millrace.ingestion.domain.observations import Observation

Count = tuple[str, str, str]
"""Workspace, what is counted, and its detail."""

REMEMBERED = timedelta(days=8)


class NotQuarantined(NotFound):
    def __init__(self, event_id: UUID | str) -> None:
        super().__init__(f"no record {event_id} in quarantine: it never was, or its days are over")
        self.event_id = str(event_id)


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


@dataclass(frozen=True)
class Held:
    """A record in quarantine, as a decision on it needs it. `kept` is None where only the reasons are known."""

    event_id: UUID
    topic: str
    rejected_at: datetime
    kept: Document | Observation | None
    origin: Origin | None
    cause: Step

    @property
    def place(self) -> tuple[datetime, UUID]:
        """Where it stands among the oldest."""
        return self.rejected_at, self.event_id


@dataclass(frozen=True)
class Which:
    """Records in quarantine: by id, or all that these fit; rejected by `until`."""

    workspace: str
    ids: tuple[UUID, ...] | None = None
    reason: str | None = None
    source: str | None = None
    topic: str | None = None
    until: datetime | None = None


_FITS = """
    workspace = $1
    AND ($2::uuid[] IS NULL OR event_id = ANY($2))
    AND ($3::text IS NULL OR reasons @> jsonb_build_array(jsonb_build_object('code', $3::text)))
    AND ($4::text IS NULL OR source = $4) AND ($5::text IS NULL OR topic = $5)
    AND ($6::timestamptz IS NULL OR rejected_at <= $6)"""


def _arguments(which: Which) -> tuple[Any, ...]:
    ids = None if which.ids is None else list(which.ids)
    return which.workspace, ids, which.reason, which.source, which.topic, which.until


async def quarantine(
    tx: Transaction, rejected: Iterable[tuple[Event, Document | Observation, Sequence[Reason], Origin]]
) -> None:
    """Keep rejected records with all that accepting them later needs, masked."""
    await tx.executemany(
        """INSERT INTO quarantine (event_id, workspace, topic, source, reasons, masked_text, rejected_at, record,
               document_id, subject, origin, occurred_at, known_at, traceparent)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING""",
        [
            (
                event.id,
                event.workspace,
                event.topic,
                kept.named,
                to_json(list(reasons)).decode(),
                kept.text[:2000] if isinstance(kept, Document) else None,
                tx.now,
                to_json(kept).decode(),
                kept.document_id if isinstance(kept, Document) else None,
                kept.subject,
                to_json(origin).decode(),
                event.occurred_at,
                event.known_at,
                event.traceparent,
            )
            for event, kept, reasons, origin in rejected
        ],
    )


async def rejections(tx: Transaction, ids: Collection[UUID]) -> dict[UUID, list[Reason]]:
    rows = await tx.fetch(
        "SELECT event_id, reasons FROM quarantine WHERE event_id = ANY($1) AND state <> 'released'", list(ids)
    )
    return {row["event_id"]: [Reason(**reason) for reason in json.loads(row["reasons"])] for row in rows}


async def erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    """Takes out up to `most` quarantined records of a person."""
    rows = await tx.fetch(
        """DELETE FROM quarantine WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM quarantine WHERE workspace = $1 AND subject = $2
                 AND coalesce(known_at, rejected_at) <= $3 LIMIT $4))
           RETURNING 1""",
        who.workspace,
        who.subject,
        who.until,
        most,
    )
    return {"quarantined": len(rows)}


async def expire(tx: Transaction, workspace: str, before: datetime) -> None:
    await tx.execute("DELETE FROM quarantine WHERE workspace = $1 AND rejected_at < $2", workspace, before)


async def held(
    tx: Transaction, which: Which, *, after: tuple[datetime, UUID] | None = None, limit: int = 1000
) -> list[Held]:
    """Records that nobody decided on yet, the oldest first, so that a document's revisions come in their order."""
    rows = await tx.fetch(
        f"""SELECT * FROM quarantine WHERE {_FITS} AND state = 'held'
              AND ($7::timestamptz IS NULL OR (rejected_at, event_id) > ($7, $8::uuid))
            ORDER BY rejected_at, event_id LIMIT $9""",
        *_arguments(which),
        *(after or (None, None)),
        limit,
    )
    return [_held(row) for row in rows]


def _held(row: Any) -> Held:
    whole = row["record"] is not None
    cause = Step(
        row["event_id"],
        row["occurred_at"] or row["rejected_at"],
        row["known_at"] or row["rejected_at"],
        traceparent=row["traceparent"],
    )
    return Held(
        event_id=row["event_id"],
        topic=row["topic"],
        rejected_at=row["rejected_at"],
        kept=_KEPT[row["topic"] == ObservationSubmitted.topic].validate_json(row["record"]) if whole else None,
        origin=Origin.model_validate_json(row["origin"]) if whole else None,
        cause=cause,
    )


_KEPT: tuple[TypeAdapter[Document | Observation], ...] = (TypeAdapter(Document), TypeAdapter(Observation))


async def count_held(tx: Transaction, which: Which, *, after: tuple[datetime, UUID]) -> int:
    return int(
        await tx.fetchval(
            f"""SELECT count(*) FROM quarantine
                WHERE {_FITS} AND state = 'held' AND (rejected_at, event_id) > ($7, $8::uuid)""",
            *_arguments(which),
            *after,
        )
    )


async def settle(tx: Transaction, ids: Sequence[UUID], end: str, by: str) -> set[UUID]:
    """Mark records that are still held as released or dropped; gives those that were. A dropped one is emptied."""
    rows = await tx.fetch(
        """UPDATE quarantine SET state = $2, decided_by = $3, decided_at = $4,
               record = CASE WHEN $2 = 'released' THEN record END,
               masked_text = CASE WHEN $2 = 'released' THEN masked_text END
           WHERE event_id IN (SELECT event_id FROM quarantine WHERE event_id = ANY($1) AND state = 'held'
                              ORDER BY event_id FOR UPDATE)
           RETURNING event_id""",
        list(ids),
        end,
        by,
        tx.now,
    )
    return {row["event_id"] for row in rows}


async def retell(tx: Transaction, reasons: Mapping[UUID, Sequence[Reason]]) -> None:
    """Give held records the reasons that stand against them now."""
    await tx.executemany(
        "UPDATE quarantine SET reasons = $2 WHERE event_id = $1 AND state = 'held'",
        [(id, to_json(list(told)).decode()) for id, told in sorted(reasons.items())],
    )


async def each_quarantined(
    tx: Transaction, which: Which, *, state: str, limit: int, before: datetime | None, after: str | None
) -> list[dict[str, Any]]:
    """The newest first; `after` is the last record of the page before. Raises NotQuarantined."""
    last = None if after is None else await _one(tx, await named(tx, after, which.workspace))
    rows = await tx.fetch(
        f"""SELECT event_id, topic, source, document_id, reasons, masked_text, rejected_at, state, decided_by,
                decided_at
            FROM quarantine
            WHERE {_FITS} AND state = $7 AND ($8::timestamptz IS NULL OR rejected_at < $8)
              AND ($9::timestamptz IS NULL OR rejected_at < $9 OR (rejected_at = $9 AND event_id > $10::uuid))
            ORDER BY rejected_at DESC, event_id LIMIT $11""",
        *_arguments(which),
        state,
        before,
        last and last["rejected_at"],
        last and last["event_id"],
        limit,
    )
    return [_shown(row) for row in rows]


async def states(tx: Transaction, workspace: str, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """State and who decided, of records by id."""
    rows = await tx.fetch(
        """SELECT event_id, state, decided_by, decided_at FROM quarantine
           WHERE workspace = $1 AND event_id = ANY($2)""",
        workspace,
        list(ids),
    )
    return {row["event_id"]: dict(row) for row in rows}


async def named(tx: Transaction, given: str, workspace: str | None = None) -> UUID:
    """The record of an id, whole or as it begins; a whole one need not be there. Raises NotQuarantined, Ambiguous."""
    first, last = prefixes.span("record", given)
    if first == last:
        return first
    rows = await tx.fetch(
        """SELECT event_id FROM quarantine
           WHERE event_id BETWEEN $1 AND $2 AND ($3::text IS NULL OR workspace = $3) ORDER BY 1 LIMIT $4""",
        first,
        last,
        workspace,
        prefixes.SOME,
    )
    found = prefixes.only("record", given, [row["event_id"] for row in rows])
    if found is None:
        raise NotQuarantined(given)
    return UUID(str(found))


async def show_quarantined(tx: Transaction, given: str) -> dict[str, Any]:
    """All that is kept of a record. Raises NotQuarantined."""
    row = _shown(await _one(tx, await named(tx, given)))
    record = json.loads(row["record"]) if row["record"] is not None else None
    return {**row, "record": record, "origin": row["origin"] and json.loads(row["origin"])}


async def _one(tx: Transaction, event_id: UUID) -> Any:
    row = await tx.fetchrow("SELECT * FROM quarantine WHERE event_id = $1", event_id)
    if row is None:
        raise NotQuarantined(event_id)
    return row


def _shown(row: Any) -> dict[str, Any]:
    return {**row, "reasons": json.loads(row["reasons"])}


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
