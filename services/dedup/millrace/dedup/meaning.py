"""Compares embedded documents with their neighbours: who stands no more, and which clusters become one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from asyncpg import Record
from numpy.typing import NDArray

from millrace.chassis import Job, Step, Transaction
from millrace.dedup import store
from millrace.dedup.corpus import Index
from millrace.dedup.domain import Drop, Keep, Same, joined, joining, pieces, settle
from millrace.dedup.engine import Embed
from millrace.dedup.telling import DECIDED, event, tell, timed
from millrace.events import DocumentDuplicated
from millrace.workspace import Workspace

BATCH = 64
"""Documents embedded and compared in one transaction."""


async def embed_all(embed: Embed, texts: Sequence[str]) -> NDArray[np.float32]:
    cut = [pieces(text) for text in texts]
    with timed("embed"):
        return joined(await embed([piece for text in cut for piece in text]), [len(text) for text in cut])


async def compare(
    tx: Transaction,
    job: Job,
    index: Index,
    spec: Workspace,
    corpus: store.Corpus,
    seqs: Sequence[int],
    vectors: NDArray[np.float32],
    step: str,
) -> None:
    """Keeps embeddings of a locked shelf and settles who stands, in which cluster."""
    await store.prepare(tx, corpus.shelf)
    standing = await store.embedded(tx, corpus, seqs, vectors)
    with timed("settle"):
        await _settle(tx, job, index, spec, corpus, standing, step)


async def _settle(
    tx: Transaction, job: Job, index: Index, spec: Workspace, corpus: store.Corpus, standing: list[Record], step: str
) -> None:
    policy = spec.data.duplicates
    assert policy.semantic is not None
    near = await store.neighbours(tx, corpus.shelf, standing, policy.semantic)
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
        candidate = store.candidate_of(
            rows[one.younger.row.document_id], corpus.workspace, job.cause(step), again=False
        )
        tell(tx, corpus, event(candidate, _drop(one, into), ordinal, weighs=policy.then == "weight"))
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
        candidate = store.candidate_of(row, corpus.workspace, cause, again=False)
        trainable = row["cluster"] not in golden
        kept = Keep(row["cluster"], trainable, replaces=row["document_id"])
        tell(tx, corpus, event(candidate, kept, ordinal))
    DECIDED.labels("moved").inc(len(moved))


async def _weigh(tx: Transaction, job: Job, corpus: store.Corpus, fell: Mapping[str, Same], step: str) -> None:
    """What repeated a document that fell weighs for the one that stands."""
    for ordinal, row in enumerate(await store.repeating(tx, corpus, fell)):
        one = fell[row["duplicate_of"]]
        tell(
            tx,
            corpus,
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
            ),
        )


def _drop(same: Same, into: Mapping[str, str]) -> Drop:
    older, younger = same.older.row, same.younger.row
    cluster = into.get(older.cluster, older.cluster)
    return Drop(older.document_id, cluster, "semantic", same.similarity, younger.document_id)
