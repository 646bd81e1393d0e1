"""Brings the corpora of a workspace after its declaration: what no longer belongs goes, what was kept before comes."""

from datetime import timedelta

from millrace.chassis import Job, Table, works
from millrace.serving import indexing
from millrace.serving.history import History
from millrace.serving.store import retrieval
from millrace.workspace import Workspace

STUCK = timedelta(minutes=2)
"""A revision that has waited for longer is given another job."""


@works("reindex")
async def job_reindex(job: Job, *, specs: Table[Workspace], history: History) -> None:
    """Every step can be repeated; what is right already costs a look."""
    spec = await specs.get(job.workspace)
    async with job.transaction() as tx:
        held = await retrieval.each_corpus(tx, job.workspace)
    for corpus in held:
        await _let_go(job, spec, corpus.id)
        await _shape(job, spec, corpus)
    if not spec.corpora:
        return
    async for events in history.kept(job.workspace):
        async with job.transaction() as tx:
            await indexing.take(events, tx, specs)


async def _let_go(job: Job, spec: Workspace, id: int) -> None:
    ended = swept = 1
    while ended or swept:
        async with job.transaction() as tx:
            corpus = (await retrieval.lock(tx, [id]))[id]
            declared = spec.corpora.get(corpus.name)
            sources, languages = (declared.sources, declared.languages) if declared else ((), ())
            ended = await retrieval.end_outside(tx, corpus, sources, languages)
            swept = await retrieval.sweep(tx, corpus)


async def _shape(job: Job, spec: Workspace, held: retrieval.Corpus) -> None:
    declared = spec.corpora.get(held.name)
    if declared is None:
        return
    turn = f"/{job.key}"
    while True:
        async with job.transaction() as tx:
            corpus = (await retrieval.lock(tx, [held.id]))[held.id]
            ids = await retrieval.reshape(tx, corpus, indexing.shape(declared))
            await indexing.schedule(tx, ids, job.workspace, job.cause("shape"), turn=turn)
        if not ids:
            break
    after = 0
    while True:
        async with job.transaction() as tx:
            ids = await retrieval.stuck(tx, held, tx.now - STUCK, after)
            await indexing.schedule(tx, ids, job.workspace, job.cause("stuck"), turn=turn)
        if not ids:
            return
        after = ids[-1]
