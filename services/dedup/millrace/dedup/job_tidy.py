"""Once a day for each workspace: what is past the declared retention goes, and what is past remembering."""

from datetime import timedelta

from millrace.chassis import Job, works
from millrace.dedup import store
from millrace.dedup.corpus import Index, compare_by_meaning
from millrace.events import DocumentDuplicated, DocumentKept

STEP = 500
"""Documents that go in one transaction."""
DEPARTURES, TOMBSTONES = timedelta(days=1), timedelta(days=90)


@works("tidy", emits=[DocumentKept, DocumentDuplicated])
async def job_tidy(job: Job, *, index: Index) -> None:
    """Every step can be repeated. The next day's job is queued with the end of this one."""
    spec = await index.workspaces.get(job.workspace)
    step = 0
    while spec.data.retention and await _expire(job, index, spec.data.retention, step):
        step += 1
    async with job.finish() as tx:
        await store.forget_departures(tx, job.workspace, before=tx.now - DEPARTURES, ended=tx.now - TOMBSTONES)
        corpus = await store.lock(tx, job.workspace)
        if spec.data.duplicates.semantic is not None and await store.to_embed(tx, corpus.shelf, 1):
            await compare_by_meaning(tx, corpus, job.cause("embed"))  # whatever became of the job before
        await store.tidy_at(tx, corpus, tx.now + timedelta(days=1), job.cause("next"))


async def _expire(job: Job, index: Index, retention: timedelta, step: int) -> bool:
    """Whether there may be more."""
    async with job.transaction() as tx:
        corpus = await store.lock(tx, job.workspace)
        removed = await store.remove_expired(tx, corpus, tx.now - retention, STEP)
        if removed:
            cause = job.cause(f"{job.token}/{step}")
            await index.leave(tx, corpus, removed, {row["document_id"]: cause for row in removed})
    return len(removed) == STEP
