"""What both ways in, Kafka and HTTP, do with a batch: examine, publish, count, keep what was rejected."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from millrace.chassis import Table, Transaction, Unknown, erasure, policy_of
from millrace.events import (
    Cause,
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
from millrace.ingestion.domain.documents import Document, Mask, Verdict, judged, masked, submission
from millrace.ingestion.domain.observations import Observation, judged_observation, masked_observation
from millrace.ingestion.domain.urls import sites
from millrace.ingestion.engine import Engine
from millrace.privacy import Second, derived_key
from millrace.workspace import Crawl, Workspace

DOCUMENTS = (DocumentAccepted, DocumentRejected)
OBSERVATIONS = (ObservationAccepted, ObservationRejected)
Kept = Document | Observation


class Examined(NamedTuple):
    """An event, what may be kept of it, and what its workspace has against that."""

    event: Event
    kept: Kept
    verdict: Verdict


@dataclass(frozen=True)
class Rules:
    """What records are examined by.

    `secret` keys pseudonyms; `kept` is how long quarantine lasts; `second` is the second tier of masking.
    """

    workspaces: Table[Workspace]
    engine: Engine
    secret: str
    kept: timedelta
    second: Second | None = None


async def take(events: Sequence[Event], tx: Transaction, rules: Rules) -> dict[UUID, tuple[Reason, ...]]:
    """Accept or reject each event with all that follows. Gives the reasons by event id, none for an accepted one.

    An event of an unknown workspace is refused and left out: there is no workspace to publish its rejection under. Left
    out, too, is what was known before its person asked to be forgotten.
    """
    known = await _known(events, tx, rules)
    examined = await asyncio.to_thread(_examine, known, rules, tx.now)
    examined = await erasure.standing(tx, examined, _about)
    workspaces = {workspace.workspace: workspace for _, workspace in known}
    for one in examined:
        tx.emit(_decision(one, workspaces[one.event.workspace]))
    await _record(tx, examined, rules)
    return {one.event.id: one.verdict.reasons for one in examined}


def _about(one: Examined) -> erasure.About:
    return erasure.About(one.event.workspace, one.kept.subject, one.event.known_at)


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


def _examine(known: Sequence[tuple[Event, Workspace]], rules: Rules, now: datetime) -> list[Examined]:
    examined: list[Examined] = []
    for event, workspace in known:
        kept: Kept
        key = derived_key(rules.secret, workspace.workspace)
        mask = Mask(policy_of(workspace, rules.secret), rules.second)
        if isinstance(event, ObservationSubmitted):
            kept = masked_observation(event, workspace.lanes, key=key, mask=mask)
        else:
            given, longest = submission(event).of(workspace.meaning), workspace.meaning.longest
            kept = masked(given, longest=longest, key=key, mask=mask, sites=_sites(workspace, given.source))
        examined.append(Examined(event, kept, judge(kept, workspace, rules, now)))
    return examined


def _sites(workspace: Workspace, source: str) -> Collection[str]:
    declared = workspace.sources.get(source)
    return sites(declared.seeds, declared.allow) if isinstance(declared, Crawl) else ()


def judge(kept: Kept, workspace: Workspace, rules: Rules, now: datetime) -> Verdict:
    """All that a workspace has against a record."""
    if isinstance(kept, Observation):
        return judged_observation(kept, workspace, now=now)
    return judged(kept, workspace, now=now, shares=rules.engine.shares)


def _decision(examined: Examined, workspace: Workspace) -> Event:
    event, kept, verdict = examined
    if not verdict.reasons:
        return accepted(event, kept, verdict.language, workspace, _origin(event))
    about: dict[str, Any] = {"workspace": event.workspace, "source": kept.named, "reasons": verdict.reasons}
    if isinstance(kept, Observation):
        return ObservationRejected.caused_by(event, lane=kept.lane, **about)
    return DocumentRejected.caused_by(event, document_id=kept.document_id, origin=_origin(event), **about)


def accepted(
    cause: Cause, kept: Kept, language: str | None, workspace: Workspace, origin: Origin, released_by: str | None = None
) -> Event:
    """The acceptance of a record. Its id follows from the submission's, so there is one whenever it is said."""
    about: dict[str, Any] = {"workspace": workspace.workspace, "source": kept.named, "released_by": released_by}
    if isinstance(kept, Observation):
        return ObservationAccepted.caused_by(
            cause, lane=kept.lane, entity=kept.entity, values=kept.values, known_since=kept.known_since, **about
        )
    return DocumentAccepted.caused_by(
        cause,
        document_id=kept.document_id,
        origin=origin,
        text=kept.text,
        trusted=kept.source in workspace.data.trusted,
        label=kept.label,
        suite=kept.suite,
        language=language,
        subject=kept.subject,
        masked=kept.masked,
        metadata=kept.metadata,
        **about,
    )


def _origin(event: Event) -> Origin:
    place = event.envelope.position
    where = {"partition": place.partition, "offset": place.offset} if place else {}
    return Origin(topic=event.topic, event_id=str(event.id), **where)


async def _record(tx: Transaction, examined: Sequence[Examined], rules: Rules) -> None:
    if not examined:
        return
    counts, sources = tally(examined)
    await store.save_sources(tx, sources)
    await store.count(tx, counts)
    rejected = [one for one in examined if one.verdict.reasons]
    await store.quarantine(tx, ((event, kept, verdict.reasons, _origin(event)) for event, kept, verdict in rejected))
    expires = tx.now + rules.kept + timedelta(days=1)
    for workspace, cause in {one.event.workspace: one.event for one in rejected}.items():
        key = f"{workspace}/{tx.now:%Y-%m-%d}"
        await tx.schedule("expire", key=key, workspace=workspace, cause=cause, at=expires)
    tx.after_commit.append(lambda: _tell(counts))


def tally(
    examined: Sequence[Examined],
) -> tuple[Counter[store.Count], Mapping[tuple[str, str], Counter[str]]]:
    """Counts by workspace, what and detail; and outcomes by workspace and source."""
    counts: Counter[store.Count] = Counter()
    sources: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for event, kept, verdict in examined:
        outcome = "rejected" if verdict.reasons else "accepted"
        sources[event.workspace, kept.named][outcome] += 1
        counts[event.workspace, "submitted", event.topic] += 1
        counts[event.workspace, outcome, event.topic] += 1
        counts.update({(event.workspace, "masked", kind): n for kind, n in kept.masked.items()})
        counts.update((event.workspace, "reason", code) for code in {reason.code for reason in verdict.reasons})
    return counts, sources


def _tell(counts: Counter[store.Count]) -> None:
    for (_, what, detail), n in counts.items():
        if what in ("accepted", "rejected"):
            metrics.RECORDS.labels(detail, what).inc(n)
        elif what == "masked":
            metrics.MASKED.labels(detail).inc(n)
        elif what == "reason":
            metrics.REASONS.labels(detail).inc(n)
