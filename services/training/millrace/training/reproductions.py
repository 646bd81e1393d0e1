"""Reproductions in Postgres."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from millrace.chassis import Transaction


async def ask(tx: Transaction, id: UUID, run_id: UUID, by: str) -> None:
    """The same id again changes nothing."""
    await tx.execute(
        """INSERT INTO reproductions (id, run_id, asked_by, asked_at, state) VALUES ($1, $2, $3, $4, 'queued')
           ON CONFLICT DO NOTHING""",
        id,
        run_id,
        by,
        tx.now,
    )


async def start(tx: Transaction, id: UUID) -> asyncpg.Record | None:
    """The run that is made again, with its cycle's dataset; `before` is what the version was made from that was in
    production when the cycle was opened. None where it has ended already."""
    return await tx.fetchrow(
        """UPDATE reproductions p SET state = 'running' FROM runs r JOIN cycles c ON c.id = r.cycle_id
           WHERE p.id = $1 AND p.state IN ('queued', 'running') AND r.id = p.run_id
           RETURNING r.*, c.dataset, c.manifest, (
               SELECT b.id FROM runs b JOIN cycles bc ON bc.id = b.cycle_id
               WHERE bc.workspace = c.workspace AND bc.became = c.version AND b.picked) AS before""",
        id,
    )


async def advance(tx: Transaction, id: UUID, *, stage: str, step: int, steps: int | None) -> None:
    await tx.execute("UPDATE reproductions SET stage = $2, step = $3, steps = $4 WHERE id = $1", id, stage, step, steps)


async def ended(tx: Transaction, id: UUID, *, was: str, weights: str, differs: Sequence[str], seconds: float) -> None:
    await tx.execute(
        """UPDATE reproductions SET state = $2, ended_at = $3, was = $4, weights = $5, differs = $6, seconds = $7
           WHERE id = $1""",
        id,
        "same" if was == weights else "different",
        tx.now,
        was,
        weights,
        json.dumps(differs),
        seconds,
    )


async def failed(tx: Transaction, id: UUID, reason: str) -> None:
    await tx.execute(
        "UPDATE reproductions SET state = 'failed', ended_at = $2, reason = $3 WHERE id = $1", id, tx.now, reason
    )


async def load(tx: Transaction, id: UUID) -> dict[str, Any] | None:
    row = await tx.fetchrow("SELECT * FROM reproductions WHERE id = $1", id)
    return _told(row) if row else None


async def each(tx: Transaction, run_id: UUID) -> list[dict[str, Any]]:
    """Those of a run, newest first."""
    rows = await tx.fetch("SELECT * FROM reproductions WHERE run_id = $1 ORDER BY asked_at DESC LIMIT 100", run_id)
    return [_told(row) for row in rows]


def _told(row: asyncpg.Record) -> dict[str, Any]:
    return {**dict(row), "differs": json.loads(row["differs"])}
