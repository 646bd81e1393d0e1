"""Deletes a table of features when its time is over: it can be made again."""

from datetime import timedelta
from uuid import UUID

from millrace.chassis import Blobs, Database, Job, works
from millrace.datasets import observations, shelving

KEPT = timedelta(days=1)


@works("discard")
async def job_discard(job: Job, *, db: Database, blobs: Blobs) -> None:
    async with job.transaction("discard") as tx:
        await observations.discard(tx, job.workspace, "it was kept for a day; ask for it again", id=UUID(job.key))
    await shelving.sweep(db, blobs, job.workspace)
