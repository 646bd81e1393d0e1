"""What both ways in, Kafka and HTTP, do with a batch: examine, publish, count, keep what was rejected."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from millrace.chassis import Table, Transaction, Unknown
from millrace.events import (
    DocumentAccepted,
    DocumentRejected,
    Event,
    ObservationAccepted,
    ObservationRejected,
    ObservationSubmitted,
    Origin,
    Reason,
)
from millrace.ingestion import metrics, store
from millrace.ingestion.domain.documents import Document, examine, submission
from millrace.ingestion.domain.observations import Observation, examine_observation
from millrace.ingestion.engine import Engine
from millrace.workspace import Workspace

DOCUMENTS = (DocumentAccepted, DocumentRejected)
OBSERVATIONS = (ObservationAccepted, ObservationRejected)
Examined = Document | Observation


@dataclass(frozen=True)
class Rules:
    """What records are examined by. `secret` keys pseudonyms; `kept` is how long quarantine lasts."""

    workspaces: Table[Workspace]
    engine: Engine
    secret: str
    kept: timedelta


async def take(events: Sequence[Event], tx: Transaction, rules: Rules) -> dict[UUID, tuple[Reason, ...]]:
    """Accept or reject each event with all that follows. Gives the reasons by event id, none for an accepted one.

    An event of an unknown workspace is refused and left out: there is no workspace to publish its rejection under.
    """
    known = await _known(events, tx, rules)
    examined = await asyncio.to_thread(_examine, known, rules, tx.now)
    for event, result in examined:
        tx.emit(_decision(event, result))
    await _record(tx, examined, rules)
    return {event.id: result.reasons for event, result in examined}


async def _known(events: Sequence[Event], tx: Transaction, rules: Rules) -> list[tuple[Event, Workspace]]:
    found: dict[str, Workspace | Unknown] = {}
    for name in {event.workspace for event in events}:
        try:
            found[name] = await rules.workspaces.get(name)
        except Unknown as unknown:
            found[name] = unknown
    known = []
    for event in events:
        workspace = found[event.workspace]
        if isinstance(workspace, Unknown):
            tx.refuse(event, workspace)
        else:
            known.append((event, workspace))
    return known


def _examine(known: Sequence[tuple[Event, Workspace]], rules: Rules, now: datetime) -> list[tuple[Event, Examined]]:
    examined: list[tuple[Event, Examined]] = []
    for event, workspace in known:
        if isinstance(event, ObservationSubmitted):
            examined.append((event, examine_observation(event, workspace, secret=rules.secret, now=now)))
        else:
            given = submission(event)
            result = examine(given, workspace, secret=rules.secret, now=now, shares=rules.engine.shares)
            examined.append((event, result))
    return examined


def _decision(event: Event, result: Examined) -> Event:
    about: dict[str, Any] = {"workspace": event.workspace, "source": result.source}
    if isinstance(result, Observation):
        about["lane"] = result.lane
        if result.reasons:
            return ObservationRejected.caused_by(event, reasons=result.reasons, **about)
        return ObservationAccepted.caused_by(event, entity=result.entity, values=result.values, **about)
    about |= {"document_id": result.document_id, "origin": _origin(event)}
    if result.reasons:
        return DocumentRejected.caused_by(event, reasons=result.reasons, **about)
    return DocumentAccepted.caused_by(
        event,
        text=result.text,
        trusted=result.trusted,
        label=result.label,
        suite=result.suite,
        language=result.language,
        subject=result.subject,
        masked=result.masked,
        metadata=result.metadata,
        **about,
    )


def _origin(event: Event) -> Origin:
    place = event.envelope.position
    where = {"partition": place.partition, "offset": place.offset} if place else {}
    return Origin(topic=event.topic, event_id=str(event.id), **where)


async def _record(tx: Transaction, examined: Sequence[tuple[Event, Examined]], rules: Rules) -> None:
    if not examined:
        return
    counts, sources = tally(examined)
    await store.save_sources(tx, sources)
    await store.count(tx, counts)
    rejected = [(event, result) for event, result in examined if result.reasons]
    for event, result in rejected:
        text, subject = (result.text[:2000], result.subject) if isinstance(result, Document) else (None, None)
        await store.quarantine(tx, event, result.source, result.reasons, text, subject)
    expires = tx.now + rules.kept + timedelta(days=1)
    for workspace, cause in {event.workspace: event for event, _ in rejected}.items():
        key = f"{workspace}/{tx.now:%Y-%m-%d}"
        await tx.schedule("expire", key=key, workspace=workspace, cause=cause, at=expires)
    tx.after_commit.append(lambda: _tell(counts))


def tally(
    examined: Sequence[tuple[Event, Examined]],
) -> tuple[Counter[store.Count], Mapping[tuple[str, str], Counter[str]]]:
    """Counts by workspace, what and detail; and outcomes by workspace and source."""
    counts: Counter[store.Count] = Counter()
    sources: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for event, result in examined:
        outcome = "rejected" if result.reasons else "accepted"
        sources[event.workspace, result.source][outcome] += 1
        counts[event.workspace, "submitted", event.topic] += 1
        counts[event.workspace, outcome, event.topic] += 1
        counts.update({(event.workspace, "masked", kind): n for kind, n in result.masked.items()})
        counts.update((event.workspace, "reason", code) for code in {reason.code for reason in result.reasons})
    return counts, sources


def _tell(counts: Counter[store.Count]) -> None:
    for (_, what, detail), n in counts.items():
        if what in ("accepted", "rejected"):
            metrics.RECORDS.labels(detail, what).inc(n)
        elif what == "masked":
            metrics.MASKED.labels(detail).inc(n)
        elif what == "reason":
            metrics.REASONS.labels(detail).inc(n)
