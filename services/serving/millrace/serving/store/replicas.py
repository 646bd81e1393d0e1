"""Replicas, what each says of a route, and which revisions are concluded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from millrace.chassis import Transaction
from millrace.serving.domain import Applied, Report


@dataclass(frozen=True)
class Standing:
    """What is known of one revision: who lives, and who says what of it or of later ones."""

    live: frozenset[UUID]
    reports: dict[UUID, list[Report]]


async def renew(tx: Transaction, replica: UUID, lease: float) -> bool:
    """Whether the replica is new here, or had been forgotten with all it had said."""
    return bool(
        await tx.fetchval(
            """INSERT INTO replicas (replica, until) VALUES ($1, clock_timestamp() + $2)
               ON CONFLICT (replica) DO UPDATE SET until = excluded.until RETURNING xmax = 0""",
            replica,
            timedelta(seconds=lease),
        )
    )


async def leave(tx: Transaction, replica: UUID) -> None:
    await tx.execute("DELETE FROM replicas WHERE replica = $1", replica)


async def forget_dead(tx: Transaction) -> None:
    """Replicas silent for a minute past their lease."""
    await tx.execute("DELETE FROM replicas WHERE until < clock_timestamp() - interval '1 minute'")


async def save_reports(tx: Transaction, replica: UUID, reports: Sequence[tuple[str, Report]]) -> None:
    await tx.executemany(
        """INSERT INTO reports (replica, workspace, revision, ok, reason) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (workspace, revision, replica) DO UPDATE SET ok = excluded.ok, reason = excluded.reason""",
        [(replica, workspace, report.revision, report.ok, report.reason) for workspace, report in reports],
    )


async def lock_workspace(tx: Transaction, workspace: str) -> None:
    """One replica at a time concludes a workspace's revisions."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtext('serving.applied'), hashtext($1))", workspace)


async def is_applied(tx: Transaction, workspace: str, revision: int) -> bool:
    return bool(
        await tx.fetchval(
            "SELECT EXISTS (SELECT FROM applied WHERE workspace = $1 AND revision = $2)", workspace, revision
        )
    )


async def standing(tx: Transaction, workspace: str, revision: int) -> Standing:
    live = await tx.fetch("SELECT replica FROM replicas WHERE until > clock_timestamp()")
    rows = await tx.fetch(
        "SELECT replica, revision, ok, reason FROM reports WHERE workspace = $1 AND revision >= $2", workspace, revision
    )
    reports: dict[UUID, list[Report]] = {}
    for row in rows:
        reports.setdefault(row["replica"], []).append(Report(row["revision"], row["ok"], row["reason"]))
    return Standing(frozenset(row["replica"] for row in live), reports)


async def save_applied(tx: Transaction, workspace: str, revision: int, applied: Applied) -> None:
    await tx.execute(
        "INSERT INTO applied (workspace, revision, ok, replicas, reason, at) VALUES ($1, $2, $3, $4, $5, $6)",
        workspace,
        revision,
        applied.ok,
        applied.replicas,
        applied.reason,
        tx.now,
    )
    await tx.execute("DELETE FROM reports WHERE workspace = $1 AND revision < $2", workspace, revision)


async def replicas(tx: Transaction) -> list[dict[str, Any]]:
    """Live replicas with the newest revision that each has of each workspace."""
    rows = await tx.fetch(
        """SELECT r.replica, r.until, s.workspace, max(s.revision) FILTER (WHERE s.ok) AS revision
           FROM replicas r LEFT JOIN reports s USING (replica) WHERE r.until > clock_timestamp()
           GROUP BY 1, 2, 3 ORDER BY 1, 3"""
    )
    found: dict[UUID, dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault(row["replica"], {"replica": row["replica"], "until": row["until"], "revisions": {}})
        if row["workspace"] is not None:
            one["revisions"][row["workspace"]] = row["revision"]
    return list(found.values())
