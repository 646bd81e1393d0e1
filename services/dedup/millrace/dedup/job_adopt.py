"""Decides on the many that repeated a document that is gone, some at a time."""

from millrace.chassis import Job, works
from millrace.dedup import store
from millrace.dedup.corpus import Index
from millrace.events import DocumentDuplicated, DocumentKept


@works("adopt", emits=[DocumentKept, DocumentDuplicated])
async def job_adopt(job: Job, *, index: Index) -> None:
    """A step that commits leaves fewer to wait; one that is lost is done again."""
    more, step = True, 0
    while more:
        async with job.transaction() as tx:
            corpus = await store.lock(tx, job.workspace)
            cause = job.cause(f"{job.token}/{step}")
            more = await index.adopt(tx, corpus, {"": cause}, {})
        step += 1
