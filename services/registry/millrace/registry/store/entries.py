"""The ledger's entries, and the tables that they fold into. Live and in a rebuild nothing else writes these."""

import json
from collections.abc import Sequence
from typing import Any

from millrace.chassis import Transaction

VERSIONS = """
    INSERT INTO versions SELECT r.* FROM jsonb_each($1::jsonb) AS c LEFT JOIN versions v ON v.id = c.key,
        jsonb_populate_record(v, c.value) AS r
    ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, deployment = excluded.deployment, asked = excluded.asked,
        against = excluded.against, passed = excluded.passed, scores = excluded.scores, report = excluded.report,
        hold = excluded.hold, owed = excluded.owed, staged_at = excluded.staged_at, erasures = excluded.erasures"""
WORKSPACE = """
    INSERT INTO workspaces SELECT r.* FROM (SELECT $1::text AS name) AS of LEFT JOIN workspaces w USING (name),
        jsonb_populate_record(w, $2::jsonb) AS r
    ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, digest = excluded.digest, spec = excluded.spec,
        route = excluded.route, rollout = excluded.rollout, best = excluded.best, previous = excluded.previous,
        confirmed = excluded.confirmed, numbered = excluded.numbered, request = excluded.request"""
REVISIONS = "INSERT INTO revisions SELECT * FROM jsonb_populate_recordset(NULL::revisions, $1::jsonb)"
REACHED = """
    INSERT INTO positions (consumer, topic, partition, next_offset) VALUES ($1, $2, $3, $4)
    ON CONFLICT (consumer, topic, partition)
    DO UPDATE SET next_offset = greatest(positions.next_offset, excluded.next_offset)"""


async def head(tx: Transaction, workspace: str) -> tuple[int, str] | None:
    """The number and hash of the last entry. The workspace is locked by whoever means to go on from it."""
    row = await tx.fetchrow(
        "SELECT number, hash FROM ledger WHERE workspace = $1 ORDER BY number DESC LIMIT 1", workspace
    )
    return (row["number"], row["hash"]) if row else None


async def append(tx: Transaction, workspace: str, links: Sequence[tuple[int, str, str, str]]) -> None:
    """Adds (number, previous, hash, body) at the chain's end."""
    await tx.executemany(
        "INSERT INTO ledger (workspace, number, previous, hash, body) VALUES ($1, $2, $3, $4, $5)",
        [(workspace, *link) for link in links],
    )


async def apply(tx: Transaction, workspace: str, changes: dict[str, Any]) -> None:
    """Folds what an entry changes into the tables."""
    if "workspace" in changes:
        await tx.execute(WORKSPACE, workspace, json.dumps(changes["workspace"]))
    if "revisions" in changes:
        await tx.execute(REVISIONS, json.dumps(changes["revisions"]))
    if "versions" in changes:
        await tx.execute(VERSIONS, json.dumps(changes["versions"]))


async def reach(tx: Transaction, consumer: str, source: dict[str, Any]) -> None:
    """A handler has taken its topic so far, by what an entry says of where its cause stands."""
    await tx.execute(REACHED, consumer, source["topic"], source["partition"], source["offset"] + 1)


async def each_entry(tx: Transaction, name: str, limit: int, version: str | None) -> list[dict[str, Any]]:
    """The newest entries first, without what they changed."""
    rows = await tx.fetch(
        """SELECT number, previous, hash, body::jsonb - 'changes' - 'number' AS body FROM ledger
           WHERE workspace = $1 AND ($3::text IS NULL OR version = $3) ORDER BY number DESC LIMIT $2""",
        name,
        limit,
        version,
    )
    return [_shown(row) for row in rows]


def _shown(row: Any) -> dict[str, Any]:
    body = json.loads(row["body"])
    told = {"version": None, "stage": None, "cycle_id": body.pop("cycle", None), "cause_id": body.pop("cause"), **body}
    return {"number": row["number"], **told, "previous": row["previous"], "hash": row["hash"]}


async def chain(tx: Transaction, name: str, after: int, limit: int) -> list[Any]:
    """(number, previous, hash, body) of the entries after a number, in order; bodies as the text they are."""
    return await tx.fetch(
        """SELECT number, previous, hash, body FROM ledger WHERE workspace = $1 AND number > $2
           ORDER BY number LIMIT $3""",
        name,
        after,
        limit,
    )


async def strays(tx: Transaction, name: str, folded: dict[str, Any]) -> list[str]:
    """Rows that are not what the ledger's entries give when they are folded."""
    found = await tx.fetch(
        """SELECT 'version ' || coalesce(v.id, c.key) AS row
           FROM (SELECT * FROM versions WHERE workspace = $1) AS v FULL JOIN jsonb_each($2::jsonb) AS c ON c.key = v.id
           WHERE to_jsonb(v) IS DISTINCT FROM to_jsonb(jsonb_populate_record(NULL::versions, c.value))
           UNION ALL
           SELECT 'workspace ' || w.name FROM workspaces w WHERE w.name = $1
               AND to_jsonb(w) IS DISTINCT FROM to_jsonb(jsonb_populate_record(NULL::workspaces, $3::jsonb))
           UNION ALL
           SELECT 'revision ' || coalesce(r.revision, c.revision)
           FROM (SELECT * FROM revisions WHERE workspace = $1) AS r
           FULL JOIN jsonb_populate_recordset(NULL::revisions, $4::jsonb) AS c ON c.revision = r.revision
           WHERE to_jsonb(r) IS DISTINCT FROM to_jsonb(c)
           ORDER BY 1""",
        name,
        json.dumps(folded["versions"]),
        json.dumps(folded["workspace"]),
        json.dumps(folded["revisions"]),
    )
    return [row["row"] for row in found]
