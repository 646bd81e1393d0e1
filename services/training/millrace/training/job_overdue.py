"""The timer of a stage of a cycle: nothing waits for ever."""

from datetime import timedelta
from uuid import UUID

from millrace.chassis import Job, works
from millrace.training import domain, store, turns
from millrace.training.turns import MOVES

DAY = 86400.0
"""Seconds that a timer of an earlier release, which does not say how long it was, is put off by."""


@works("overdue", emits=MOVES)
async def job_overdue(job: Job) -> None:
    cycle, state = UUID(job.payload["cycle"]), str(job.payload["state"])
    async with job.transaction("look") as tx:
        waits, now = state == "training" and await store.waits_for_budget(tx, cycle), tx.now
    if waits:
        await job.later(now + timedelta(seconds=job.payload.get("after", DAY)))
        return
    async with job.finish() as tx:
        await turns.take(tx, job.cause("overdue"), job.workspace, lambda track: domain.overdue(track, cycle, state))
