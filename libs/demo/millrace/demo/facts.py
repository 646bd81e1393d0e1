"""What was seen to happen: events from the topics, and what customers met. Only ever added to."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from millrace.events import (
    DocumentAccepted,
    DocumentDuplicated,
    DocumentKept,
    DocumentRejected,
    Event,
    FeedbackRecorded,
    ModelStaged,
    PredictionServed,
)

E = TypeVar("E", bound=Event)
WINDOW = 200
"""Live labels that one accuracy is taken over."""
SUBMITTED = "document.submitted.v1"


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a customer. `right` is known where it was labelled; `version` is None for one that failed."""

    at: datetime
    version: str | None
    arm: str | None = None
    probability: float = 0.0
    latency_ms: float = 0.0
    right: bool | None = None
    failure: str = ""


@dataclass
class Facts:
    """`ledger` in the order of arrival; what is too many to keep is counted."""

    ledger: list[Event] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    sorted_out: Counter[str] = field(default_factory=Counter)
    """Documents kept, matched or rejected, by source."""
    reasons: Counter[str] = field(default_factory=Counter)
    masks: Counter[str] = field(default_factory=Counter)
    published: int = 0
    given: Counter[str] = field(default_factory=Counter)
    untaken: Counter[str] = field(default_factory=Counter)
    """Feedback that was refused or did not get out, by why."""
    unread: Counter[str] = field(default_factory=Counter)
    """Records that could not be read, by topic and why."""
    shift: datetime | None = None
    seen: set[UUID] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """A repeat of an event (a relay may publish one twice) counts once."""
        if event.id in self.seen:
            return
        self.seen.add(event.id)
        match event:
            case DocumentAccepted() if event.origin.topic == SUBMITTED:
                self.counts["accepted"] += 1
                self.counts["masked"] += bool(event.masked)
                self.masks.update(event.masked)
            case DocumentRejected():
                self.counts["rejected"] += 1
                self.sorted_out[event.source] += 1
                self.reasons.update(reason.code for reason in event.reasons[:1])
            case DocumentKept():
                self.counts["kept" if event.feedback_id is None else "kept from feedback"] += 1
                self.sorted_out[event.source] += 1
            case DocumentDuplicated():
                self.counts["duplicated"] += 1
                self.sorted_out[event.source] += 1
                self.counts[f"duplicated {event.kind}"] += 1
            case PredictionServed():
                self.counts["predictions"] += 1
                self.counts[f"predictions {event.arm}"] += 1
            case FeedbackRecorded():
                self.counts["feedback"] += 1
            case DocumentAccepted():
                pass
            case _:
                self.ledger.append(event)

    def of(self, kind: type[E], where: Callable[[E], bool] = lambda event: True) -> list[E]:
        return [event for event in self.ledger if isinstance(event, kind) and where(event)]

    def first(self, kind: type[E], where: Callable[[E], bool] = lambda event: True) -> E | None:
        return next(iter(self.of(kind, where)), None)

    def cycle(self, kind: type[E], cycle: UUID | None) -> list[E]:
        """The events of a cycle; none of no cycle."""
        return [] if cycle is None else self.of(kind, lambda event: event.cycle_id == cycle)

    def end(self, cycle: UUID | None) -> ModelStaged | None:
        """The stage that closed a cycle."""
        return next((staged for staged in self.cycle(ModelStaged, cycle) if staged.final), None)

    @property
    def failed(self) -> int:
        return sum(call.version is None for call in self.calls)

    @property
    def failures(self) -> Counter[str]:
        """What failed calls met, by message."""
        return Counter(call.failure for call in self.calls if call.version is None)

    def labelled(self, where: Callable[[Call], bool] = lambda call: True) -> list[Call]:
        return [call for call in self.calls if call.right is not None and where(call)]


def accuracy(calls: Iterable[Call]) -> float | None:
    """The share that was right; None of none."""
    rights = [bool(call.right) for call in calls if call.right is not None]
    return sum(rights) / len(rights) if rights else None


def sliding(calls: Iterable[Call], window: int = WINDOW) -> list[float]:
    """The accuracy over each run of `window` labelled calls, in their order; empty where there are fewer."""
    rights = [bool(call.right) for call in calls if call.right is not None]
    if len(rights) < window:
        return []
    total = sum(rights[:window])
    found = [total / window]
    for entering, leaving in zip(rights[window:], rights, strict=False):
        total += entering - leaving
        found.append(total / window)
    return found
