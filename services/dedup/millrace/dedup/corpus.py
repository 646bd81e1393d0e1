"""Takes documents into the index, workspace by workspace, whichever event they came with."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter

from millrace.chassis import Table, Transaction
from millrace.dedup import store
from millrace.dedup.domain import Arrival, Decision, Drop, Keep, Neighbourhood, banding_for, sketch_all, split_of
from millrace.events import Basis, DocumentDuplicated, DocumentKept, Event, Origin
from millrace.workspace import Workspace

DECIDED = Counter("millrace_dedup_documents_total", "Documents by what was decided", ["decision"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A document before the decision, with the event that brought it."""

    cause: Event
    workspace: str
    document_id: str
    source: str
    text: str
    origin: Origin
    trusted: bool
    label: str | None = None
    suite: str | None = None
    language: str | None = None
    subject: str | None = None
    basis: Basis | None = None
    feedback_id: str | None = None
    corrects: str | None = None
    occurred_at: datetime | None = None


async def take(tx: Transaction, candidates: Sequence[Candidate], workspaces: Table[Workspace]) -> None:
    """Decides on all, in order, and emits what became of each. Raises Unknown for an undeclared workspace."""
    by_workspace: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_workspace[candidate.workspace].append(candidate)
    for name in sorted(by_workspace):
        await _take(tx, by_workspace[name], await workspaces.get(name))


async def _take(tx: Transaction, candidates: Sequence[Candidate], spec: Workspace) -> None:
    # numpy leaves the loop free while it works
    sketches = await asyncio.to_thread(sketch_all, [candidate.text for candidate in candidates])
    arrivals = [
        Arrival(
            document_id=candidate.document_id,
            source=candidate.source,
            label=candidate.label,
            suite=candidate.suite,
            trusted=candidate.trusted,
            basis=candidate.basis,
            sketch=sketch,
            corrects=candidate.corrects,
        )
        for candidate, sketch in zip(candidates, sketches, strict=True)
    ]
    near = spec.data.duplicates.near
    corpus = await store.lock(tx, spec.workspace, banding_for(near))
    await _relayout(tx, corpus, near, candidates[0].cause)
    rows, golden = await store.load(tx, corpus, arrivals)
    hood = Neighbourhood(
        rows,
        golden=golden,
        retired=spec.data.retired,
        purposes=spec.purposes_of,
        near=near,
        banding=corpus.layout,
    )
    decisions = list(hood.decide(arrivals))
    await store.save(tx, corpus, arrivals, decisions)
    for candidate, decision in zip(candidates, decisions, strict=True):
        tx.emit(_event(candidate, decision))
        DECIDED.labels(decision.kind if isinstance(decision, Drop) else "kept").inc()


async def _relayout(tx: Transaction, corpus: store.Corpus, near: float, cause: Event) -> None:
    """A threshold that wants other bands: they are built beside those in use, which serve until then."""
    wanted = banding_for(near)
    if wanted == corpus.layout or corpus.building:
        return
    corpus.building = wanted
    await store.build(tx, corpus)
    await tx.schedule(
        "reindex",
        key=f"{corpus.workspace}/{cause.id}",
        workspace=corpus.workspace,
        cause=cause,
        payload={"wanted": wanted.rows, "former": corpus.layout.rows},
    )


def _event(candidate: Candidate, decision: Decision) -> DocumentKept | DocumentDuplicated:
    if isinstance(decision, Keep):
        return DocumentKept.caused_by(
            candidate.cause,
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
        occurred_at=candidate.occurred_at,
        workspace=candidate.workspace,
        document_id=candidate.document_id,
        source=candidate.source,
        duplicate_of=decision.duplicate_of,
        kind=decision.kind,
        similarity=decision.similarity,
        cluster=decision.cluster,
    )
