"""Builds a workspace's index anew from its own texts, beside the one in use."""

import asyncio

from millrace.chassis import Job, works
from millrace.dedup import store
from millrace.dedup.corpus import Index, compare_by_meaning
from millrace.dedup.domain import sketch_all

STEP = 500


@works("reindex")
async def job_reindex(job: Job, *, index: Index) -> None:
    """Goes on where a killed one stopped. Every process then reads its buckets anew, before its next batch."""
    spec = await index.workspaces.get(job.workspace)
    while await _mend(job):
        pass
    async with job.finish() as tx:
        corpus = await store.lock(tx, job.workspace)
        await store.reindexed(tx, corpus.shelf)
        await store.forget_embeddings(tx, corpus.shelf)
        if spec.data.duplicates.semantic is not None:
            await compare_by_meaning(tx, corpus, job.cause("embed"))


async def _mend(job: Job) -> bool:
    """Sketches the next rows anew and writes those that differ; whether there were any."""
    async with job.transaction() as tx:
        rows = await store.to_reindex(tx, job.workspace, STEP)
    if not rows:
        return False
    sketches = await asyncio.to_thread(sketch_all, [store.text_of(row) for row in rows])
    async with job.transaction() as tx:
        corpus = await store.lock(tx, job.workspace)
        await store.mend(tx, corpus.shelf, [(row["seq"], sketch) for row, sketch in zip(rows, sketches, strict=True)])
    return True
