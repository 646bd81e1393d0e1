"""Sources that are fetched, as they were last declared, and how far by a cursor they were read."""

from __future__ import annotations

from millrace.chassis import Transaction
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
