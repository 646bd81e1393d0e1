"""Takes documents into the index, workspace by workspace, whichever event they came with."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from millrace.chassis import Table, Transaction
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
)
from millrace.dedup.memory import Memory
from millrace.events import DocumentDuplicated, DocumentKept
from millrace.workspace import Workspace

DECIDED = Counter("millrace_dedup_documents_total", "Documents by what was decided", ["decision"])
SECONDS = Counter("millrace_dedup_seconds_total", "Time of deciding by step", ["step"])

CANDIDATES = 32
"""Rows that a document is compared with at most: those that share most buckets with it, older before newer."""
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
        arrivals = [arrival(candidate, sketch) for candidate, sketch in zip(candidates, sketches, strict=True)]
        corpus = await store.lock(tx, spec.workspace)
        decided = await self._decide(tx, corpus, spec, candidates, arrivals)
        for candidate, _, decision in decided:
            tx.emit(event(candidate, decision))
            DECIDED.labels(decision.kind if isinstance(decision, Drop) else "kept").inc()

    async def _decide(
        self,
        tx: Transaction,
        corpus: store.Corpus,
        spec: Workspace,
        candidates: Sequence[Candidate],
        arrivals: Sequence[Arrival],
    ) -> list[tuple[Candidate, Arrival, Decision]]:
        near = spec.data.duplicates.near
        with timed("find"):
            buckets = await self.memory.buckets(tx, corpus, banding_for(near))
            known = await _near(tx, corpus, arrivals, buckets, near)
        with timed("compare"):
            hood = Neighbourhood(
                known.rows, golden=known.golden, retired=spec.data.retired, near=near, banding=buckets.banding
            )
            decisions = await asyncio.to_thread(lambda: list(hood.decide(arrivals)))
        decided = list(zip(candidates, arrivals, decisions, strict=True))
        with timed("save"):
            await store.save(tx, corpus, decided, known.repeating)
        return decided


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


def event(candidate: Candidate, decision: Decision, ordinal: int = 0) -> DocumentKept | DocumentDuplicated:
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
    )


@contextmanager
def timed(step: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        SECONDS.labels(step).inc(time.perf_counter() - started)
