"""A submitted observation, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from millrace.events import ObservationSubmitted, Reason
from millrace.ingestion.domain.documents import FUTURE, LONGEST_NAME, LONGEST_VALUE, Mask
from millrace.ingestion.domain.texts import cleaned
from millrace.privacy import derived_key
from millrace.privacy.entities import entity_name
from millrace.workspace import Workspace, stable_lane

MOST_VALUES = 500


@dataclass(frozen=True)
class Observation:
    """An observation, masked; to be accepted when there are no reasons against it."""

    lane: int
    source: str
    entity: str
    values: dict[str, float | str | None]
    masked: dict[str, int]
    reasons: tuple[Reason, ...]


def examine_observation(
    event: ObservationSubmitted, workspace: Workspace, *, secret: str, now: datetime
) -> Observation:
    """Mask an observation and say what the workspace has against it."""
    masked = Mask()
    source = masked(event.source, LONGEST_NAME)
    values = {
        masked(key, LONGEST_VALUE): masked(value, LONGEST_VALUE) if isinstance(value, str) else value
        for key, value in islice(event.values.items(), MOST_VALUES)
    }
    return Observation(
        lane=stable_lane(event.entity, workspace.lanes),
        source=source[:LONGEST_NAME] or "unnamed",
        entity=entity_name(cleaned(event.entity[: LONGEST_NAME + 1]), derived_key(secret, workspace.workspace)),
        values=values,
        masked=dict(masked.counts),
        reasons=tuple(_about(event, source, source in workspace.data.retired, now)),
    )


def _about(event: ObservationSubmitted, source: str, retired: bool, now: datetime) -> list[Reason]:
    texts = (text for pair in event.values.items() for text in pair if isinstance(text, str))
    name = f"a name of 1 to {LONGEST_NAME} characters"
    checks = (
        (not source or len(event.source.strip()) > LONGEST_NAME, "source", "source", name),
        (retired, "retired_source", "source", "a source that is not retired"),
        (not 0 < len(cleaned(event.entity)) <= LONGEST_NAME, "entity", "entity", name),
        (not event.values, "empty", "values", "at least one value"),
        (len(event.values) > MOST_VALUES, "values", "values", f"at most {MOST_VALUES} values"),
        (max(map(len, texts), default=0) > LONGEST_VALUE, "values", "values", f"texts of at most {LONGEST_VALUE}"),
        (event.occurred_at > now + FUTURE, "future", "time", "a time that has come"),
    )
    return [Reason(code=code, field=field, expected=expected) for wrong, code, field, expected in checks if wrong]
