"""What every event carries beside its own fields, and where the two meet."""

import re
from datetime import datetime
from hashlib import sha1
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Retention = Literal["intake", "traffic", "ledger", "table"]


class Position(NamedTuple):
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


class Envelope(NamedTuple):
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


def derived(cause: UUID, name: str) -> UUID:
    """uuid5(cause, name), of the cause's class: the chassis has one that is made and printed several times faster."""
    digest = bytearray(sha1(cause.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50  # version 5
    digest[8] = digest[8] & 0x3F | 0x80  # of RFC 4122
    return type(cause)(digest.hex())


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
    people: ClassVar[tuple[str, ...]] = ()
    """The fields that may name a person who can be forgotten."""
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
        # in the instance's dict and not a private attribute of pydantic's: those cost a microsecond and more a read;
        # the properties below read it there themselves: each is read several times an event
        envelope: Envelope = self.__dict__["_envelope"]
        return envelope

    @property
    def id(self) -> UUID:
        envelope: Envelope = self.__dict__["_envelope"]
        return envelope.id

    @property
    def occurred_at(self) -> datetime:
        envelope: Envelope = self.__dict__["_envelope"]
        return envelope.occurred_at

    @property
    def known_at(self) -> datetime:
        envelope: Envelope = self.__dict__["_envelope"]
        return envelope.known_at

    @property
    def cycle_id(self) -> UUID | None:
        envelope: Envelope = self.__dict__["_envelope"]
        return envelope.cycle_id

    @property
    def traceparent(self) -> str | None:
        envelope: Envelope = self.__dict__["_envelope"]
        return envelope.traceparent

    @classmethod
    def create(cls, envelope: Envelope, **fields: Any) -> Self:
        """An event with the given envelope. Raises TypeError on a field the event does not have."""
        return cls._made(fields).within(envelope)

    @classmethod
    def _made(cls, fields: dict[str, Any]) -> Self:
        if not cls._names.issuperset(fields):
            raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(fields.keys() - cls._names))}")
        event: Self = cls.__pydantic_validator__.validate_python(fields)
        return event

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
        event = cls._made(fields)
        about = cause.envelope if isinstance(cause, Event) else cause
        known = about.known_at
        occurred = occurred_at or about.occurred_at
        return event.within(
            Envelope(  # by position, which costs half: every emitted event has one
                derived(about.id, f"{cls.topic}|{event.key}|{ordinal}"),
                "",
                occurred,
                occurred if occurred >= known else known,
                about.id,
                cycle_id or about.cycle_id,
                traceparent or about.traceparent,
            )
        )

    @classmethod
    def parse(cls, envelope: Envelope, body: bytes) -> Self:
        """The event in a record's body. Raises pydantic.ValidationError."""
        event: Self = cls.__pydantic_validator__.validate_json(body)
        return event.within(envelope)

    def within(self, envelope: Envelope) -> Self:
        self.__dict__["_envelope"] = envelope
        return self

    def body(self) -> bytes:
        """The fields as JSON, absent ones left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)
