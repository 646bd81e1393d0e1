"""The rebuilding of an index from the texts."""

from collections.abc import Sequence

import asyncpg

from millrace.chassis import Conflict, NotFound, Transaction
from millrace.dedup.domain import Sketch
from millrace.dedup.store.rows import signature_bytes
from millrace.events import Cause


async def ask_reindex(tx: Transaction, workspace: str, cause: Cause) -> dict[str, object]:
    """Queues a rebuilding; one that is under way is not asked for twice. Raises NotFound, Conflict."""
    row = await tx.fetchrow("SELECT shelf, generation FROM corpora WHERE workspace = $1 AND current", workspace)
    if row is None:
        raise NotFound(f"nothing of workspace {workspace!r} has come yet")
    if await tx.fetchval("SELECT phase <> 'done' FROM rebuildings WHERE workspace = $1", workspace):
        raise Conflict(f"workspace {workspace!r} is being rebuilt from the log: wait for its end")
    key = f"{row['shelf']}/{row['generation']}"
    await tx.execute("DELETE FROM jobs WHERE kind = 'reindex' AND key = $1 AND state = 'failed'", key)
    await tx.schedule("reindex", key=key, workspace=workspace, cause=cause)
    return await progress(tx, workspace)


async def progress(tx: Transaction, workspace: str) -> dict[str, object]:
    """How far the last rebuilding has come. Raises NotFound where there was none."""
    row = await tx.fetchrow(
        """SELECT c.workspace, j.state, j.error, c.mended, c.generation,
               (SELECT count(*) FROM documents d WHERE d.shelf = c.shelf AND d.seq > c.reindexed_to) AS to_go
           FROM corpora c JOIN jobs j ON j.kind = 'reindex' AND j.workspace = c.workspace
           WHERE c.workspace = $1 AND c.current ORDER BY j.run_at DESC, j.key DESC LIMIT 1""",
        workspace,
    )
    if row is None:
        raise NotFound(f"no index of workspace {workspace!r} was rebuilt lately")
    return {**row, "to_go": row["to_go"] if row["state"] in ("waiting", "running") else 0}


async def to_reindex(tx: Transaction, workspace: str, most: int) -> list[asyncpg.Record]:
    return await tx.fetch(
        """SELECT d.seq, d.text FROM documents d JOIN corpora c USING (shelf)
           WHERE c.workspace = $1 AND c.current AND d.seq > c.reindexed_to AND d.text IS NOT NULL
           ORDER BY d.seq LIMIT $2""",
        workspace,
        most,
    )


async def mend(tx: Transaction, shelf: str, sketches: Sequence[tuple[int, Sketch]]) -> None:
    """Writes the digests and signatures that are not what they should be."""
    told = await tx.execute(
        """UPDATE documents d SET digest = u.digest, signature = u.signature
           FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS u (seq, digest, signature)
           WHERE d.seq = u.seq AND (d.digest, d.signature) IS DISTINCT FROM (u.digest, u.signature)""",
        [seq for seq, _ in sketches],
        [sketch.digest for _, sketch in sketches],
        [signature_bytes(sketch.signature) for _, sketch in sketches],
    )
    await tx.execute(
        "UPDATE corpora SET reindexed_to = $2, mended = mended + $3 WHERE shelf = $1",
        shelf,
        max(seq for seq, _ in sketches),
        int(told.rpartition(" ")[2]),
    )


async def reindexed(tx: Transaction, shelf: str) -> None:
    await tx.execute("UPDATE corpora SET generation = generation + 1, reindexed_to = 0 WHERE shelf = $1", shelf)
