"""Causes that are not events: a job's step, a person's command."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from opentelemetry import trace

from millrace.chassis import telemetry, wire


@dataclass(frozen=True, slots=True)
class Step:
    """What an event can follow from."""

    id: UUID
    occurred_at: datetime
    known_at: datetime
    cycle_id: UUID | None = None
    traceparent: str | None = None


def traceparent() -> str | None:
    """The header that carries on from here: what a request's events need, which are committed in another task."""
    return telemetry.traceparent_of(trace.get_current_span())


def command(*, now: datetime, key: str | None = None, cycle_id: UUID | None = None) -> Step:
    """The cause of what an HTTP call emits. With an idempotency key the same call gives the same ids."""
    identity = uuid5(wire.FOREIGN, f"command|{key}") if key else uuid4()
    return Step(identity, now, now, cycle_id, traceparent())
