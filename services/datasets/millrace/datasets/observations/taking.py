"""Observations as they are taken: counted, and kept in Postgres until they are in a part."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.chassis import Transaction
from millrace.events import ObservationAccepted
from millrace.privacy import derived_key, pseudonymous


@dataclass(slots=True)
class Observed:
    """A workspace's counters: observations ever taken, buffered ones not in a part yet.

    Of those that are gone because they were past the retention the last had occurred at `gone_to`.
    """

    workspace: str
    rows: int
    buffered: int
    parts: int
    flushing: bool
    housekept: bool
    gone_to: datetime | None

    def aged(self, latest: datetime | None) -> None:
        """Some that occurred no later than `latest` are gone."""
        if latest is not None:
            self.gone_to = max(latest, self.gone_to or latest)


async def lock(tx: Transaction, workspace: str) -> Observed:
    """The workspace's counters, held to the transaction's end."""
    await tx.execute("INSERT INTO observed (workspace) VALUES ($1) ON CONFLICT DO NOTHING", workspace)
    row = await tx.fetchrow("SELECT * FROM observed WHERE workspace = $1 FOR UPDATE", workspace)
    assert row is not None
    return Observed(**row)


async def save(tx: Transaction, observed: Observed) -> None:
    await tx.execute(
        """UPDATE observed SET rows = $2, buffered = $3, parts = $4, flushing = $5, housekept = $6, gone_to = $7
           WHERE workspace = $1""",
        observed.workspace,
        observed.rows,
        observed.buffered,
        observed.parts,
        observed.flushing,
        observed.housekept,
        observed.gone_to,
    )


def subjects(events: Sequence[ObservationAccepted], secret: str) -> dict[str, str]:
    """Of each entity of a workspace, the pseudonym by which a person would be forgotten."""
    key = derived_key(secret, events[0].workspace)
    return {entity: pseudonymous(entity, key) for entity in {event.entity for event in events}}


async def append(
    tx: Transaction,
    observed: Observed,
    events: Sequence[ObservationAccepted],
    subjects: Mapping[str, str],
) -> None:
    """Adds observations in their order."""
    workspace = observed.workspace
    since = dict[str, datetime]()
    for event in events:
        since[event.entity] = min(event.known_at, since.get(event.entity, event.known_at))
    entities = sorted(since)
    await tx.execute(
        """INSERT INTO entities SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[])
           ON CONFLICT (workspace, entity)
           DO UPDATE SET since = excluded.since WHERE entities.since > excluded.since""",
        workspace,
        entities,
        [subjects[entity] for entity in entities],
        [since[entity] for entity in entities],
    )
    records = [
        (
            workspace,
            seq,
            one.source,
            one.entity,
            one.id,
            one.occurred_at,
            one.known_at,
            json.dumps(one.values),
            one.known_since,
        )
        for seq, one in enumerate(events, start=observed.rows + 1)
    ]
    columns = ("workspace", "seq", "source", "entity", "id", "occurred_at", "known_at", "values", "known_since")
    await tx.copy("observations", columns, records)
    observed.rows += len(records)
    observed.buffered += len(records)


async def buffered(tx: Transaction, workspace: str, *, after: int, most: int) -> list[dict[str, Any]]:
    """Observations that are in no part yet, in the order in which they were taken."""
    rows = await tx.fetch(
        """SELECT seq, source, entity, id::text, occurred_at, known_at, values, known_since FROM observations
           WHERE workspace = $1 AND seq > $2 ORDER BY seq LIMIT $3""",
        workspace,
        after,
        most,
    )
    return [dict(row) for row in rows]


async def first_known(tx: Transaction, workspace: str, entities: Sequence[str]) -> dict[str, datetime]:
    """When Millrace first knew something of entities."""
    rows = await tx.fetch(
        "SELECT entity, since FROM entities WHERE workspace = $1 AND entity = ANY($2)", workspace, list(entities)
    )
    return {row["entity"]: row["since"] for row in rows}


async def counts(tx: Transaction, workspace: str) -> dict[str, Any]:
    row = await tx.fetchrow("SELECT rows, buffered, parts FROM observed WHERE workspace = $1", workspace)
    entities = await tx.fetchval("SELECT count(*) FROM entities WHERE workspace = $1", workspace)
    return {"workspace": workspace, "rows": 0, "buffered": 0, "parts": 0, **dict(row or {}), "entities": entities}
