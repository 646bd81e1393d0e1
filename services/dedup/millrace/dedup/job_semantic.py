"""Compares what was kept by meaning, some at a time, apart from the intake."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from asyncpg import Record

from millrace.chassis import Job, Step, Transaction, works
from millrace.dedup import store
from millrace.dedup.corpus import DECIDED, Index, event, timed
from millrace.dedup.domain import Drop, Keep, Same, joined, joining, pieces, settle
from millrace.dedup.engine import Embed, Engine
from millrace.events import DocumentDuplicated, DocumentKept
from millrace.workspace import Workspace

BATCH = 64
"""Documents embedded and compared in one transaction."""
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
        more = spec.data.duplicates.semantic is not None and await store.to_embed(tx, job.workspace, 1)
        if more:
            key = f"{job.workspace}/{job.id}"
            await tx.schedule("semantic", key=key, workspace=corpus.workspace, cause=job.cause("more"))
        await store.set_embedding(tx, job.workspace, bool(more))


async def _batch(job: Job, index: Index, spec: Workspace, embed: Embed, step: int) -> bool:
    """Whether there was one."""
    async with job.transaction() as tx:
        rows = await store.to_embed(tx, job.workspace, BATCH)
    if not rows:
        return False
    cut = [pieces(store.text_of(row)) for row in rows]
    with timed("embed"):
        vectors = joined(await embed([piece for text in cut for piece in text]), [len(text) for text in cut])
    async with job.transaction() as tx:
        corpus = await store.lock(tx, job.workspace)
        await store.prepare(tx, job.workspace)
        standing = await store.embedded(tx, corpus, [row["seq"] for row in rows], vectors)
        with timed("settle"):
            await _settle(tx, job, index, spec, corpus, standing, f"{job.token}/{step}")
    return True


async def _settle(
    tx: Transaction, job: Job, index: Index, spec: Workspace, corpus: store.Corpus, standing: list[Record], step: str
) -> None:
    policy = spec.data.duplicates
    assert policy.semantic is not None
    near = await store.neighbours(tx, job.workspace, standing, policy.semantic)
    new = [store.meant(row, corpus.compared_to) for row in standing]
    same = settle(new, near, spec.data.retired, spec.purposes_of)
    into = joining(new, near, same)
    falling = set() if policy.then == "keep" else {one.younger.row.document_id for one in same}
    if into:
        await _move(tx, corpus, into, falling, job.cause(f"{step}/moved"))
    if not same:
        return
    rows = await store.drop_same(tx, corpus, same, stands=policy.then == "keep")
    index.memory.wrote(tx)
    if policy.then == "keep":
        return
    for ordinal, one in enumerate(same):
        candidate = store.candidate_of(rows[one.younger.row.document_id], job.cause(step), again=False)
        tx.emit(event(candidate, _drop(one, into), ordinal, weighs=policy.then == "weight"))
    DECIDED.labels("semantic").inc(len(same))
    if policy.then == "weight":
        await _weigh(tx, job, corpus, {one.younger.row.document_id: one for one in same}, f"{step}/weighed")
    await store.release(tx, corpus, sorted(falling))
    await index.adopt_all(tx, corpus, {"": job.cause(f"{step}/released")}, {})


async def _move(
    tx: Transaction, corpus: store.Corpus, into: Mapping[str, str], falling: Collection[str], cause: Step
) -> None:
    """Clusters become part of others: what stands in them is told anew, in its cluster and split of now."""
    moved = await store.move(tx, corpus, into, falling)
    golden = await store.golden(tx, corpus, into.values())
    for ordinal, row in enumerate(moved):
        candidate = store.candidate_of(row, cause, again=False)
        trainable = row["cluster"] not in golden
        tx.emit(event(candidate, Keep(row["cluster"], trainable, replaces=row["document_id"]), ordinal))
    DECIDED.labels("moved").inc(len(moved))


async def _weigh(tx: Transaction, job: Job, corpus: store.Corpus, fell: Mapping[str, Same], step: str) -> None:
    """What repeated a document that fell weighs for the one that stands."""
    for ordinal, row in enumerate(await store.repeating(tx, corpus, fell)):
        one = fell[row["duplicate_of"]]
        tx.emit(
            DocumentDuplicated.caused_by(
                replace(job.cause(step), known_at=max(row["known_at"], one.older.known_at)),
                ordinal=ordinal,
                workspace=corpus.workspace,
                document_id=row["document_id"],
                source=row["source"],
                duplicate_of=one.older.row.document_id,
                kind=row["kind"],
                similarity=min(row["similarity"], one.similarity),
                cluster=row["cluster"],
                weighs=True,
            )
        )


def _drop(same: Same, into: Mapping[str, str]) -> Drop:
    older, younger = same.older.row, same.younger.row
    cluster = into.get(older.cluster, older.cluster)
    return Drop(older.document_id, cluster, "semantic", same.similarity, younger.document_id)
