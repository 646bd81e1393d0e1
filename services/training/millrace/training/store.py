"""Tracks and cycles in Postgres. A track is locked while it is decided upon."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from millrace.chassis import Transaction, jobs
from millrace.events import Deployment
from millrace.training.domain import BUDGET_SPENT, Alerted, Ask, Closed, Cycle, Import, Track
from millrace.training.domain.track import REMEMBERED

PENDING = TypeAdapter(tuple[Ask, ...])
IMPORT = TypeAdapter(Import)
CYCLE = (
    "id, because, attempt, opened_at, deadline, workspace_revision, min_labels, change_point, version, drift_id,"
    " methods, note, state, dataset, cut_at, asked_by, imported"
)


async def load(tx: Transaction, workspace: str) -> Track:
    """A workspace's track; a new one where there is none."""
    await tx.execute(
        "INSERT INTO tracks (workspace, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", workspace, tx.now
    )
    row = await tx.fetchrow("SELECT * FROM tracks WHERE workspace = $1 FOR UPDATE", workspace)
    assert row is not None
    recent = await tx.fetch(
        f"SELECT {CYCLE} FROM cycles WHERE workspace = $1 ORDER BY opened_at DESC LIMIT $2", workspace, REMEMBERED
    )
    cycles = [_cycle(one) for one in recent]
    return Track(
        workspace=workspace,
        production=row["production"],
        past=tuple(row["past"]),
        cycle=next((cycle for cycle in cycles if cycle.state != "closed"), None),
        last=next((cycle for cycle in cycles if cycle.id == row["last"]), None),
        cycles=tuple(cycle.id for cycle in reversed(cycles)),
        pending=PENDING.validate_json(row["pending"]),
        covered=row["covered"],
        cut_at=row["cut_at"],
    )


def _cycle(row: asyncpg.Record) -> Cycle:
    imported = IMPORT.validate_json(row["imported"]) if row["imported"] else None
    return Cycle(**{**dict(row), "methods": tuple(row["methods"]), "imported": imported})


async def save(tx: Transaction, before: Track, after: Track) -> None:
    """Writes what changed; an open cycle that is gone was closed by its `Closed` decision."""
    if after == before:
        return
    await tx.execute(
        """UPDATE tracks SET production = $2, past = $3, last = $4, pending = $5, covered = $6, cut_at = $7
           WHERE workspace = $1""",
        after.workspace,
        after.production,
        list(after.past),
        after.last.id if after.last else None,
        PENDING.dump_json(after.pending).decode(),
        after.covered,
        after.cut_at,
    )
    if after.cycle and after.cycle != before.cycle:
        await _save_cycle(tx, after.workspace, after.cycle)


async def _save_cycle(tx: Transaction, workspace: str, cycle: Cycle) -> None:
    await tx.execute(
        f"""INSERT INTO cycles (workspace, {CYCLE})
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
            ON CONFLICT (id) DO UPDATE SET state = $14, dataset = $15, cut_at = $16""",
        workspace,
        cycle.id,
        cycle.because,
        cycle.attempt,
        cycle.opened_at,
        cycle.deadline,
        cycle.workspace_revision,
        cycle.min_labels,
        cycle.change_point,
        cycle.version,
        cycle.drift_id,
        list(cycle.methods),
        cycle.note,
        cycle.state,
        cycle.dataset,
        cycle.cut_at,
        cycle.asked_by,
        IMPORT.dump_json(cycle.imported).decode() if cycle.imported else None,
    )


async def close(tx: Transaction, closed: Closed) -> None:
    await tx.execute(
        """UPDATE cycles SET state = 'closed', closed_at = $2, outcome = $3, reason = $4, became = $5 WHERE id = $1""",
        closed.cycle.id,
        tx.now,
        closed.outcome,
        closed.reason,
        closed.version,
    )


async def keep_manifest(tx: Transaction, cycle_id: UUID, manifest: str) -> None:
    await tx.execute("UPDATE cycles SET manifest = $2 WHERE id = $1", cycle_id, manifest)


async def keep_deployment(tx: Transaction, workspace: str, deployment: Deployment | None) -> None:
    await tx.execute(
        "UPDATE tracks SET deployment = $2 WHERE workspace = $1",
        workspace,
        deployment.model_dump_json() if deployment else None,
    )


async def deployment(tx: Transaction, workspace: str) -> Deployment | None:
    """Production's, None where there is none."""
    text = await tx.fetchval("SELECT deployment FROM tracks WHERE workspace = $1", workspace)
    return Deployment.model_validate_json(text) if text else None


async def manifest(tx: Transaction, cycle_id: UUID) -> str:
    return str(await tx.fetchval("SELECT manifest FROM cycles WHERE id = $1", cycle_id))


async def created(tx: Transaction, workspace: str) -> datetime:
    """When training first heard of a workspace."""
    at: datetime = await tx.fetchval("SELECT created_at FROM tracks WHERE workspace = $1", workspace)
    return at


async def alert(tx: Transaction, workspace: str, alerted: Alerted) -> None:
    await tx.execute(
        "INSERT INTO alerts (workspace, cycle_id, kind, version, reason, at) VALUES ($1, $2, $3, $4, $5, $6)",
        workspace,
        alerted.cycle.id if alerted.cycle else None,
        alerted.kind,
        alerted.version,
        alerted.reason,
        tx.now,
    )


async def waits_for_budget(tx: Transaction, cycle_id: UUID) -> bool:
    """Whether a run of it goes on tomorrow."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM jobs WHERE kind = 'run' AND cycle_id = $1 AND state = 'waiting'
                   AND starts_with(error, $2))""",
            cycle_id,
            BUDGET_SPENT,
        )
    )


async def each_cycle(tx: Transaction, workspace: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest first. One that trains says which of its jobs did not succeed yet, and why."""
    rows = await tx.fetch(
        """SELECT c.*, j.kind AS job, j.error FROM cycles c LEFT JOIN LATERAL (
               SELECT kind, error FROM jobs WHERE c.state = 'training' AND error IS NOT NULL AND finished_at IS NULL
                   AND kind IN ('plan', 'run', 'pick')
                   AND key IN (SELECT c.id::text UNION ALL SELECT id::text FROM runs WHERE cycle_id = c.id)
               ORDER BY run_at DESC LIMIT 1) j ON true
           WHERE $1::text IS NULL OR c.workspace = $1 ORDER BY c.opened_at DESC LIMIT $2""",
        workspace,
        limit,
    )
    return [_told(dict(row)) for row in rows]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    kind, error = row.pop("job"), row.pop("error")
    plan = json.loads(row["plan"]) if row["plan"] else None
    waits_for = error if error is None or error.startswith(BUDGET_SPENT) else jobs.tried_again(kind, error)
    imported = json.loads(row["imported"]) if row["imported"] else None
    return {**row, "plan": plan, "imported": imported, "waits_for": waits_for}


async def each_alert(tx: Transaction, workspace: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest first."""
    rows = await tx.fetch(
        "SELECT * FROM alerts WHERE $1::text IS NULL OR workspace = $1 ORDER BY id DESC LIMIT $2", workspace, limit
    )
    return [dict(row) for row in rows]
