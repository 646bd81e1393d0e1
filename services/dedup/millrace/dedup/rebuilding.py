"""What a shelf that is built from the log takes in, and what is told of it when it has become current."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
from asyncpg import Record
from numpy.typing import NDArray

from millrace.chassis import Step, Transaction, erasure
from millrace.dedup import candidates, store
from millrace.dedup.corpus import Index
from millrace.dedup.domain import Candidate, Drop, Keep, first_of_each, teaches
from millrace.dedup.telling import event
from millrace.events import Cause, DocumentAccepted, DocumentRetired, Event, FeedbackRecorded, SubjectErased
from millrace.workspace import Workspace

NEARLY = timedelta(milliseconds=1)
"""What is told anew is known some microseconds later than it came."""


async def note(tx: Transaction, workspace: str, one: store.Rebuilding, events: Sequence[Event]) -> int:
    """Remembers which documents the log has, and which ends; how many events there were."""
    corpus = await store.lock(tx, workspace)
    ids = {said.document_id for said in events if isinstance(said, DocumentAccepted)}
    ids |= {said.feedback_id for said in _feedback(events)}
    await store.log_has(tx, one.shelf, ids)
    if known_at := {said.document_id: said.known_at for said in _ended(events)}:
        await store.bury(tx, corpus, known_at)
    await erasure.remember(tx, [said for said in events if isinstance(said, SubjectErased)])
    return len(events)


def _feedback(events: Sequence[Event]) -> list[FeedbackRecorded]:
    said = [one for one in events if isinstance(one, FeedbackRecorded) and teaches(one, answers=True)]
    return first_of_each(said, ())[0]


def _ended(events: Sequence[Event]) -> list[DocumentRetired]:
    return sorted((said for said in events if isinstance(said, DocumentRetired)), key=lambda said: said.known_at)


async def fold(
    tx: Transaction,
    index: Index,
    corpus: store.Corpus,
    one: store.Rebuilding,
    spec: Workspace,
    events: Sequence[Event],
) -> None:
    """Takes events in, in their order, as the handlers did, and tells nobody."""
    for ends, run in groupby(events, key=lambda said: isinstance(said, DocumentRetired)):
        those = list(run)
        if ends:
            await index.retire(tx, corpus, {said.document_id: _step(said) for said in _ended(those)})
        else:
            found = await _candidates(tx, corpus, one, spec, those)
            if found:
                await index.fold(tx, corpus, found)


async def _candidates(
    tx: Transaction, corpus: store.Corpus, one: store.Rebuilding, spec: Workspace, events: Sequence[Event]
) -> list[Candidate]:
    """What is to be decided on; what is past the retention is not, nor feedback that was a document before."""
    answers = spec.meaning.answers
    feedback = [said for said in events if isinstance(said, FeedbackRecorded) and teaches(said, answers=answers)]
    new, seen = await store.first_of_shelf(tx, corpus, feedback)
    found = [
        candidates.of_document(said)
        if isinstance(said, DocumentAccepted)
        else candidates.of_feedback(said, answers=answers)
        for said in events
        if isinstance(said, DocumentAccepted) or (isinstance(said, FeedbackRecorded) and said.id in new)
    ]
    await store.save_feedback(tx, seen)
    oldest = tx.now - spec.data.retention if spec.data.retention else None
    return await _as_first_seen(tx, one, [c for c in found if oldest is None or c.cause.known_at >= oldest])


async def _as_first_seen(tx: Transaction, one: store.Rebuilding, found: Sequence[Candidate]) -> list[Candidate]:
    """A document that the former shelf has stays in its cluster, and is known since when readers were told."""
    former = await store.known(tx, one.former, {candidate.document_id for candidate in found})
    return [
        _seen(candidate, former[candidate.document_id]) if candidate.document_id in former else candidate
        for candidate in found
    ]


def _seen(candidate: Candidate, row: Record) -> Candidate:
    cause = _step(candidate.cause)
    if timedelta() < row["known_at"] - cause.known_at < NEARLY:
        cause = replace(cause, known_at=row["known_at"])
    occurred_at = candidate.occurred_at or candidate.cause.occurred_at
    seen = {"cluster": row["cluster"], "ended": row["ended"], "founds": row["founds"]}
    return replace(candidate, cause=cause, occurred_at=occurred_at, **seen)


def _step(cause: Cause) -> Step:
    return Step(cause.id, cause.occurred_at, cause.known_at, cause.cycle_id, cause.traceparent)


async def tell_changes(
    tx: Transaction, corpus: store.Corpus, spec: Workspace, rows: Sequence[Record], cause: Step
) -> int:
    """Tells of each row that is not as it was told before; how many there were."""
    golden = await store.golden(tx, corpus, {row["cluster"] for row in rows})
    told: dict[int, tuple[datetime, bool]] = {}
    for row in rows:
        decision = _decision(row, row["cluster"] in golden)
        if decision is None:
            continue
        candidate = store.candidate_of(row, corpus.workspace, cause, again=False)
        known_at = max(row["known_at"], row["was_known_at"] or row["known_at"])
        if isinstance(decision, Keep):
            known_at += store.LATER
        candidate = replace(candidate, cause=replace(_step(candidate.cause), known_at=known_at))
        weighs = spec.data.duplicates.then == "weight" and isinstance(decision, Drop)
        tx.emit(event(candidate, decision, len(told), weighs=weighs))
        told[row["seq"]] = (known_at, isinstance(decision, Drop) and decision.ends is not None)
    await store.told_anew(tx, told)
    return len(told)


def _decision(row: Record, golden: bool) -> Keep | Drop | None:
    """What is to be told of a row of now; None where it was told."""
    id = row["document_id"]
    if row["stands"]:
        if row["stood"] and row["same"]:
            return None
        return Keep(row["cluster"], not golden, replaces=id if row["stood"] else None)
    if row["duplicate_of"] is None or (row["stood"] is False and row["repeated"] == row["duplicate_of"]):
        return None
    return Drop(row["duplicate_of"], row["cluster"], row["kind"], row["similarity"], id if row["stood"] else None)


def stacked(vectors: Mapping[int, Sequence[float]], seqs: Sequence[int]) -> NDArray[np.float32]:
    return np.asarray([vectors[seq] for seq in seqs], dtype=np.float32)
