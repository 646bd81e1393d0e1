"""Rows older than they are kept are deleted, in bounded steps."""

from datetime import timedelta

from millrace.chassis import Job, works
from millrace.feedback import store

STEP = 5000


@works("forget")
async def job_forget(job: Job, *, keep: timedelta) -> None:
    for table in store.AGES:
        deleted = STEP
        while deleted == STEP:
            async with job.transaction() as tx:
                deleted = await store.forget(tx, table, tx.now - keep, STEP)
    async with job.finish():
        pass
