"""Blobs that come and go: a name is noted before it is written, so that nothing lies in S3 that nobody knows of.

A blob is *announced* by a job, written, and claimed by the transaction that points to it. One that is not claimed, or
that nothing points to any more, is a stray; a sweep dooms it before it deletes it, so that nobody claims it in between.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from millrace.chassis import Blobs, Database, Job, Transaction, Unavailable


class Swept(Unavailable):
    def __init__(self, blob: str) -> None:
        super().__init__(f"{blob} was swept away before it was claimed")
        self.blob = blob


async def shelve(job: Job, blobs: Blobs, files: Mapping[str, Path]) -> None:
    """Writes files as blobs that nobody points to yet. What this job left when it was killed becomes a stray."""
    async with job.transaction("announce") as tx:
        await tx.execute("UPDATE shelf SET state = 'stray' WHERE job = $1 AND state = 'announced'", job.id)
        await tx.execute(
            "INSERT INTO shelf SELECT $1, b, 'announced', $3 FROM unnest($2::text[]) b", job.workspace, [*files], job.id
        )
    for blob, path in files.items():
        await blobs.put_file(blob, path)


async def claim(tx: Transaction, workspace: str, blobs: Collection[str]) -> None:
    """From now on something points to them. Raises Swept."""
    rows = await tx.fetch(
        "DELETE FROM shelf WHERE workspace = $1 AND blob = ANY($2) AND state = 'announced' RETURNING blob",
        workspace,
        list(blobs),
    )
    if gone := sorted({*blobs} - {row["blob"] for row in rows}):
        raise Swept(gone[0])


async def stray(tx: Transaction, workspace: str, blobs: Collection[str]) -> None:
    """Nothing points to them from now on."""
    await tx.execute(
        """INSERT INTO shelf SELECT $1, b, 'stray' FROM unnest($2::text[]) b
           ON CONFLICT (workspace, blob) DO UPDATE SET state = 'stray' WHERE shelf.state = 'announced'""",
        workspace,
        list(blobs),
    )


async def sweep(db: Database, blobs: Blobs, workspace: str, *, unclaimed: bool = False) -> None:
    """Deletes strays; `unclaimed` ones too, whose jobs then begin anew."""
    async with db.transaction() as tx:
        rows = await tx.fetch(
            """UPDATE shelf SET state = 'doomed' WHERE workspace = $1 AND (state <> 'announced' OR $2)
               RETURNING blob""",
            workspace,
            unclaimed,
        )
    found = [row["blob"] for row in rows]
    for blob in found:
        await blobs.delete(blob)
    if found:
        async with db.transaction() as tx:
            await tx.execute("DELETE FROM shelf WHERE workspace = $1 AND blob = ANY($2)", workspace, found)
