"""What every event carries beside its own fields, and where the two meet."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Protocol, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

Retention = Literal["intake", "traffic", "ledger", "table"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


class Cause(Protocol):
    """What an event can follow from: another event, a step of a job, an idempotency key."""

    @property
    def id(self) -> UUID: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def known_at(self) -> datetime: ...
    @property
    def cycle_id(self) -> UUID | None: ...
    @property
    def traceparent(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """The CloudEvents attributes of an event.

    `occurred_at` is when the fact was true in the world, `known_at` when Millrace first durably knew it. Both are
    aware UTC times. `cause_id` is the id of what the event follows from; `cycle_id` the retraining cycle it belongs to.
    """

    id: UUID
    source: str
    occurred_at: datetime
    known_at: datetime
    cause_id: UUID | None = None
    cycle_id: UUID | None = None
    traceparent: str | None = None
    position: Position | None = None


UNMADE = Envelope(UUID(int=0), "", datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))


class Event(BaseModel):
    """A fact on a topic. The fields are the body; the envelope travels in headers.

    The topic is derived from the class's name (`DocumentKept` is `document.kept.v1`). Readers ignore unknown fields;
    `create` and `caused_by`, which emitters use, refuse them with a TypeError.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    topic: ClassVar[str]
    retention: ClassVar[Retention] = "ledger"
    """intake (raw, 72 hours), traffic (masked, 7 days), ledger (kept, never a person's text), table (compacted)."""
    by_topic: ClassVar[dict[str, type["Event"]]] = {}
    laned: ClassVar[bool] = False
    """Whether the event has a lane, which is then part of its key."""
    _names: ClassVar[frozenset[str]]

    workspace: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.topic = ".".join(re.findall(r"[A-Z][a-z]+", cls.__name__)).lower() + ".v1"
        Event.by_topic[cls.topic] = cls

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.laned = "lane" in cls.model_fields
        cls._names = frozenset(cls.model_fields)

    @property
    def key(self) -> str:
        """The record's key: order is kept per key. The workspace, or workspace/lane for an event with a lane."""
        return f"{self.workspace}/{self.__dict__['lane']}" if self.laned else self.workspace

    @property
    def envelope(self) -> Envelope:
        # in the instance's dict and not a private attribute of pydantic's: those cost a microsecond and more a read
        envelope: Envelope = self.__dict__["_envelope"]
        return envelope

    @property
    def id(self) -> UUID:
        return self.envelope.id

    @property
    def occurred_at(self) -> datetime:
        return self.envelope.occurred_at

    @property
    def known_at(self) -> datetime:
        return self.envelope.known_at

    @property
    def cycle_id(self) -> UUID | None:
        return self.envelope.cycle_id

    @property
    def traceparent(self) -> str | None:
        return self.envelope.traceparent

    @classmethod
    def create(cls, envelope: Envelope, **fields: Any) -> Self:
        """An event with the given envelope. Raises TypeError on a field the event does not have."""
        if unknown := fields.keys() - cls._names:
            raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
        return cls(**fields).within(envelope)

    @classmethod
    def caused_by(
        cls,
        cause: Cause,
        *,
        ordinal: int = 0,
        occurred_at: datetime | None = None,
        cycle_id: UUID | None = None,
        traceparent: str | None = None,
        **fields: Any,
    ) -> Self:
        """The event that follows from `cause`: its id is uuid5(cause, topic, key, ordinal), so a replay makes it again.

        Count `ordinal` up when one cause gives several events of one topic and key. Times, cycle and trace are the
        cause's unless given.
        """
        event = cls.create(UNMADE, **fields)
        occurred = occurred_at or cause.occurred_at
        return event.within(
            Envelope(
                id=uuid5(cause.id, f"{cls.topic}|{event.key}|{ordinal}"),
                source="",
                occurred_at=occurred,
                known_at=occurred if occurred >= cause.known_at else cause.known_at,
                cause_id=cause.id,
                cycle_id=cycle_id or cause.cycle_id,
                traceparent=traceparent or cause.traceparent,
            )
        )

    @classmethod
    def parse(cls, envelope: Envelope, body: bytes) -> Self:
        """The event in a record's body. Raises pydantic.ValidationError."""
        return cls.model_validate_json(body).within(envelope)

    def within(self, envelope: Envelope) -> Self:
        self.__dict__["_envelope"] = envelope
        return self

    def body(self) -> bytes:
        """The fields as JSON, absent ones left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)
