"""Suites that teams brought, every version of each."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from millrace.chassis import NotFound, Transaction
from millrace.chassis.erasure import Forgotten
from millrace.evaluation.domain.suites import Row


@dataclass(frozen=True, slots=True)
class Version:
    workspace: str
    name: str
    version: int
    kind: str
    owner: str
    digest: str
    rows: int
    by: str
    added_at: datetime
    retired_at: datetime | None = None
    retired_by: str | None = None


class SuiteUnknown(NotFound):
    """Nobody brought rows under that name."""

    def __init__(self, workspace: str, suite: str, version: int | None = None) -> None:
        which = f" of version {version}" if version else ""
        super().__init__(f"nobody brought a suite {suite!r}{which} to workspace {workspace!r}")
        self.workspace, self.suite, self.version = workspace, suite, version


async def append(tx: Transaction, found: Version, rows: Sequence[Row]) -> Version:
    """The suite's next version; the newest where that one has these rows, this kind and this owner."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtext('suites'), hashtext($1))", found.workspace)
    last = await tx.fetchrow(
        "SELECT * FROM suites WHERE workspace = $1 AND name = $2 ORDER BY version DESC LIMIT 1",
        found.workspace,
        found.name,
    )
    newest = Version(**dict(last)) if last else None
    same = newest and (newest.digest, newest.kind, newest.owner) == (found.digest, found.kind, found.owner)
    if newest and same and newest.retired_at is None:
        return newest
    number = newest.version + 1 if newest else 1
    made = Version(**{**asdict(found), "version": number})
    await tx.execute("INSERT INTO suites VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", *list(asdict(made).values())[:9])
    await tx.executemany(
        """INSERT INTO suite_rows (workspace, name, version, place, id, text, label, "group", subject, added_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        [
            (made.workspace, made.name, number, at, row.id, row.text, row.label, row.group, row.subject, made.added_at)
            for at, row in enumerate(rows)
        ],
    )
    return made


async def versions(tx: Transaction, workspace: str, name: str) -> list[Version]:
    """The newest first. Raises SuiteUnknown."""
    rows = await tx.fetch(
        "SELECT * FROM suites WHERE workspace = $1 AND name = $2 ORDER BY version DESC", workspace, name
    )
    if not rows:
        raise SuiteUnknown(workspace, name)
    return [Version(**dict(row)) for row in rows]


async def newest(tx: Transaction, workspace: str) -> dict[str, Version]:
    """The version of each that judges, by name."""
    rows = await tx.fetch(
        """SELECT * FROM (SELECT DISTINCT ON (name) * FROM suites WHERE workspace = $1 ORDER BY name, version DESC) s
           WHERE retired_at IS NULL ORDER BY name""",
        workspace,
    )
    return {row["name"]: Version(**dict(row)) for row in rows}


async def rows(tx: Transaction, found: Version, limit: int | None = None) -> list[Row]:
    """In their order, without those that were erased."""
    records = await tx.fetch(
        """SELECT id, text, label, "group", subject FROM suite_rows
           WHERE workspace = $1 AND name = $2 AND version = $3 ORDER BY place LIMIT $4""",
        found.workspace,
        found.name,
        found.version,
        limit,
    )
    return [Row(**dict(record)) for record in records]


async def texts(tx: Transaction, workspace: str, name: str, version: int, ids: Collection[str]) -> dict[str, str]:
    """By id, of those that are still kept."""
    records = await tx.fetch(
        "SELECT id, text FROM suite_rows WHERE workspace = $1 AND name = $2 AND version = $3 AND id = ANY($4)",
        workspace,
        name,
        version,
        list(ids),
    )
    return {record["id"]: record["text"] for record in records}


async def retire(tx: Transaction, workspace: str, name: str, by: str) -> Version:
    """Judges no more: its rows go, what it was stays. Raises SuiteUnknown."""
    record = await tx.fetchrow(
        """UPDATE suites SET retired_at = $3, retired_by = $4 WHERE workspace = $1 AND name = $2 AND retired_at IS NULL
             AND version = (SELECT max(version) FROM suites WHERE workspace = $1 AND name = $2) RETURNING *""",
        workspace,
        name,
        tx.now,
        by,
    )
    if record is None:
        raise SuiteUnknown(workspace, name)
    await tx.execute("DELETE FROM suite_rows WHERE workspace = $1 AND name = $2", workspace, name)
    return Version(**dict(record))


async def erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    """Takes up to `most` rows of a person out of every version."""
    gone = await tx.fetch(
        """DELETE FROM suite_rows WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM suite_rows WHERE workspace = $1 AND subject = $2 AND added_at <= $3 LIMIT $4))
           RETURNING 1""",
        who.workspace,
        who.subject,
        who.until,
        most,
    )
    return {"suite_rows": len(gone)}
