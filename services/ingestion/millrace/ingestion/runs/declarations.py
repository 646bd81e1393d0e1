"""Sources that are fetched, as they were last declared, and how far they were read: by a cursor, or in time."""

from __future__ import annotations

from millrace.chassis import Transaction
from millrace.ingestion.runs.run import Run
from millrace.ingestion.sources.batch import About


async def declared(tx: Transaction, workspace: str) -> dict[str, str]:
    """The declarations that sources were last seen with; held to the transaction's end."""
    rows = await tx.fetch(
        "SELECT source, declaration FROM fetched WHERE workspace = $1 ORDER BY source FOR UPDATE", workspace
    )
    return {row["source"]: row["declaration"] for row in rows}


async def declare(tx: Transaction, workspace: str, source: str, declaration: str) -> None:
    await tx.execute(
        """INSERT INTO fetched (workspace, source, declaration) VALUES ($1, $2, $3)
           ON CONFLICT (workspace, source) DO UPDATE SET declaration = excluded.declaration""",
        workspace,
        source,
        declaration,
    )


async def mark(tx: Transaction, about: About) -> str | None:
    """How far a SQL source was read by its cursor, under the same declaration."""
    found: str | None = await tx.fetchval(
        "SELECT mark FROM fetched WHERE workspace = $1 AND source = $2 AND marked_under = $3",
        about.workspace,
        about.source,
        about.declaration,
    )
    return found


async def save_mark(tx: Transaction, about: About, mark: str) -> None:
    await tx.execute(
        "UPDATE fetched SET mark = $3, marked_under = $4 WHERE workspace = $1 AND source = $2",
        about.workspace,
        about.source,
        mark,
        about.declaration,
    )


async def leave(tx: Transaction, run: Run) -> None:
    """Notes how far a run came that was not done in its time: the next goes on from there."""
    await tx.execute(
        """UPDATE fetched SET left_at = $3, left_under = $4, left_reading = $5, left_doubt = $6
           WHERE workspace = $1 AND source = $2""",
        run.workspace,
        run.source,
        run.position,
        run.declaration,
        run.reading or run.run,
        run.reason,
    )


async def go_on(tx: Transaction, run: Run) -> None:
    """Takes over what an earlier run has left under the same declaration, if there is any: once."""
    row = await tx.fetchrow(
        """UPDATE fetched AS f SET left_at = NULL, left_under = NULL, left_reading = NULL, left_doubt = NULL
           FROM fetched AS before WHERE (f.workspace, f.source) = ($1, $2)
             AND (before.workspace, before.source) = ($1, $2) AND before.left_at IS NOT NULL
           RETURNING before.left_at, before.left_under, before.left_reading, before.left_doubt""",
        run.workspace,
        run.source,
    )
    if row is not None and row["left_under"] == run.declaration:
        run.position, run.reading, run.reason = row["left_at"], row["left_reading"], row["left_doubt"]
