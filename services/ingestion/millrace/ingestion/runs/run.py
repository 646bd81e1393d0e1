"""A run of a source: one at most is open of each."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from millrace.chassis import Transaction

STATES = ("complete", "partial", "failed", "cancelled")


@dataclass(slots=True)
class Run:
    workspace: str
    source: str
    run: int
    state: str
    asked_by: str | None
    due_at: datetime
    started_at: datetime | None
    moved_at: datetime | None
    ended_at: datetime | None
    declaration: str | None
    tries: int
    position: bytes | None
    counts: Counter[str]
    reason: str | None
    waits_for: str | None

    @property
    def key(self) -> str:
        """Of the job that does it."""
        return f"{self.workspace}/{self.source}/{self.run}"


def _run(row: asyncpg.Record) -> Run:
    return Run(**{**row, "counts": Counter(json.loads(row["counts"]))})


async def open_run(tx: Transaction, workspace: str, source: str) -> Run | None:
    """The run that waits or runs, if there is one; held."""
    row = await tx.fetchrow(
        """SELECT * FROM runs WHERE workspace = $1 AND source = $2 AND state IN ('waiting', 'running') FOR UPDATE""",
        workspace,
        source,
    )
    return _run(row) if row else None


async def load(tx: Transaction, workspace: str, source: str, run: int) -> Run | None:
    """A run, held; its source before it, which is everybody's order."""
    await tx.execute("SELECT FROM fetched WHERE workspace = $1 AND source = $2 FOR UPDATE", workspace, source)
    row = await tx.fetchrow(
        "SELECT * FROM runs WHERE workspace = $1 AND source = $2 AND run = $3 FOR UPDATE", workspace, source, run
    )
    return _run(row) if row else None


async def add(tx: Transaction, workspace: str, source: str, *, due_at: datetime, asked_by: str | None) -> Run:
    """A new run under the next number."""
    number = await tx.fetchval(
        """UPDATE fetched SET last_run = last_run + 1 WHERE workspace = $1 AND source = $2 RETURNING last_run""",
        workspace,
        source,
    )
    row = await tx.fetchrow(
        "INSERT INTO runs (workspace, source, run, due_at, asked_by) VALUES ($1, $2, $3, $4, $5) RETURNING *",
        workspace,
        source,
        number,
        due_at,
        asked_by,
    )
    assert row is not None
    return _run(row)


async def started_last(tx: Transaction, workspace: str, source: str) -> datetime | None:
    started: datetime | None = await tx.fetchval(
        "SELECT max(started_at) FROM runs WHERE workspace = $1 AND source = $2 AND ended_at IS NOT NULL",
        workspace,
        source,
    )
    return started


async def save(tx: Transaction, run: Run) -> None:
    await tx.execute(
        """UPDATE runs SET state = $4, asked_by = $5, due_at = $6, started_at = $7, moved_at = $8, ended_at = $9,
               declaration = $10, tries = $11, position = $12, counts = $13, reason = $14, waits_for = $15
           WHERE workspace = $1 AND source = $2 AND run = $3""",
        run.workspace,
        run.source,
        run.run,
        run.state,
        run.asked_by,
        run.due_at,
        run.started_at,
        run.moved_at,
        run.ended_at,
        run.declaration,
        run.tries,
        run.position,
        json.dumps(run.counts),
        run.reason,
        run.waits_for,
    )
