"""Standings in Postgres. A standing is locked while it is decided upon."""

import json
from collections.abc import Collection
from typing import Any, TypeVar

import asyncpg
from pydantic import TypeAdapter

from millrace.chassis import Transaction
from millrace.events import Deployment, Route
from millrace.registry.domain import Hold, Owed, Request, Rollout, Standing, Version, WorkspaceNotFound, plan_of
from millrace.workspace import Workspace

ROLLOUT: TypeAdapter[Rollout | None] = TypeAdapter(Rollout | None)
REQUEST: TypeAdapter[Request | None] = TypeAdapter(Request | None)
HOLD: TypeAdapter[Hold | None] = TypeAdapter(Hold | None)
OWED: TypeAdapter[Owed | None] = TypeAdapter(Owed | None)
T = TypeVar("T")
VERSION = (
    "id, workspace, number, stage, deployment, run_id, dataset, manifest, method, base, attempt, parent, cycle_id,"
    " change_point, asked, against, passed, scores, report, asked_by, hold, owed"
)


async def lock(tx: Transaction, workspace: str) -> None:
    """Holds a name that may not be declared yet, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('workspace/' || $1, 0))", workspace)


async def load(
    tx: Transaction, workspace: str, *, versions: Collection[str] = (), runs: Collection[str] = ()
) -> Standing:
    """A standing with its versions in play, those named, the production before and the last before that is not held.

    Raises WorkspaceNotFound.
    """
    row = await tx.fetchrow("SELECT * FROM workspaces WHERE name = $1 FOR UPDATE", workspace)
    if row is None:
        raise WorkspaceNotFound(workspace)
    found = await tx.fetch(
        f"""SELECT {VERSION} FROM versions WHERE workspace = $1 AND (
                stage IN ('registered', 'shadow', 'canary', 'production') OR id = ANY($2) OR run_id = ANY($3)
                OR id = (SELECT v.id FROM unnest($4::text[]) WITH ORDINALITY p (id, at) JOIN versions v USING (id)
                         WHERE v.hold IS NULL ORDER BY at DESC LIMIT 1))""",
        workspace,
        [*versions, *row["previous"][-1:]],
        list(runs),
        list(row["previous"]),
    )
    return Standing(
        workspace=workspace,
        plan=plan_of(Workspace.read(json.loads(row["spec"])), row["revision"]),
        route=Route.model_validate_json(row["route"]),
        versions={one["id"]: _version(one) for one in found},
        numbered=row["numbered"],
        rollout=_read(ROLLOUT, row["rollout"]),
        request=_read(REQUEST, row["request"]),
        best=json.loads(row["best"]),
        previous=tuple(row["previous"]),
        confirmed=row["confirmed"],
    )


def _version(row: asyncpg.Record) -> Version:
    fields = {name: value for name, value in row.items() if name != "workspace"}
    deployment = Deployment.model_validate_json(fields.pop("deployment"))
    kept = {"hold": _read(HOLD, fields["hold"]), "owed": _read(OWED, fields["owed"])}
    return Version(**{**fields, **kept, "deployment": deployment, "scores": json.loads(fields["scores"])})


def _read(kind: TypeAdapter[T], column: str | None) -> T | None:
    return kind.validate_json(column) if column else None


async def unsigned(tx: Transaction, workspace: str) -> list[str]:
    """The versions that were inspected and are not signed: those of before there were signatures, by number."""
    rows = await tx.fetch(
        """SELECT id FROM versions WHERE workspace = $1 AND deployment ->> 'signature' IS NULL
               AND asked IS NOT NULL AND stage <> 'refused' ORDER BY number""",
        workspace,
    )
    return [row["id"] for row in rows]


async def declared(tx: Transaction, workspace: str) -> tuple[int, str, Workspace] | None:
    """The revision, digest and spec of a workspace, or None where it is new."""
    row = await tx.fetchrow("SELECT revision, digest, spec FROM workspaces WHERE name = $1", workspace)
    return (row["revision"], row["digest"], Workspace.read(json.loads(row["spec"]))) if row else None


async def declarations(tx: Transaction, name: str, revision: int) -> tuple[Workspace, Workspace]:
    """A workspace as a revision declared it, and as it is declared now."""
    row = await tx.fetchrow(
        """SELECT w.spec AS now, coalesce(r.spec, w.spec) AS then FROM workspaces w
           LEFT JOIN revisions r ON r.workspace = w.name AND r.revision = $2 WHERE w.name = $1""",
        name,
        revision,
    )
    if row is None:
        raise WorkspaceNotFound(name)
    then, now = (Workspace.read(json.loads(row[column])) for column in ("then", "now"))
    return then, now


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
        "request": json.loads(row["request"]) if row["request"] else None,
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
        "hold": json.loads(row["hold"]) if row["hold"] else None,
        "owed": json.loads(row["owed"]) if row["owed"] else None,
        "validation": trained["scores"],
        "seconds": trained["seconds"],
    }


GOES_ON = "(v.method = 'declare' OR v.trained -> 'environment' ? 'start')"
"""Whether a version `v` started from its parent's weights."""


async def reached(tx: Transaction, workspace: str, datasets: Collection[str], erasure: str) -> dict[str, list[str]]:
    """The versions of datasets that an erasure reached and those that went on from them, by number, with all that has
    reached them by now; those that know of it are left out."""
    rows = await tx.fetch(
        f"""WITH RECURSIVE learned AS (
               SELECT id FROM versions WHERE workspace = $1 AND dataset = ANY($2)
               UNION
               SELECT v.id FROM versions v JOIN learned ON v.parent = learned.id AND {GOES_ON})
           SELECT v.id, array_append(v.erasures, $3) AS erasures FROM versions v JOIN learned USING (id)
           WHERE NOT $3 = ANY(v.erasures) ORDER BY v.number""",
        workspace,
        list(datasets),
        erasure,
    )
    return {row["id"]: list(row["erasures"]) for row in rows}


async def origin(tx: Transaction, name: str, version: str) -> asyncpg.Record | None:
    """A version's row with what it was made from, for its lineage."""
    return await tx.fetchrow(
        """SELECT v.*, w.spec ->> 'owner' AS owner FROM versions v JOIN workspaces w ON w.name = v.workspace
           WHERE v.workspace = $1 AND v.id = $2""",
        name,
        version,
    )


async def went_on(tx: Transaction, name: str, version: str) -> list[dict[str, Any]]:
    """The versions that started from a version's weights, by number."""
    rows = await tx.fetch(
        f"SELECT id, stage FROM versions v WHERE workspace = $1 AND parent = $2 AND {GOES_ON} ORDER BY number",
        name,
        version,
    )
    return [{"version": row["id"], "stage": row["stage"]} for row in rows]


async def made_from(
    tx: Transaction, name: str, datasets: Collection[str], run: str | None, base: str | None
) -> list[asyncpg.Record]:
    """The versions of datasets, of a run (named, or how its id begins) or of a base, and those that went on from their
    weights, by number; `direct` tells the former."""
    return await tx.fetch(
        f"""WITH RECURSIVE made AS (
               SELECT id, true AS direct FROM versions v WHERE workspace = $1 AND (
                   dataset = ANY($2) OR base = $4 OR run_id = $3 OR (length($3) >= 8 AND starts_with(run_id, $3)))
               UNION
               SELECT v.id, false FROM versions v JOIN made ON v.parent = made.id AND {GOES_ON})
            SELECT v.id, v.stage, v.dataset, v.run_id, v.method, v.base, v.parent, v.created_at,
                   bool_or(direct) AS direct
            FROM versions v JOIN made USING (id) GROUP BY v.id ORDER BY v.number""",
        name,
        list(datasets),
        run,
        base,
    )


async def picked_over(tx: Transaction, name: str, run: str) -> list[str]:
    """The versions of cycles in which another run was picked over this one."""
    rows = await tx.fetch(
        """SELECT id FROM versions v WHERE workspace = $1 AND EXISTS (
               SELECT FROM jsonb_array_elements(v.trained -> 'runs') AS r
               WHERE r ->> 'run_id' <> v.run_id
                   AND (r ->> 'run_id' = $2 OR (length($2) >= 8 AND starts_with(r ->> 'run_id', $2))))
           ORDER BY number""",
        name,
        run,
    )
    return [row["id"] for row in rows]
