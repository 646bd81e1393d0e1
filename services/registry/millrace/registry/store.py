"""Standings in Postgres. A standing is locked while it is decided upon."""

import json
from collections.abc import Collection
from typing import Any

import asyncpg
from pydantic import TypeAdapter

from millrace.chassis import Transaction
from millrace.events import Deployment, ModelTrained, Route
from millrace.registry.domain import Rollout, Standing, Version, WorkspaceNotFound, plan_of
from millrace.workspace import Workspace

ROLLOUT = TypeAdapter(Rollout | None)
VERSION = (
    "id, workspace, number, stage, deployment, run_id, dataset, manifest, method, base, attempt, parent, cycle_id,"
    " change_point, asked, against, passed, scores"
)


async def lock(tx: Transaction, workspace: str) -> None:
    """Holds a name that may not be declared yet, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('workspace/' || $1, 0))", workspace)


async def load(
    tx: Transaction, workspace: str, *, versions: Collection[str] = (), runs: Collection[str] = ()
) -> Standing:
    """A standing with its versions in play, the production before, and those named. Raises WorkspaceNotFound."""
    row = await tx.fetchrow("SELECT * FROM workspaces WHERE name = $1 FOR UPDATE", workspace)
    if row is None:
        raise WorkspaceNotFound(workspace)
    found = await tx.fetch(
        f"""SELECT {VERSION} FROM versions WHERE workspace = $1 AND (
                stage IN ('registered', 'shadow', 'canary', 'production') OR id = ANY($2) OR run_id = ANY($3))""",
        workspace,
        [*versions, *row["previous"][-1:]],
        list(runs),
    )
    return Standing(
        workspace=workspace,
        plan=plan_of(Workspace.read(json.loads(row["spec"])), row["revision"]),
        route=Route.model_validate_json(row["route"]),
        versions={one["id"]: _version(one) for one in found},
        numbered=row["numbered"],
        rollout=ROLLOUT.validate_json(row["rollout"]) if row["rollout"] else None,
        best=json.loads(row["best"]),
        previous=tuple(row["previous"]),
        confirmed=row["confirmed"],
    )


def _version(row: asyncpg.Record) -> Version:
    fields = {name: value for name, value in row.items() if name != "workspace"}
    deployment = Deployment.model_validate_json(fields.pop("deployment"))
    return Version(**{**fields, "deployment": deployment, "scores": json.loads(fields["scores"])})


async def save(tx: Transaction, before: Standing, after: Standing, *, trained: ModelTrained | None = None) -> None:
    """Writes what changed; `trained` is what a new version was made from."""
    await tx.execute(
        """UPDATE workspaces SET route = $2, rollout = $3, best = $4, previous = $5, confirmed = $6, numbered = $7
           WHERE name = $1""",
        after.workspace,
        after.route.model_dump_json(),
        ROLLOUT.dump_json(after.rollout).decode() if after.rollout else None,
        json.dumps(dict(after.best)),
        list(after.previous),
        after.confirmed,
        after.numbered,
    )
    for version in after.versions.values():
        known = before.versions.get(version.id)
        if known is None:
            assert trained is not None
            await _insert(tx, version, trained)
        elif known != version:
            await _update(tx, version, moved=known.stage != version.stage)


async def _insert(tx: Transaction, version: Version, trained: ModelTrained) -> None:
    position = trained.envelope.position
    await tx.execute(
        f"""INSERT INTO versions ({VERSION}, trained, trained_id, trained_position, created_at, staged_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                    $19, $20, $21, $22, $22)""",
        version.id,
        trained.workspace,
        version.number,
        version.stage,
        version.deployment.model_dump_json(),
        version.run_id,
        version.dataset,
        version.manifest,
        version.method,
        version.base,
        version.attempt,
        version.parent,
        version.cycle_id,
        version.change_point,
        version.asked,
        version.against,
        version.passed,
        json.dumps(dict(version.scores)),
        trained.model_dump_json(),
        trained.id,
        json.dumps(position._asdict()) if position else None,
        tx.now,
    )


async def _update(tx: Transaction, version: Version, *, moved: bool) -> None:
    await tx.execute(
        """UPDATE versions SET stage = $2, asked = $3, against = $4, passed = $5, scores = $6,
               staged_at = CASE WHEN $7 THEN $8 ELSE staged_at END
           WHERE id = $1""",
        version.id,
        version.stage,
        version.asked,
        version.against,
        version.passed,
        json.dumps(dict(version.scores)),
        moved,
        tx.now,
    )


async def declared(tx: Transaction, workspace: str) -> tuple[int, str, Workspace] | None:
    """The revision, digest and spec of a workspace, or None where it is new."""
    row = await tx.fetchrow("SELECT revision, digest, spec FROM workspaces WHERE name = $1", workspace)
    return (row["revision"], row["digest"], Workspace.read(json.loads(row["spec"]))) if row else None


async def declare(tx: Transaction, spec: Workspace, revision: int, by: str, *, route: Route) -> None:
    """Writes a revision of a workspace; `route` is used where the workspace is new."""
    digest, text = spec.digest(), spec.canonical()
    await tx.execute(
        """INSERT INTO workspaces (name, revision, digest, spec, route) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (name) DO UPDATE SET revision = $2, digest = $3, spec = $4""",
        spec.workspace,
        revision,
        digest,
        text,
        route.model_dump_json(),
    )
    await tx.execute(
        "INSERT INTO revisions (workspace, revision, digest, spec, by, at) VALUES ($1, $2, $3, $4, $5, $6)",
        spec.workspace,
        revision,
        digest,
        text,
        by,
        tx.now,
    )


async def each_workspace(tx: Transaction) -> list[dict[str, Any]]:
    rows = await tx.fetch("SELECT * FROM workspaces ORDER BY name")
    return [_overview(row) for row in rows]


async def workspace(tx: Transaction, name: str) -> dict[str, Any]:
    """Everything of a workspace but its versions. Raises WorkspaceNotFound."""
    row = await tx.fetchrow("SELECT * FROM workspaces WHERE name = $1", name)
    if row is None:
        raise WorkspaceNotFound(name)
    revisions = await tx.fetch(
        "SELECT revision, digest, by, at FROM revisions WHERE workspace = $1 ORDER BY revision DESC LIMIT 50", name
    )
    return {
        **_overview(row),
        "spec": json.loads(row["spec"]),
        "best": json.loads(row["best"]),
        "previous": list(row["previous"]),
        "revisions": [dict(one) for one in revisions],
    }


def _overview(row: asyncpg.Record) -> dict[str, Any]:
    spec = json.loads(row["spec"])
    return {
        "workspace": row["name"],
        "owner": spec["owner"],
        "task": spec["task"],
        "revision": row["revision"],
        "digest": row["digest"],
        "route": json.loads(row["route"]),
        "rollout": json.loads(row["rollout"]) if row["rollout"] else None,
        "confirmed": row["confirmed"],
        "versions": row["numbered"],
    }


async def each_version(tx: Transaction, name: str, limit: int) -> list[dict[str, Any]]:
    """The newest versions first, each with where it stands and how it was judged."""
    rows = await tx.fetch(
        f"SELECT {VERSION}, erasures, trained, created_at, staged_at FROM versions WHERE workspace = $1"
        " ORDER BY number DESC LIMIT $2",
        name,
        limit,
    )
    return [_shown(row) for row in rows]


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    trained = json.loads(row["trained"])
    shown = {name: value for name, value in row.items() if name not in {"id", "trained"}}
    return {
        "version": row["id"],
        **shown,
        "deployment": json.loads(row["deployment"]),
        "scores": json.loads(row["scores"]),
        "validation": trained["scores"],
        "seconds": trained["seconds"],
    }


async def flag(tx: Transaction, workspace: str, datasets: Collection[str], erasure: str) -> list[str]:
    """Notes an erasure at the versions of datasets that it reached and those that went on from them; by number."""
    rows = await tx.fetch(
        """WITH RECURSIVE learned AS (
               SELECT id FROM versions WHERE workspace = $1 AND dataset = ANY($2)
               UNION
               SELECT v.id FROM versions v JOIN learned ON v.parent = learned.id
                   AND (v.method = 'declare' OR v.trained -> 'environment' ? 'start'))
           UPDATE versions v SET erasures = array_append(erasures, $3) FROM learned
           WHERE v.id = learned.id AND NOT $3 = ANY(erasures) RETURNING v.id, v.number""",
        workspace,
        list(datasets),
        erasure,
    )
    return [row["id"] for row in sorted(rows, key=lambda row: row["number"])]


async def each_entry(tx: Transaction, name: str, limit: int, version: str | None) -> list[dict[str, Any]]:
    """The newest rows of the ledger first."""
    rows = await tx.fetch(
        """SELECT * FROM ledger WHERE workspace = $1 AND ($3::text IS NULL OR version = $3)
           ORDER BY seq DESC LIMIT $2""",
        name,
        limit,
        version,
    )
    return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]


async def origin(tx: Transaction, name: str, version: str) -> asyncpg.Record | None:
    """A version's row with what it was made from, for its lineage."""
    return await tx.fetchrow("SELECT * FROM versions WHERE workspace = $1 AND id = $2", name, version)
