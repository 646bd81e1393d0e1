"""CloudEvents 1.0 in Kafka's binary mode: `ce_*` headers and a JSON body.

The parser is tolerant of what products in other languages and tracing agents send (null and non-UTF-8 headers,
absent attributes) and strict about what it uses: a header that matters and can't be read is named.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import UUID, uuid5

from asyncpg.pgproto import pgproto  # its UUID is uuid.UUID in C: parses and prints some six times faster
from pydantic import ValidationError

from millrace.chassis.errors import Malformed
from millrace.events import Envelope, Event, Position
from millrace.workspace.expected import expected

E = TypeVar("E", bound=Event)

FOREIGN = UUID("6f0e7d8a-5b0c-5a39-9a54-2f1f6f9b7c11")
"""Namespace for ids that are not UUIDs, and for records without one."""

DATA_REFERENCE = "ce_dataref"
"""Header that names the blob of a body too large for Kafka (the CloudEvents dataref extension)."""


class Record(Protocol):
    """What is used of aiokafka's ConsumerRecord. `timestamp` is in milliseconds since 1970."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class Received:
    """A record as Kafka gave it: used where no consumer is."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


WANTED = frozenset(
    {"ce_id", "ce_source", "ce_type", "ce_time", "ce_knownat", "ce_causeid", "ce_cycleid", "traceparent"}
)


def wanted(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """The headers that an envelope is made of, as text. Raises Malformed where one is not UTF-8."""
    found = {}
    for name, value in headers:
        if value is not None and name in WANTED:
            try:
                found[name] = value.decode()
            except UnicodeDecodeError as error:
                raise Malformed(name, "UTF-8") from error
    return found


def time(headers: Mapping[str, str], name: str) -> datetime | None:
    value = headers.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise Malformed(name, "an RFC 3339 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def identity(value: str | None, name: str) -> UUID | None:
    if not value:
        return None
    try:
        return pgproto.UUID(value)
    except ValueError as error:
        raise Malformed(name, "a UUID") from error


def event_id(given: str | None, source: str, fallback: str) -> UUID:
    """CloudEvents ids are any text, unique within a source; ours are UUIDs."""
    if not given:
        return uuid5(FOREIGN, fallback)
    try:
        return pgproto.UUID(given)
    except ValueError:
        return uuid5(FOREIGN, f"{source}|{given}")


def envelope(record: Record) -> Envelope:
    """The envelope of a record. Raises Malformed."""
    headers = wanted(record.headers)
    source = headers.get("ce_source", "")
    kind = headers.get("ce_type", record.topic)
    if kind != record.topic:
        raise Malformed("ce_type", f"{record.topic!r}, the topic's own type, not {kind!r}")
    occurred_at = known_at = time(headers, "ce_time")
    if headers.get("ce_knownat") != headers.get("ce_time"):
        known_at = time(headers, "ce_knownat")
    if occurred_at is None or known_at is None:
        arrived = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        occurred_at, known_at = occurred_at or arrived, known_at or arrived
    given = headers.get("ce_id")
    return Envelope(  # by position, which costs half
        event_id(given, source, "" if given else f"{record.topic}/{record.partition}/{record.offset}"),
        source,
        occurred_at,
        known_at,
        identity(headers.get("ce_causeid"), "ce_causeid"),
        identity(headers.get("ce_cycleid"), "ce_cycleid"),
        headers.get("traceparent"),
        Position(record.topic, record.partition, record.offset),
    )


def decode(event: type[E], record: Record) -> E:
    """The event in a record. Raises Malformed that names the first field at fault."""
    known = envelope(record)
    try:
        return event.parse(known, record.value or b"")
    except ValidationError as error:
        raise malformed(error) from error


def malformed(error: ValidationError) -> Malformed:
    """The first problem of a pydantic error, without the input: it may be a person's text."""
    first = error.errors(include_url=False, include_input=False)[0]
    return Malformed(".".join(map(str, first["loc"])) or "body", expected(first))


def headers_of(event: Event, source: str, traceparent: str | None) -> dict[str, str]:
    """The headers that an event travels with."""
    about = event.envelope
    occurred_at = about.occurred_at.isoformat()
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(about.id),
        "ce_source": about.source or source,
        "ce_type": event.topic,
        "ce_time": occurred_at,
        "ce_knownat": occurred_at if about.known_at is about.occurred_at else about.known_at.isoformat(),
        "content-type": "application/json",
    }
    if about.cause_id:
        headers["ce_causeid"] = str(about.cause_id)
    if about.cycle_id:
        headers["ce_cycleid"] = str(about.cycle_id)
    if traceparent:
        headers["traceparent"] = traceparent
    return headers


def to_kafka(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in headers.items()]


def printable(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """Headers as JSON that can be read back: bytes that are not UTF-8 are kept as surrogates, null as null."""
    return json.dumps(
        [[name, None if value is None else value.decode("utf-8", "surrogateescape")] for name, value in headers]
    )


def from_printable(headers: str) -> list[tuple[str, bytes | None]]:
    return [
        (name, None if value is None else value.encode("utf-8", "surrogateescape"))
        for name, value in json.loads(headers)
    ]
