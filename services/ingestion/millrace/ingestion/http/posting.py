"""Events that came by HTTP, taken in groups that share a commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from millrace.chassis import Transaction
from millrace.events import Event, Reason
from millrace.ingestion import store
from millrace.ingestion.taking import DOCUMENTS, OBSERVATIONS, Rules, take

EMITS = (*DOCUMENTS, *OBSERVATIONS)
Outcome = Literal["accepted", "repeated", "rejected", "unknown_workspace", "unreadable"]
STATUS: dict[Outcome, int] = {
    "accepted": 202,
    "repeated": 202,
    "rejected": 422,
    "unknown_workspace": 404,
    "unreadable": 400,
}


class Record(BaseModel):
    """What became of one event of a request."""

    id: str | None
    outcome: Outcome
    event_id: UUID | None = None
    reasons: list[Reason] = []


@dataclass
class Posted:
    """The events of one request on their way through a group's commit; `records` has what became of each."""

    events: Sequence[Event]
    records: dict[UUID, Record] = field(default_factory=dict)


def write(rules: Rules) -> Callable[[Sequence[Posted], Transaction], Awaitable[None]]:
    async def written(group: Sequence[Posted], tx: Transaction) -> None:
        events: dict[UUID, Event] = {}
        for event in (event for posted in group for event in posted.events):
            events.setdefault(event.id, event)
        fresh = await _fresh(list(events.values()), tx)
        reasons = await take(fresh, tx, rules)
        before = await store.rejections(tx, events.keys() - reasons.keys())
        refused = {event.id for event, _ in tx.refused}
        for posted in group:
            for event in posted.events:
                posted.records[event.id] = _record(event, reasons, before, refused)

    return written


async def _fresh(events: Sequence[Event], tx: Transaction) -> list[Event]:
    """Events that neither way in has seen; the inbox is the one of the topic's handler."""
    by_topic: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_topic[event.topic].append(event)
    new: set[UUID] = set()
    for topic, members in sorted(by_topic.items()):
        handler = "on_" + topic.removesuffix(".v1").replace(".", "_")
        new |= await store.remember(tx, handler, members)
    return [event for event in events if event.id in new]


def _record(
    event: Event,
    reasons: dict[UUID, tuple[Reason, ...]],
    before: dict[UUID, list[Reason]],
    refused: set[UUID],
) -> Record:
    told = reasons.get(event.id) or before.get(event.id)
    if told:
        return Record(id=None, outcome="rejected", event_id=event.id, reasons=list(told))
    if event.id in refused:
        return Record(id=None, outcome="unknown_workspace", event_id=event.id)
    return Record(id=None, outcome="accepted" if event.id in reasons else "repeated", event_id=event.id)
