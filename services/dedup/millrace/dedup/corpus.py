"""Takes documents into the index, workspace by workspace, whichever event they came with."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
from asyncpg import Record
from numpy.typing import NDArray

from millrace.chassis import Step, Table, Transaction, erasure
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
    in_time,
    revised,
    sketch_all,
    weighing,
)
from millrace.dedup.memory import Memory
from millrace.dedup.telling import DECIDED, event, tell, timed
from millrace.events import Cause
from millrace.workspace import Workspace

CANDIDATES = 32
"""Rows that a document is compared with at most: those that share most buckets with it, older before newer."""
ADOPTED = 1000
"""Documents decided on anew in one transaction; more of them are left to a job."""
MARGIN = 0.16
"""A row whose signature says so much less than the threshold is not compared: 4.5 standard errors at 0.8."""


Arriving = tuple[Candidate, Arrival]
Decided = tuple[Candidate, Decision, bool]
"""A document, what was decided on it, and whether it weighs for the one that it repeats."""


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

    async def fold(self, tx: Transaction, corpus: store.Corpus, candidates: Sequence[Candidate]) -> None:
        """Decides on all, in order, for a shelf that is built beside the current one."""
        arrivals = await _sketched(candidates)
        await self._enter(tx, corpus, await self.workspaces.get(corpus.workspace), arrivals)

    async def _take(self, tx: Transaction, candidates: Sequence[Candidate], spec: Workspace) -> None:
        arrivals = await _sketched(candidates)
        corpus = await store.lock(tx, spec.workspace)
        if corpus.tidied_on is None or corpus.tidied_on < tx.now.date():
            await store.tidy_at(tx, corpus, tx.now, candidates[0].cause)
        await self._enter(tx, corpus, spec, arrivals)

    async def _enter(
        self, tx: Transaction, corpus: store.Corpus, spec: Workspace, arrivals: Sequence[Arriving]
    ) -> None:
        arrivals = await _standing(tx, corpus, arrivals)
        decided, removed = await self._decide(tx, corpus, spec, arrivals)
        for candidate, decision, weighs in decided:
            tell(tx, corpus, event(candidate, decision, weighs=weighs))
            DECIDED.labels(decision.kind if isinstance(decision, Drop) else "kept").inc()
        await self._revise(tx, corpus, decided, removed)

    async def retire(self, tx: Transaction, corpus: store.Corpus, causes: Mapping[str, Cause]) -> None:
        """Documents have ended, each by a cause; one that was published again since stands on, and is told anew."""
        known_at = {id: cause.known_at for id, cause in causes.items()}
        await store.bury(tx, corpus, known_at)
        there = await store.still_there(tx, corpus, known_at)
        golden = await store.golden(tx, corpus, {row["cluster"] for row in there}) if there else set()
        for row in there:
            candidate = store.candidate_of(row, corpus.workspace, causes[row["document_id"]], again=False)
            tell(tx, corpus, event(candidate, Keep(row["cluster"], row["cluster"] not in golden)))
        removed = await store.remove_documents(tx, corpus, known_at)
        if removed:
            await self.leave(tx, corpus, removed, causes)

    async def leave(
        self, tx: Transaction, corpus: store.Corpus, removed: Sequence[Record], causes: Mapping[str, Cause]
    ) -> None:
        """Documents are gone, each by a cause: those that repeated them are decided on anew, and the next is kept."""
        orphans = await store.leave(tx, corpus, removed)
        self.memory.wrote(tx)
        if orphans:
            await self.adopt_all(tx, corpus, causes, orphans)

    async def adopt_all(
        self,
        tx: Transaction,
        corpus: store.Corpus,
        causes: Mapping[str, Cause],
        orphans: Mapping[str, str],
        *,
        after: Collection[str] = (),
    ) -> None:
        """Decides on those that wait; where there are many, a job goes on."""
        if await self.adopt(tx, corpus, causes, orphans, after=after) and corpus.current:
            cause = next(iter(causes.values()))
            key = f"{corpus.workspace}/{cause.id}"
            await tx.schedule("adopt", key=key, workspace=corpus.workspace, cause=cause)

    async def adopt(
        self,
        tx: Transaction,
        corpus: store.Corpus,
        causes: Mapping[str, Cause],
        orphans: Mapping[str, str],
        *,
        after: Collection[str] = (),
    ) -> bool:
        """Decides on documents that wait since what they repeated is gone; whether there may be more of them.

        `orphans` names what each repeated. The first kept of those that repeated one replaces it, but for those that
        come `after` it, as revisions: their causes have told of something already.
        """
        rows = await store.waiting(tx, corpus.shelf, ADOPTED)
        if not rows:
            return False
        some = next(iter(causes.values()))
        candidates = [
            store.candidate_of(row, corpus.workspace, causes.get(orphans.get(row["document_id"], ""), some))
            for row in rows
        ]
        arrivals = [
            (candidate, arrival(candidate, store.sketch_of(row)))
            for candidate, row in zip(candidates, rows, strict=True)
        ]
        spec = await self.workspaces.get(corpus.workspace)
        ordinals: defaultdict[UUID, int] = defaultdict(lambda: 1 if after else 0)
        replaced: set[str] = set(after)
        decided, _ = await self._decide(tx, corpus, spec, arrivals, again=True)
        for candidate, decision, weighs in decided:
            gone = orphans.get(candidate.document_id)
            if isinstance(decision, Keep) and gone and gone not in replaced:
                replaced.add(gone)
                decision = replace(decision, replaces=gone)
            if isinstance(decision, Drop):
                candidate = replace(candidate, cause=_now(candidate.cause, causes.get(gone or "", some)))
            tell(tx, corpus, event(candidate, decision, ordinals[candidate.cause.id], weighs=weighs))
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
    ) -> tuple[list[Decided], list[Record]]:
        """Each with what was decided, and whether it weighs; and the rows that went with it."""
        if not arriving:
            return [], []
        arrivals = [one for _, one in arriving]
        policy = spec.data.duplicates
        near = policy.near
        with timed("find"):
            buckets = await self.memory.buckets(tx, corpus, banding_for(near))
            known = await _near(tx, corpus, arrivals, buckets, near)
        if not again:
            arriving = in_time(arriving, known.known_at)
            arrivals = [one for _, one in arriving]
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
            removed = await store.save(tx, corpus, decided, known.repeating, again=again)
            self.memory.wrote(tx)
        if policy.semantic is not None and any(isinstance(one, Keep) for one in decisions):
            await compare_by_meaning(tx, corpus, arriving[0][0].cause)
        weighs = weighing([(one.document_id, decision) for _, one, decision in decided], known.repeating)
        return [
            (candidate, decision, policy.then == "weight" and adds)
            for (candidate, _, decision), adds in zip(decided, weighs, strict=True)
        ], removed

    async def _revise(
        self, tx: Transaction, corpus: store.Corpus, decided: Sequence[Decided], removed: Sequence[Record]
    ) -> None:
        """Those that repeated a text which is no longer are looked at again."""
        ended = revised([(candidate.document_id, decision) for candidate, decision, _ in decided])
        orphans = await store.revise(tx, corpus, removed, ended)
        if orphans:
            causes = {id: decided[place][0].cause for id, place in ended.places.items()}
            await self.adopt_all(tx, corpus, causes, orphans, after=ended.places)


def _now(cause: Cause, because: Cause) -> Step:
    """That a document repeats another is known since what made it so."""
    return Step(cause.id, cause.occurred_at, max(cause.known_at, because.known_at), cause.cycle_id, cause.traceparent)


async def compare_by_meaning(tx: Transaction, corpus: store.Corpus, cause: Cause) -> None:
    """Sees to it that what is kept is compared by meaning soon, by a job."""
    if corpus.embedding or not corpus.current:
        return
    corpus.embedding = True
    key = f"{corpus.shelf}/{corpus.latest}"
    await tx.schedule("semantic", key=key, workspace=corpus.workspace, cause=cause)
    await store.set_embedding(tx, corpus.shelf, True)


async def _sketched(candidates: Sequence[Candidate]) -> list[Arriving]:
    with timed("sketch"):
        # numpy leaves the loop free while it works
        sketches = await asyncio.to_thread(sketch_all, [candidate.text for candidate in candidates])
    return [(candidate, arrival(candidate, sketch)) for candidate, sketch in zip(candidates, sketches, strict=True)]


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
    return await store.load(tx, corpus.shelf, arrivals, like)


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
