"""Quarantine forgets."""

from datetime import timedelta

from millrace.chassis import Clock, Job, works
from millrace.ingestion import store


@works("expire")
async def job_expire(job: Job, *, kept: timedelta, clock: Clock) -> None:
    async with job.finish() as tx:
        await store.expire(tx, job.workspace, clock.now() - kept)
