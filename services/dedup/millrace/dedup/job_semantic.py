"""Compares what was kept by meaning, some at a time, apart from the intake."""

from millrace.chassis import Job, works
from millrace.dedup import meaning, store
from millrace.dedup.corpus import Index
from millrace.dedup.engine import Embed, Engine
from millrace.events import DocumentDuplicated, DocumentKept
from millrace.workspace import Workspace

TURN = 50
"""Batches after which other workspaces have their turn."""


@works("semantic", emits=[DocumentKept, DocumentDuplicated])
async def job_semantic(job: Job, *, index: Index, engine: Engine) -> None:
    """A document that was kept and means the same as an older one is told as document.duplicated of kind semantic.

    Readers then let what `duplicate_of` names stand for it. A step that commits is not done again; one that is lost is.
    """
    spec = await index.workspaces.get(job.workspace)
    if spec.data.duplicates.semantic is not None:
        async with engine.embedding() as embed:
            for step in range(TURN):
                if not await _batch(job, index, spec, embed, step):
                    break
    async with job.finish() as tx:
        corpus = await store.lock(tx, job.workspace)
        more = spec.data.duplicates.semantic is not None and await store.to_embed(tx, corpus.shelf, 1)
        if more:
            key = f"{job.workspace}/{job.id}"
            await tx.schedule("semantic", key=key, workspace=corpus.workspace, cause=job.cause("more"))
        await store.set_embedding(tx, corpus.shelf, bool(more))


async def _batch(job: Job, index: Index, spec: Workspace, embed: Embed, step: int) -> bool:
    """Whether there was one."""
    async with job.transaction() as tx:
        shelf = await store.current(tx, job.workspace)
        rows = await store.to_embed(tx, shelf, meaning.BATCH)
    if not rows:
        return False
    vectors = await meaning.embed_all(embed, [store.text_of(row) for row in rows])
    async with job.transaction() as tx:
        corpus = await store.lock(tx, job.workspace)
        if corpus.shelf == shelf:
            await meaning.compare(
                tx, job, index, spec, corpus, [row["seq"] for row in rows], vectors, f"{job.token}/{step}"
            )
    return True
