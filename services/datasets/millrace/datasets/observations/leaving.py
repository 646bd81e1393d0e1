"""What leaves the observations that wait in Postgres, and the names of whom they were. `forgetting` does the rest."""

from collections.abc import Collection
from datetime import datetime

from millrace.chassis import Transaction
from millrace.datasets.observations.taking import Observed, lock, save


async def erase_observations(tx: Transaction, workspace: str, subject: str, most: int) -> int:
    """Erases up to `most` of a person; how many."""
    theirs = """
        SELECT seq FROM observations JOIN entities USING (workspace, entity)
        WHERE workspace = $1 AND subject = $2 LIMIT $3"""
    observed = await lock(tx, workspace)
    gone, _ = await _erase(tx, observed, theirs, subject, most)
    await save(tx, observed)
    return gone


async def age(tx: Transaction, workspace: str, before: datetime, most: int) -> int:
    """Erases up to `most` that were known before a time; how many."""
    observed = await lock(tx, workspace)
    old = "SELECT seq FROM observations WHERE workspace = $1 AND known_at < $2 ORDER BY known_at LIMIT $3"
    gone, latest = await _erase(tx, observed, old, before, most)
    observed.aged(latest)
    await save(tx, observed)
    return gone


async def _erase(
    tx: Transaction, observed: Observed, which: str, about: str | datetime, most: int
) -> tuple[int, datetime | None]:
    """How many, and when the last of them had occurred."""
    row = await tx.fetchrow(
        f"""WITH gone AS (
                DELETE FROM observations WHERE workspace = $1 AND seq IN ({which}) RETURNING occurred_at)
            SELECT count(*)::int AS rows, max(occurred_at) AS latest FROM gone""",
        observed.workspace,
        about,
        most,
    )
    assert row is not None
    observed.buffered -= row["rows"]
    return row["rows"], row["latest"]


async def gone_to(tx: Transaction, workspace: str) -> datetime | None:
    """When the last of those that are gone for their age had occurred. None where nothing is."""
    latest: datetime | None = await tx.fetchval("SELECT gone_to FROM observed WHERE workspace = $1", workspace)
    return latest


async def names_of(tx: Transaction, workspace: str, subject: str) -> list[str]:
    """The entities that a person is observed as."""
    rows = await tx.fetch("SELECT entity FROM entities WHERE workspace = $1 AND subject = $2", workspace, subject)
    return [row["entity"] for row in rows]


async def forget_names(tx: Transaction, workspace: str, entities: Collection[str]) -> None:
    await tx.execute("DELETE FROM entities WHERE workspace = $1 AND entity = ANY($2)", workspace, list(entities))


async def forget_unseen(tx: Transaction, workspace: str) -> None:
    """Names of entities of which no observation is left."""
    await lock(tx, workspace)
    await tx.execute(
        """DELETE FROM entities e WHERE workspace = $1
             AND NOT EXISTS (SELECT FROM observations o WHERE o.workspace = $1 AND o.entity = e.entity)
             AND NOT EXISTS (SELECT FROM part_entities p WHERE p.workspace = $1 AND p.entity = e.entity)""",
        workspace,
    )
