"""Observations: the newest in Postgres, the others in parts; and the tables of features made of them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from millrace.chassis import NotFound, Transaction
from millrace.datasets import shelving
from millrace.events import ObservationAccepted
from millrace.privacy import derived_key, pseudonymous


@dataclass(slots=True)
class Observed:
    """A workspace's counters: observations ever taken, buffered ones not in a part yet."""

    workspace: str
    rows: int
    buffered: int
    parts: int
    flushing: bool
    housekept: bool
    aged_before: datetime | None
    """What was known before is gone: it was past the retention."""


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file of observations, in the order in which they were taken."""

    number: int
    blob: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Observations from one number to another that a part was made of."""

    first: int
    last: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a part written anew holds: how many observations, of whom, the first known when; and how many went."""

    rows: int
    entities: Collection[str]
    oldest: datetime | None
    gone: int


@dataclass(frozen=True, slots=True)
class Made:
    """A table of features; `left_out` counts the moments without a row, by why."""

    blob: str
    digest: str
    bytes: int
    rows: int
    left_out: Mapping[str, int]


class TableUnknown(NotFound):
    def __init__(self, table: UUID) -> None:
        super().__init__(f"no table of features {table}")
        self.table = str(table)


async def lock(tx: Transaction, workspace: str) -> Observed:
    """The workspace's counters, held to the transaction's end."""
    await tx.execute("INSERT INTO observed (workspace) VALUES ($1) ON CONFLICT DO NOTHING", workspace)
    row = await tx.fetchrow("SELECT * FROM observed WHERE workspace = $1 FOR UPDATE", workspace)
    assert row is not None
    return Observed(**row)


async def save(tx: Transaction, observed: Observed) -> None:
    await tx.execute(
        """UPDATE observed SET rows = $2, buffered = $3, parts = $4, flushing = $5, housekept = $6, aged_before = $7
           WHERE workspace = $1""",
        observed.workspace,
        observed.rows,
        observed.buffered,
        observed.parts,
        observed.flushing,
        observed.housekept,
        observed.aged_before,
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
    entities = sorted({event.entity for event in events})
    await tx.execute(
        "INSERT INTO entities SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING",
        workspace,
        entities,
        [subjects[entity] for entity in entities],
    )
    records = [
        (workspace, seq, one.source, one.entity, one.id, one.occurred_at, one.known_at, json.dumps(one.values))
        for seq, one in enumerate(events, start=observed.rows + 1)
    ]
    columns = ("workspace", "seq", "source", "entity", "id", "occurred_at", "known_at", "values")
    await tx.copy("observations", columns, records)
    observed.rows += len(records)
    observed.buffered += len(records)


async def buffered(tx: Transaction, workspace: str, *, after: int, most: int) -> list[dict[str, Any]]:
    """Observations that are in no part yet, in the order in which they were taken."""
    rows = await tx.fetch(
        """SELECT seq, source, entity, id::text, occurred_at, known_at, values FROM observations
           WHERE workspace = $1 AND seq > $2 ORDER BY seq LIMIT $3""",
        workspace,
        after,
        most,
    )
    return [dict(row) for row in rows]


async def add_part(tx: Transaction, observed: Observed, blob: str, stretch: Stretch) -> bool:
    """Moves a stretch of the buffer into a part; whether it was still what the part was made of."""
    workspace = observed.workspace
    moved = await tx.fetch(
        "DELETE FROM observations WHERE workspace = $1 AND seq BETWEEN $2 AND $3 RETURNING entity, known_at",
        workspace,
        stretch.first,
        stretch.last,
    )
    if len(moved) != stretch.rows:
        return False
    observed.parts += 1
    observed.buffered -= stretch.rows
    await tx.execute(
        "INSERT INTO observation_parts VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        workspace,
        observed.parts,
        blob,
        stretch.rows,
        stretch.bytes,
        stretch.first,
        stretch.last,
        min(row["known_at"] for row in moved),
    )
    await tx.execute(
        "INSERT INTO part_entities SELECT $1, e, $3 FROM unnest($2::text[]) e",
        workspace,
        sorted({row["entity"] for row in moved}),
        observed.parts,
    )
    return True


async def part_after(tx: Transaction, workspace: str, after: int) -> Part | None:
    """The part with the observation that follows a number."""
    row = await tx.fetchrow(
        """SELECT part, blob, last_seq FROM observation_parts
           WHERE workspace = $1 AND last_seq > $2 ORDER BY part LIMIT 1""",
        workspace,
        after,
    )
    return Part(*row) if row else None


async def counts(tx: Transaction, workspace: str) -> dict[str, Any]:
    row = await tx.fetchrow("SELECT rows, buffered, parts FROM observed WHERE workspace = $1", workspace)
    entities = await tx.fetchval("SELECT count(*) FROM entities WHERE workspace = $1", workspace)
    return {"workspace": workspace, "rows": 0, "buffered": 0, "parts": 0, **dict(row or {}), "entities": entities}


async def erase_observations(tx: Transaction, workspace: str, subject: str, most: int) -> int:
    """Erases up to `most` buffered observations of a person; how many. `forgetting` does the rest."""
    theirs = """
        SELECT seq FROM observations JOIN entities USING (workspace, entity)
        WHERE workspace = $1 AND subject = $2 LIMIT $3"""
    return await _erase_buffered(tx, await lock(tx, workspace), theirs, subject, most)


async def age(tx: Transaction, workspace: str, before: datetime, most: int) -> int:
    """Erases up to `most` buffered observations that were known before a time; how many. `forgetting` does the rest."""
    observed = await lock(tx, workspace)
    observed.aged_before = max(before, observed.aged_before or before)
    old = "SELECT seq FROM observations WHERE workspace = $1 AND known_at < $2 ORDER BY known_at LIMIT $3"
    return await _erase_buffered(tx, observed, old, before, most)


async def _erase_buffered(tx: Transaction, observed: Observed, which: str, about: str | datetime, most: int) -> int:
    told = await tx.execute(
        f"DELETE FROM observations WHERE workspace = $1 AND seq IN ({which})", observed.workspace, about, most
    )
    gone = int(told.rpartition(" ")[2])
    observed.buffered -= gone
    await save(tx, observed)
    return gone


async def aged_before(tx: Transaction, workspace: str) -> datetime | None:
    """What was known before is gone. None where nothing is."""
    before: datetime | None = await tx.fetchval("SELECT aged_before FROM observed WHERE workspace = $1", workspace)
    return before


async def names_of(tx: Transaction, workspace: str, subject: str) -> list[str]:
    """The entities that a person is observed as."""
    rows = await tx.fetch("SELECT entity FROM entities WHERE workspace = $1 AND subject = $2", workspace, subject)
    return [row["entity"] for row in rows]


async def part_of(tx: Transaction, workspace: str, entities: Collection[str]) -> Part | None:
    """A part that holds one of some entities."""
    row = await tx.fetchrow(
        """SELECT part, blob, last_seq FROM observation_parts JOIN part_entities USING (workspace, part)
           WHERE workspace = $1 AND entity = ANY($2) ORDER BY part LIMIT 1""",
        workspace,
        list(entities),
    )
    return Part(*row) if row else None


async def part_with_older(tx: Transaction, workspace: str, before: datetime) -> Part | None:
    """A part that holds an observation known before a time, or in which nobody has looked yet."""
    row = await tx.fetchrow(
        """SELECT part, blob, last_seq FROM observation_parts
           WHERE workspace = $1 AND (oldest IS NULL OR oldest < $2) ORDER BY part LIMIT 1""",
        workspace,
        before,
    )
    return Part(*row) if row else None


async def swap_part(tx: Transaction, workspace: str, part: Part, blob: str, size: int, content: Content) -> bool:
    """A part with less takes the place of what it was made of, or none; whether that still stood there."""
    if content.rows:
        done = await tx.execute(
            """UPDATE observation_parts SET blob = $4, rows = $5, bytes = $6, oldest = $7
               WHERE workspace = $1 AND part = $2 AND blob = $3""",
            workspace,
            part.number,
            part.blob,
            blob,
            content.rows,
            size,
            content.oldest,
        )
    else:
        done = await tx.execute(
            "DELETE FROM observation_parts WHERE workspace = $1 AND part = $2 AND blob = $3",
            workspace,
            part.number,
            part.blob,
        )
    if done.endswith(" 0"):
        return False
    await shelving.stray(tx, workspace, [part.blob])
    await tx.execute(
        "DELETE FROM part_entities WHERE workspace = $1 AND part = $2 AND NOT entity = ANY($3)",
        workspace,
        part.number,
        list(content.entities),
    )
    return True


async def forget_unseen(tx: Transaction, workspace: str) -> None:
    """Names of entities of which no observation is left."""
    await lock(tx, workspace)
    await tx.execute(
        """DELETE FROM entities e WHERE workspace = $1
             AND NOT EXISTS (SELECT FROM observations o WHERE o.workspace = $1 AND o.entity = e.entity)
             AND NOT EXISTS (SELECT FROM part_entities p WHERE p.workspace = $1 AND p.entity = e.entity)""",
        workspace,
    )


async def forget_names(tx: Transaction, workspace: str, entities: Collection[str]) -> None:
    await tx.execute("DELETE FROM entities WHERE workspace = $1 AND entity = ANY($2)", workspace, list(entities))


async def ask_table(tx: Transaction, id: UUID, workspace: str, by: str, spec: Mapping[str, Any]) -> None:
    """A table of what is observed by now. Asked again under the same id, it stays as it is."""
    await tx.execute(
        """INSERT INTO feature_tables (id, workspace, asked_at, by, spec, rows_up_to)
           SELECT $1, $2, $3, $4, $5, coalesce((SELECT rows FROM observed WHERE workspace = $2), 0)
           ON CONFLICT DO NOTHING""",
        id,
        workspace,
        tx.now,
        by,
        json.dumps(spec),
    )


async def table(tx: Transaction, id: UUID) -> dict[str, Any]:
    """Raises TableUnknown."""
    row = await tx.fetchrow(
        """SELECT t.*, j.error FROM feature_tables t
           LEFT JOIN jobs j ON j.kind = 'tabulate' AND j.key = t.id::text AND j.state = 'failed' WHERE t.id = $1""",
        id,
    )
    if row is None:
        raise TableUnknown(id)
    found = {**row, "spec": json.loads(row["spec"]), "left_out": json.loads(row["left_out"] or "{}")}
    failed = row["state"] == "waiting" and row["error"]
    return found | {"state": "failed", "reason": row["error"]} if failed else found


async def made(tx: Transaction, id: UUID, table: Made) -> bool:
    """Whether it was still wanted."""
    done = await tx.execute(
        """UPDATE feature_tables SET state = 'made', blob = $2, digest = $3, bytes = $4, rows = $5, left_out = $6
           WHERE id = $1 AND state = 'waiting'""",
        id,
        table.blob,
        table.digest,
        table.bytes,
        table.rows,
        json.dumps(table.left_out),
    )
    return done != "UPDATE 0"


async def discard(tx: Transaction, workspace: str, why: str, *, id: UUID | None = None) -> None:
    """A table that was asked for is no more, or all of a workspace; their blobs are strays."""
    rows = await tx.fetch(
        """UPDATE feature_tables SET state = 'discarded', reason = $2, blob = NULL
           WHERE workspace = $1 AND ($3::uuid IS NULL OR id = $3) AND state <> 'discarded'
           RETURNING old.blob""",
        workspace,
        why,
        id,
    )
    await shelving.stray(tx, workspace, [row["blob"] for row in rows if row["blob"]])
