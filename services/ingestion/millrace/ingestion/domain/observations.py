"""A submitted observation, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from millrace.events import ObservationSubmitted, Reason
from millrace.ingestion.domain.documents import FUTURE, LONGEST_NAME, LONGEST_VALUE, Mask, Verdict, personal
from millrace.ingestion.domain.quality import of_values
from millrace.ingestion.domain.texts import cleaned
from millrace.privacy import entity_name, pseudonymous
from millrace.workspace import Events, Workspace, stable_lane

MOST_VALUES = 500


@dataclass(frozen=True)
class Measurement:
    """What rules ask of an observation as it came: lengths in characters."""

    source: int
    entity: int
    values: int
    longest_text: int


@dataclass(frozen=True)
class Observation:
    """An observation as it may be kept: masked. What is too long is cut, and `came` tells."""

    lane: int
    source: str
    entity: str
    values: dict[str, float | str | None]
    masked: dict[str, int]
    occurred_at: datetime
    came: Measurement
    subject: str | None = None
    """The pseudonym by which the entity is forgotten, should it be a person."""
    known_since: datetime | None = None
    """Since when its source says that it knows."""

    @property
    def named(self) -> str:
        """The source's name where records are counted by it."""
        return self.source[:LONGEST_NAME] or "unnamed"


def masked_observation(event: ObservationSubmitted, lanes: int, *, key: bytes, mask: Mask) -> Observation:
    """What may be kept of an observation, whatever its workspace has against it. `key` is the workspace's."""
    source = mask(event.source, LONGEST_NAME)
    values = {
        mask(name, LONGEST_VALUE): mask(value, LONGEST_VALUE) if isinstance(value, str) else value
        for name, value in islice(event.values.items(), MOST_VALUES)
    }
    entity = entity_name(cleaned(event.entity[: LONGEST_NAME + 1]), key, mask.policy)
    texts = (text for pair in event.values.items() for text in pair if isinstance(text, str))
    return Observation(
        lane=stable_lane(event.entity, lanes),
        source=source,
        entity=entity,
        values=values,
        masked=dict(mask.counts),
        occurred_at=event.occurred_at,
        came=Measurement(
            source=len(event.source.strip()),
            entity=len(cleaned(event.entity)),
            values=len(event.values),
            longest_text=max(map(len, texts), default=0),
        ),
        subject=pseudonymous(entity, key),
        known_since=event.known_since,
    )


def judged_observation(observation: Observation, workspace: Workspace, *, now: datetime) -> Verdict:
    """What a workspace has against an observation: all of it."""
    about = _about(observation, observation.source in workspace.data.retired, now)
    return Verdict(
        (
            *about,
            *_claimed(observation, workspace, now),
            *personal(observation.masked, workspace),
            *of_values(observation.values, workspace.data.quality),
        )
    )


def _claimed(observation: Observation, workspace: Workspace, now: datetime) -> Iterator[Reason]:
    """Against what it says of since when it was known: only sources of history may say so."""
    since, source = observation.known_since, workspace.sources.get(observation.source)
    if since is None:
        return
    if not (isinstance(source, Events) and source.history):
        expected = "nothing, but from a source that is declared with history: true"
        yield Reason(code="history", field="known_since", expected=expected)
    if since > now + FUTURE:
        yield Reason(code="known_since", field="known_since", expected="a time that has come")
    if since < observation.occurred_at - FUTURE:
        expected = "a time at which it had happened: no earlier than a day before the event's time"
        yield Reason(code="known_since", field="known_since", expected=expected)


def _about(observation: Observation, retired: bool, now: datetime) -> list[Reason]:
    came = observation.came
    name = f"a name of 1 to {LONGEST_NAME} characters"
    checks = (
        (not observation.source or came.source > LONGEST_NAME, "source", "source", name),
        (retired, "retired_source", "source", "a source that is not retired"),
        (not 0 < came.entity <= LONGEST_NAME, "entity", "entity", name),
        (not came.values, "empty", "values", "at least one value"),
        (came.values > MOST_VALUES, "values", "values", f"at most {MOST_VALUES} values"),
        (came.longest_text > LONGEST_VALUE, "values", "values", f"texts of at most {LONGEST_VALUE}"),
        (observation.occurred_at > now + FUTURE, "future", "time", "a time that has come"),
    )
    return [Reason(code=code, field=field, expected=expected) for wrong, code, field, expected in checks if wrong]
