"""What people are told of runs, and what a run could not take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from millrace.chassis import Transaction
from millrace.ingestion.sources.batch import About, Trouble

MOST_TROUBLES = 1000
"""Reasons that are kept of one run; the counts have all."""


async def add_troubles(tx: Transaction, about: About, troubles: Sequence[Trouble]) -> None:
    kept = await tx.fetchval(
        "SELECT count(*) FROM troubles WHERE workspace = $1 AND source = $2 AND run = $3",
        about.workspace,
        about.source,
        about.run,
    )
    await tx.executemany(
        "INSERT INTO troubles (workspace, source, run, item, code, reason) VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (about.workspace, about.source, about.run, one.item, one.code, one.reason)
            for one in troubles[: max(0, MOST_TROUBLES - kept)]
        ],
    )


async def overview(tx: Transaction, workspace: str) -> list[dict[str, Any]]:
    """Of each source that is fetched: what stands, its open run and the last that ended."""
    rows = await tx.fetch(
        """SELECT s.source, coalesce(f.documents, 0) AS documents,
                  (SELECT to_jsonb(r) FROM runs r WHERE r.workspace = s.workspace AND r.source = s.source
                     AND r.state IN ('waiting', 'running')) AS open,
                  (SELECT to_jsonb(r) FROM runs r WHERE r.workspace = s.workspace AND r.source = s.source
                     AND r.ended_at IS NOT NULL ORDER BY r.run DESC LIMIT 1) AS last
           FROM fetched s
           LEFT JOIN (SELECT source, count(*) AS documents FROM found
                      WHERE workspace = $1 AND NOT gone AND NOT refused GROUP BY 1) AS f
             USING (source)
           WHERE s.workspace = $1 ORDER BY s.source""",
        workspace,
    )
    return [
        {**row, **{name: _shown(json.loads(row[name])) if row[name] else None for name in ("open", "last")}}
        for row in rows
    ]


async def newest(tx: Transaction, workspace: str, source: str, limit: int) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        """SELECT to_jsonb(r) AS run FROM runs r WHERE workspace = $1 AND source = $2 ORDER BY r.run DESC LIMIT $3""",
        workspace,
        source,
        limit,
    )
    return [_shown(json.loads(row["run"])) for row in rows]


async def report(
    tx: Transaction, workspace: str, source: str, run: int, *, after: int, limit: int
) -> dict[str, Any] | None:
    """A run with the reasons of what it could not take, a page at a time."""
    row = await tx.fetchrow(
        "SELECT to_jsonb(r) AS run FROM runs r WHERE workspace = $1 AND source = $2 AND run = $3",
        workspace,
        source,
        run,
    )
    if row is None:
        return None
    troubles = await tx.fetch(
        """SELECT id, item, code, reason FROM troubles
           WHERE workspace = $1 AND source = $2 AND run = $3 AND id > $4 ORDER BY id LIMIT $5""",
        workspace,
        source,
        run,
        after,
        limit,
    )
    codes = await tx.fetch(
        "SELECT code, count(*) AS n FROM troubles WHERE workspace = $1 AND source = $2 AND run = $3 GROUP BY 1",
        workspace,
        source,
        run,
    )
    return {
        **_shown(json.loads(row["run"])),
        "codes": {each["code"]: each["n"] for each in codes},
        "troubles": [dict(each) for each in troubles],
    }


_HIDDEN = frozenset({"position", "declaration", "workspace", "tries"})


def _shown(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in _HIDDEN}


async def forget(tx: Transaction, workspace: str, source: str, *, keep: int) -> None:
    """Drops all but the newest runs with their reasons."""
    before = await tx.fetchval(
        "SELECT max(run) - $3 FROM runs WHERE workspace = $1 AND source = $2", workspace, source, keep
    )
    for table in ("troubles", "runs"):
        await tx.execute(
            f"DELETE FROM {table} WHERE workspace = $1 AND source = $2 AND run <= $3", workspace, source, before
        )
