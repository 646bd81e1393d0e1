"""Tables of features: asked for, made, discarded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from millrace.chassis import NotFound, Transaction
from millrace.datasets import shelving
from millrace.datasets.profiling import FORMS


@dataclass(frozen=True, slots=True)
class Range:
    """Moments from `since` on and before `until`; all where neither is said."""

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, at: datetime) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


EVER = Range()


@dataclass(frozen=True, slots=True)
class Made:
    """A table of features: `left_out` counts the moments without a row, `unused` the observations that nobody may look
    at, both by why. `profile` names its profile's blobs but for their endings, or `unprofiled` says why there is none.
    """

    blob: str
    profile: str | None
    unprofiled: str | None
    digest: str
    bytes: int
    rows: int
    left_out: Mapping[str, int]
    unused: Mapping[str, int]
    history: int
    """Rows whose moments lie before Millrace knew their entity."""


class TableUnknown(NotFound):
    def __init__(self, table: UUID) -> None:
        super().__init__(f"no table of features {table}")
        self.table = str(table)


async def ask_table(
    tx: Transaction, id: UUID, workspace: str, by: str, spec: Mapping[str, Any], range: Range = EVER
) -> None:
    """A table of what is observed by now. Asked again under the same id, it stays as it is."""
    await tx.execute(
        """INSERT INTO feature_tables (id, workspace, asked_at, by, spec, since, until, rows_up_to)
           SELECT $1, $2, $3, $4, $5, $6, $7, coalesce((SELECT rows FROM observed WHERE workspace = $2), 0)
           ON CONFLICT DO NOTHING""",
        id,
        workspace,
        tx.now,
        by,
        json.dumps(spec),
        range.since,
        range.until,
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
    found = {**row, **{name: json.loads(row[name] or "{}") for name in ("spec", "left_out", "unused")}}
    failed = row["state"] == "waiting" and row["error"]
    return found | {"state": "failed", "reason": row["error"]} if failed else found


async def made(tx: Transaction, id: UUID, table: Made) -> bool:
    """Whether it was still wanted."""
    done = await tx.execute(
        """UPDATE feature_tables
           SET state = 'made', blob = $2, digest = $3, bytes = $4, rows = $5, left_out = $6, unused = $7,
               profile = $8, reason = $9, history = $10
           WHERE id = $1 AND state = 'waiting'""",
        id,
        table.blob,
        table.digest,
        table.bytes,
        table.rows,
        json.dumps(table.left_out),
        json.dumps(table.unused),
        table.profile,
        table.unprofiled,
        table.history,
    )
    return done != "UPDATE 0"


async def discard(tx: Transaction, workspace: str, why: str, *, id: UUID | None = None) -> None:
    """A table that was asked for is no more, or all of a workspace; their blobs are strays."""
    rows = await tx.fetch(
        """UPDATE feature_tables SET state = 'discarded', reason = $2, blob = NULL, profile = NULL
           WHERE workspace = $1 AND ($3::uuid IS NULL OR id = $3) AND state <> 'discarded'
           RETURNING old.blob, old.profile""",
        workspace,
        why,
        id,
    )
    gone = [row["blob"] for row in rows if row["blob"]]
    gone += [row["profile"] + form for row in rows if row["profile"] for form in FORMS]
    await shelving.stray(tx, workspace, gone)
