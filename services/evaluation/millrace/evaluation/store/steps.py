"""Steps of rollouts."""

import json
from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from millrace.chassis import Transaction
from millrace.evaluation.domain.canary import Canary
from millrace.evaluation.domain.latency import Slowness
from millrace.evaluation.domain.shadow import Shadow
from millrace.evaluation.domain.step import Step

OPEN = """
    SELECT * FROM steps WHERE workspace = ANY($1) AND verdict IS NULL AND applied_at IS NOT NULL
    ORDER BY workspace FOR UPDATE"""


async def lock(tx: Transaction, workspaces: Collection[str]) -> None:
    """One at a time for each workspace: a route and the report on it come by different topics."""
    for workspace in sorted(workspaces):
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", workspace)


async def load_open(tx: Transaction, workspaces: Collection[str]) -> dict[str, Step]:
    """Started steps without a verdict, by workspace, locked."""
    return {row["workspace"]: _step(dict(row)) for row in await tx.fetch(OPEN, sorted(workspaces))}


async def load(tx: Transaction, workspace: str, revision: int) -> Step | None:
    """An open step, started or not, locked."""
    row = await tx.fetchrow(
        "SELECT * FROM steps WHERE workspace = $1 AND revision = $2 AND verdict IS NULL FOR UPDATE", workspace, revision
    )
    return _step(dict(row)) if row else None


async def load_before(tx: Transaction, step: Step) -> Step | None:
    """The workspace's last step before this one, where it was promoted."""
    row = await tx.fetchrow(
        "SELECT * FROM steps WHERE workspace = $1 AND revision < $2 ORDER BY revision DESC LIMIT 1",
        step.workspace,
        step.revision,
    )
    return _step(dict(row)) if row and row["verdict"] == "promote" else None


async def append(tx: Transaction, step: Step) -> None:
    await tx.execute(
        """INSERT INTO steps (workspace, revision, workspace_revision, step, version, production, share, delay,
             otherwise, cycle_id, routed_at, traceparent)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (workspace, revision) DO NOTHING""",
        step.workspace,
        step.revision,
        step.workspace_revision,
        step.step,
        step.version,
        step.production,
        step.share,
        step.delay,
        step.otherwise,
        step.cycle_id,
        step.routed_at,
        step.traceparent,
    )


async def save(tx: Transaction, step: Step) -> None:
    await tx.execute(
        "UPDATE steps SET applied_at = $3, closes_at = $4, state = $5 WHERE workspace = $1 AND revision = $2",
        step.workspace,
        step.revision,
        step.applied_at,
        step.closes_at,
        json.dumps(step.evidence.to_json()) if step.evidence else None,
    )


async def close(tx: Transaction, step: Step, verdict: str, because: str) -> None:
    await tx.execute(
        """UPDATE steps SET verdict = $3, because = $4, evidence = $5, judged_at = $6
           WHERE workspace = $1 AND revision = $2""",
        step.workspace,
        step.revision,
        verdict,
        because,
        json.dumps(step.shown()),
        tx.now,
    )


async def supersede(tx: Transaction, workspace: str, revision: int) -> list[int]:
    """Closes open steps of earlier revisions without a verdict of ours; gives their revisions."""
    rows = await tx.fetch(
        """UPDATE steps SET verdict = 'superseded', judged_at = $3
           WHERE workspace = $1 AND revision < $2 AND verdict IS NULL RETURNING revision""",
        workspace,
        revision,
        tx.now,
    )
    return [row["revision"] for row in rows]


async def apply(tx: Transaction, workspace: str, revision: int, at: datetime) -> None:
    await tx.execute("INSERT INTO applied VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", workspace, revision, at)


async def applied(tx: Transaction, workspace: str, revision: int) -> datetime | None:
    """Since when every replica has a revision, where it is known."""
    at: datetime | None = await tx.fetchval(
        "SELECT at FROM applied WHERE workspace = $1 AND revision = $2", workspace, revision
    )
    return at


async def newest(tx: Transaction, workspace: str, limit: int) -> list[dict[str, Any]]:
    """Steps as people see them, with live evidence where they are open."""
    rows = await tx.fetch("SELECT * FROM steps WHERE workspace = $1 ORDER BY revision DESC LIMIT $2", workspace, limit)
    return [_shown(dict(row)) for row in rows]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    step = _step(row)
    names = ("workspace", "revision", "step", "version", "production", "share", "cycle_id", "routed_at", "applied_at")
    return {
        **{name: row[name] for name in (*names, "closes_at", "verdict", "because", "judged_at")},
        "waits_for": None if row["verdict"] else getattr(step.judge(), "missing", None),
        "evidence": json.loads(row["evidence"]) if row["evidence"] else step.shown(),
    }


def _step(row: dict[str, Any]) -> Step:
    step = Step(**{field.name: row[field.name] for field in fields(Step) if field.name != "evidence"})
    if row["state"]:
        state = json.loads(row["state"])
        step.evidence = Shadow.from_json(state) if step.step == "shadow" else Canary.from_json(state)
    return step


async def routed(tx: Transaction, revisions: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the revisions that had a shadow or a canary."""
    workspaces, numbers = zip(*revisions, strict=True)
    rows = await tx.fetch(
        """SELECT workspace, revision FROM steps
           JOIN unnest($1::text[], $2::bigint[]) AS u (workspace, revision) USING (workspace, revision)""",
        list(workspaces),
        list(numbers),
    )
    return {(row["workspace"], row["revision"]) for row in rows}


async def load_slowness(tx: Transaction, versions: Collection[tuple[str, str]]) -> dict[tuple[str, str], Slowness]:
    """How slow (workspace, version) usually are, locked."""
    workspaces, names = zip(*sorted(versions), strict=True)
    await tx.execute(
        "INSERT INTO slowness SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2 ON CONFLICT DO NOTHING",
        list(workspaces),
        list(names),
    )
    rows = await tx.fetch(
        """SELECT s.* FROM slowness s JOIN unnest($1::text[], $2::text[]) AS u (workspace, version)
           USING (workspace, version) ORDER BY s.workspace, s.version FOR UPDATE OF s""",
        list(workspaces),
        list(names),
    )
    return {(row["workspace"], row["version"]): Slowness.from_json(json.loads(row["state"])) for row in rows}


async def save_slowness(tx: Transaction, known: dict[tuple[str, str], Slowness]) -> None:
    await tx.executemany(
        "UPDATE slowness SET state = $3 WHERE workspace = $1 AND version = $2",
        [(*key, json.dumps(slowness.to_json())) for key, slowness in known.items()],
    )


async def usual_p99(tx: Transaction, workspace: str, version: str) -> float | None:
    """In ms; None where too little is known."""
    state = await tx.fetchval("SELECT state FROM slowness WHERE workspace = $1 AND version = $2", workspace, version)
    return Slowness.from_json(json.loads(state)).p99 if state else None
