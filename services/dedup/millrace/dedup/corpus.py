"""Takes documents into the index, workspace by workspace, whichever event they came with."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import numpy as np
from asyncpg import Record
from numpy.typing import NDArray
from prometheus_client import Counter

from millrace.chassis import Table, Transaction, erasure
from millrace.dedup import store
from millrace.dedup.domain import (
    Arrival,
    Buckets,
    Candidate,
    Decision,
    Drop,
    Keep,
    Neighbourhood,
    arrival,
    banding_for,
    sketch_all,
    split_of,
    weighing,
)
from millrace.dedup.memory import Memory
from millrace.events import Cause, DocumentDuplicated, DocumentKept
from millrace.workspace import Workspace

DECIDED = Counter("millrace_dedup_documents_total", "Documents by what was decided", ["decision"])
SECONDS = Counter("millrace_dedup_seconds_total", "Time of deciding by step", ["step"])

CANDIDATES = 32
"""Rows that a document is compared with at most: those that share most buckets with it, older before newer."""
ADOPTED = 1000
"""Documents decided on anew in one transaction; more of them are left to a job."""
MARGIN = 0.16
"""A row whose signature says so much less than the threshold is not compared: 4.5 standard errors at 0.8."""


class Index:
    """What takes documents in: the workspaces as they are declared, and their buckets in memory."""

    def __init__(self, workspaces: Table[Workspace], memory: Memory) -> None:
        self.workspaces = workspaces
        self.memory = memory

    async def take(self, tx: Transaction, candidates: Sequence[Candidate]) -> None:
        """Decides on all, in order, and emits what became of each. Raises Unknown for an undeclared workspace."""
        by_workspace: defaultdict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_workspace[candidate.workspace].append(candidate)
        for name in sorted(by_workspace):
            await self._take(tx, by_workspace[name], await self.workspaces.get(name))

    async def _take(self, tx: Transaction, candidates: Sequence[Candidate], spec: Workspace) -> None:
        with timed("sketch"):
            # numpy leaves the loop free while it works
            sketches = await asyncio.to_thread(sketch_all, [candidate.text for candidate in candidates])
        arrivals = [
            (candidate, arrival(candidate, sketch)) for candidate, sketch in zip(candidates, sketches, strict=True)
        ]
        corpus = await store.lock(tx, spec.workspace)
        if corpus.tidied_on is None or corpus.tidied_on < tx.now.date():
            await store.tidy_at(tx, corpus, tx.now, candidates[0].cause)
        arrivals = await _standing(tx, corpus, arrivals)
        for candidate, decision, weighs in await self._decide(tx, corpus, spec, arrivals):
            tx.emit(event(candidate, decision, weighs=weighs))
            DECIDED.labels(decision.kind if isinstance(decision, Drop) else "kept").inc()

    async def leave(
        self, tx: Transaction, corpus: store.Corpus, removed: Sequence[Record], causes: Mapping[str, Cause]
    ) -> None:
        """Documents are gone, each by a cause: those that repeated them are decided on anew, and the next is kept."""
        orphans = await store.leave(tx, corpus, removed)
        self.memory.wrote(tx)
        if orphans:
            await self.adopt_all(tx, corpus, causes, orphans)

    async def adopt_all(
        self, tx: Transaction, corpus: store.Corpus, causes: Mapping[str, Cause], orphans: Mapping[str, str]
    ) -> None:
        """Decides on those that wait; where there are many, a job goes on."""
        if await self.adopt(tx, corpus, causes, orphans):
            cause = next(iter(causes.values()))
            key = f"{corpus.workspace}/{cause.id}"
            await tx.schedule("adopt", key=key, workspace=corpus.workspace, cause=cause)

    async def adopt(
        self,
        tx: Transaction,
        corpus: store.Corpus,
        causes: Mapping[str, Cause],
        orphans: Mapping[str, str],
    ) -> bool:
        """Decides on documents that wait since what they repeated is gone; whether there may be more of them.

        `orphans` names what each repeated. The first kept of those that repeated one replaces it.
        """
        rows = await store.waiting(tx, corpus.workspace, ADOPTED)
        if not rows:
            return False
        some = next(iter(causes.values()))
        candidates = [store.candidate_of(row, causes.get(orphans.get(row["document_id"], ""), some)) for row in rows]
        arrivals = [
            (candidate, arrival(candidate, store.sketch_of(row)))
            for candidate, row in zip(candidates, rows, strict=True)
        ]
        spec = await self.workspaces.get(corpus.workspace)
        ordinals: defaultdict[UUID, int] = defaultdict(int)
        replaced: set[str] = set()
        for candidate, decision, weighs in await self._decide(tx, corpus, spec, arrivals, again=True):
            gone = orphans.get(candidate.document_id)
            if isinstance(decision, Keep) and gone and gone not in replaced:
                replaced.add(gone)
                decision = replace(decision, replaces=gone)
            tx.emit(event(candidate, decision, ordinals[candidate.cause.id], weighs=weighs))
            ordinals[candidate.cause.id] += 1
            DECIDED.labels("survived" if isinstance(decision, Keep) else "repeats another").inc()
        return len(rows) == ADOPTED

    async def _decide(
        self,
        tx: Transaction,
        corpus: store.Corpus,
        spec: Workspace,
        arriving: Sequence[tuple[Candidate, Arrival]],
        *,
        again: bool = False,
    ) -> list[tuple[Candidate, Decision, bool]]:
        """Each with what was decided, and whether it weighs."""
        if not arriving:
            return []
        arrivals = [one for _, one in arriving]
        policy = spec.data.duplicates
        near = policy.near
        with timed("find"):
            buckets = await self.memory.buckets(tx, corpus, banding_for(near))
            known = await _near(tx, corpus, arrivals, buckets, near)
        with timed("compare"):
            hood = Neighbourhood(
                known.rows,
                golden=known.golden,
                retired=spec.data.retired,
                purposes=spec.purposes_of,
                near=near,
                banding=buckets.banding,
                keeps_all=policy.then == "keep",
            )
            decisions = await asyncio.to_thread(lambda: list(hood.decide(arrivals)))
        with timed("save"):
            decided = [(*both, decision) for both, decision in zip(arriving, decisions, strict=True)]
            await store.save(tx, corpus, decided, known.repeating, again=again)
            self.memory.wrote(tx)
        if policy.semantic is not None and not corpus.embedding and any(isinstance(one, Keep) for one in decisions):
            await compare_by_meaning(tx, corpus, arriving[0][0].cause)
        weighs = weighing([(one.document_id, decision) for _, one, decision in decided], known.repeating)
        return [
            (candidate, decision, policy.then == "weight" and adds)
            for (candidate, _, decision), adds in zip(decided, weighs, strict=True)
        ]


async def compare_by_meaning(tx: Transaction, corpus: store.Corpus, cause: Cause) -> None:
    """Sees to it that what is kept is compared by meaning soon, by a job."""
    corpus.embedding = True
    key = f"{corpus.workspace}/{corpus.latest}"
    await tx.schedule("semantic", key=key, workspace=corpus.workspace, cause=cause)
    await store.set_embedding(tx, corpus.workspace, True)


Arriving = tuple[Candidate, Arrival]


async def _standing(tx: Transaction, corpus: store.Corpus, arriving: Sequence[Arriving]) -> list[Arriving]:
    """Without those that were retired, or whose person was forgotten, after they were known."""

    def about(one: Arriving) -> erasure.About:
        return erasure.About(one[0].workspace, one[0].subject, one[0].cause.known_at)

    ended = await store.buried(tx, corpus, {candidate.document_id for candidate, _ in arriving})
    standing = await erasure.standing(tx, arriving, about, ended=lambda one: ended.get(one[0].document_id))
    DECIDED.labels("retired").inc(len(arriving) - len(standing))
    return standing


async def _near(
    tx: Transaction, corpus: store.Corpus, arrivals: Sequence[Arrival], buckets: Buckets, near: float
) -> store.Known:
    """The rows that share a bucket with an arrival and by their signatures may be as near as the threshold."""
    signatures = np.stack([one.sketch.signature for one in arrivals])
    places, seqs = await asyncio.to_thread(buckets.candidates, signatures, CANDIDATES)
    like: list[int] = []
    if len(seqs):
        found = await store.signatures_of(tx, np.unique(seqs).tolist())
        like = _alike(signatures, found, places, seqs, near - MARGIN)
    return await store.load(tx, corpus.workspace, arrivals, like)


def _alike(
    signatures: NDArray[np.uint16],
    found: dict[int, NDArray[np.uint16]],
    places: NDArray[np.int64],
    seqs: NDArray[np.int64],
    least: float,
) -> list[int]:
    pairs = [(place, seq) for place, seq in zip(places.tolist(), seqs.tolist(), strict=True) if seq in found]
    if not pairs:
        return []
    theirs = np.stack([found[seq] for _, seq in pairs])
    alike = (signatures[[place for place, _ in pairs]] == theirs).mean(axis=1) >= least
    return sorted({seq for (_, seq), near in zip(pairs, alike.tolist(), strict=True) if near})


def event(
    candidate: Candidate, decision: Decision, ordinal: int = 0, *, weighs: bool = False
) -> DocumentKept | DocumentDuplicated:
    """What is told of a decision."""
    if isinstance(decision, Keep):
        return DocumentKept.caused_by(
            candidate.cause,
            ordinal=ordinal,
            occurred_at=candidate.occurred_at,
            workspace=candidate.workspace,
            document_id=candidate.document_id,
            source=candidate.source,
            text=candidate.text,
            origin=candidate.origin,
            cluster=decision.cluster,
            split=split_of(candidate.workspace, decision.cluster),
            trainable=decision.trainable,
            trusted=candidate.trusted,
            label=candidate.label,
            suite=candidate.suite,
            language=candidate.language,
            subject=candidate.subject,
            basis=candidate.basis,
            feedback_id=candidate.feedback_id,
            replaces=decision.replaces,
            metadata=candidate.metadata,
        )
    return DocumentDuplicated.caused_by(
        candidate.cause,
        ordinal=ordinal,
        occurred_at=candidate.occurred_at,
        workspace=candidate.workspace,
        document_id=candidate.document_id,
        source=candidate.source,
        duplicate_of=decision.duplicate_of,
        kind=decision.kind,
        similarity=decision.similarity,
        cluster=decision.cluster,
        weighs=weighs,
    )


@contextmanager
def timed(step: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        SECONDS.labels(step).inc(time.perf_counter() - started)
