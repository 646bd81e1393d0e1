"""The service's tables."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from millrace.chassis import Transaction
from millrace.drift.domain import Alarm, Drift, Key, Monitor, Outcome, moment

KEYS = "unnest($1::text[], $2::text[], $3::int[], $4::text[])"


async def load(tx: Transaction, keys: Collection[Key]) -> dict[Key, Monitor | None]:
    """The monitors, locked in one order; None for one that has no value yet."""
    columns = [list(column) for column in zip(*sorted(keys), strict=True)]
    await tx.execute(
        f"INSERT INTO monitors (workspace, version, lane, signal) SELECT * FROM {KEYS} ON CONFLICT DO NOTHING", *columns
    )
    rows = await tx.fetch(
        f"""SELECT workspace, version, lane, signal, state FROM monitors
            WHERE (workspace, version, lane, signal) IN (SELECT * FROM {KEYS})
            ORDER BY workspace, version, lane, signal FOR UPDATE""",
        *columns,
    )
    return {
        Key(row["workspace"], row["version"], row["lane"], row["signal"]): row["state"]
        and Monitor.restore(json.loads(row["state"]))
        for row in rows
    }


async def save(tx: Transaction, monitors: Mapping[Key, Monitor]) -> None:
    columns = [list(column) for column in zip(*monitors, strict=True)]
    states = [json.dumps(monitor.state(), separators=(",", ":")) for monitor in monitors.values()]
    await tx.execute(
        """UPDATE monitors SET state = new.state::json, seen_at = $6
           FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[])
               AS new (workspace, version, lane, signal, state)
           WHERE (monitors.workspace, monitors.version, monitors.lane, monitors.signal)
               = (new.workspace, new.version, new.lane, new.signal)""",
        *columns,
        states,
        tx.now,
    )


async def last_drift(tx: Transaction, workspace: str, version: str) -> Drift | None:
    """The last announced drift of a version; its row stays locked."""
    await tx.execute("INSERT INTO drifts VALUES ($1, $2) ON CONFLICT DO NOTHING", workspace, version)
    rang_at = await tx.fetchval(
        "SELECT rang_at FROM drifts WHERE workspace = $1 AND version = $2 FOR UPDATE", workspace, version
    )
    return None if rang_at is None else Drift(rang_at)


async def announce(tx: Transaction, key: Key, drift: Drift) -> None:
    await tx.execute(
        "UPDATE drifts SET rang_at = $3 WHERE workspace = $1 AND version = $2",
        key.workspace,
        key.version,
        drift.rang_at,
    )


async def append_alarm(tx: Transaction, key: Key, alarm: Alarm, outcome: Outcome, event_id: UUID | None) -> None:
    await tx.execute(
        """INSERT INTO alarms (workspace, version, lane, rang_at, outcome, event_id, evidence)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        key.workspace,
        key.version,
        key.lane,
        moment(alarm.rang_at),
        outcome,
        event_id,
        json.dumps(asdict(alarm)),
    )


async def route(tx: Transaction, productions: Mapping[str, tuple[str, int]], keep: int) -> None:
    """Notes the production version and revision of each workspace, and forgets monitors beyond the `keep` latest."""
    names = sorted(productions)
    await tx.execute(
        """INSERT INTO productions SELECT *, $4 FROM unnest($1::text[], $2::text[], $3::int[])
           ON CONFLICT (workspace, version) DO UPDATE SET revision = excluded.revision, since = excluded.since
           WHERE productions.revision < excluded.revision""",
        names,
        [productions[name][0] for name in names],
        [productions[name][1] for name in names],
        tx.now,
    )
    retired = await tx.fetch(
        """DELETE FROM productions USING (
               SELECT workspace, version, row_number() OVER (PARTITION BY workspace ORDER BY revision DESC) AS age
               FROM productions WHERE workspace = ANY($1)) AS aged
           WHERE productions.workspace = aged.workspace AND productions.version = aged.version AND aged.age > $2
           RETURNING productions.workspace, productions.version""",
        names,
        keep,
    )
    for table in ("monitors", "drifts", "alarms"):
        await tx.execute(
            f"DELETE FROM {table} WHERE (workspace, version) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            [row["workspace"] for row in retired],
            [row["version"] for row in retired],
        )


async def latest_version(tx: Transaction, workspace: str) -> str | None:
    """The version in production, or before a route is known the one seen last."""
    version: str | None = await tx.fetchval(
        "SELECT version FROM productions WHERE workspace = $1 ORDER BY revision DESC LIMIT 1", workspace
    ) or await tx.fetchval(
        "SELECT version FROM monitors WHERE workspace = $1 ORDER BY seen_at DESC NULLS LAST LIMIT 1", workspace
    )
    return version


async def each_monitor(tx: Transaction, workspace: str, version: str) -> list[tuple[int, Monitor]]:
    """The monitors of a version with their lanes, by signal and lane, at most 256."""
    rows = await tx.fetch(
        """SELECT lane, state FROM monitors WHERE workspace = $1 AND version = $2 AND state IS NOT NULL
           ORDER BY signal, lane LIMIT 256""",
        workspace,
        version,
    )
    return [(row["lane"], Monitor.restore(json.loads(row["state"]))) for row in rows]


async def each_alarm(tx: Transaction, workspace: str, most: int) -> list[dict[str, Any]]:
    """The latest alarms of a workspace, newest first."""
    rows = await tx.fetch(
        """SELECT version, lane, outcome, event_id, evidence FROM alarms WHERE workspace = $1
           ORDER BY rang_at DESC, id DESC LIMIT $2""",
        workspace,
        most,
    )
    return [{**row, "evidence": json.loads(row["evidence"])} for row in rows]
