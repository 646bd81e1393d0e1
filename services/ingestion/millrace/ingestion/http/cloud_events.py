"""CloudEvents 1.0 over HTTP: binary, structured and batch mode, each record judged on its own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError
from pydantic_core import from_json

from millrace.chassis import wire
from millrace.chassis.errors import Unprocessable
from millrace.events import DocumentSubmitted, Envelope, Event, InteractionLogged, ObservationSubmitted, Reason
from millrace.workspace.expected import expected
from millrace.workspace.problems import nearest

TYPES: Mapping[str, type[Event]] = {
    event.topic: event for event in (DocumentSubmitted, InteractionLogged, ObservationSubmitted)
}
_ATTRIBUTES = ("specversion", "id", "source", "type")


class Unreadable(Unprocessable):
    """The request holds no CloudEvents; the message says what was expected."""


@dataclass(frozen=True)
class Given:
    """One record of a request: its event, or the reasons why there is none."""

    id: str | None
    event: Event | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Came:
    """When a request came, and the trace that it belongs to."""

    at: datetime
    traceparent: str | None


def parse(
    headers: Mapping[str, str], body: bytes, *, now: datetime, most: int, traceparent: str | None = None
) -> list[Given]:
    """The records of a request, below the request's `traceparent` where they name no other.

    Raises Unreadable where it is none of the three modes, or holds more than `most`.
    """
    came = Came(now, traceparent)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/cloudevents-batch+json":
        found = _json(body)
        if not isinstance(found, list):
            raise Unreadable("expected a JSON array of CloudEvents")
        if len(found) > most:
            raise Unreadable(f"expected at most {most} events in a batch, not {len(found)}")
        return [_record(one, came) for one in found]
    if kind == "application/cloudevents+json":
        return [_record(_json(body), came)]
    if "ce-specversion" in headers:
        if kind not in ("application/json", ""):
            raise Unreadable(f"expected content type application/json, not {kind!r}")
        return [_record({**_attributes(headers), "data": _json(body)}, came)]
    raise Unreadable(
        "expected content type application/cloudevents+json or application/cloudevents-batch+json, or ce-* headers"
    )


def _json(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(f"expected JSON: {str(error)[:200]}") from error


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    return {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}


def _record(given: Any, came: Came) -> Given:
    if not isinstance(given, dict):
        return Given(None, reasons=(_reason("envelope", "record", "a CloudEvent, which is a JSON object"),))
    own_id = given.get("id") if isinstance(given.get("id"), str) else None
    wrong = tuple(_wrong(given))
    if wrong:
        return Given(own_id, reasons=wrong)
    try:
        data = _data(given)
        event = TYPES[_topic(given["type"])].model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        return Given(own_id, reasons=tuple(_reason("invalid", _dotted(one["loc"]), expected(one)) for one in problems))
    except (ValueError, binascii.Error):
        return Given(own_id, reasons=(_reason("invalid", "data", "JSON, or JSON in base64 as data_base64"),))
    return Given(own_id, event.within(_envelope(given, came)))


def _wrong(given: Mapping[str, Any]) -> Iterator[Reason]:
    for name in _ATTRIBUTES:
        value = given.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= 1000:
            yield _reason("envelope", name, "this attribute of CloudEvents, a text of 1 to 1000 characters")
    if isinstance(given.get("specversion"), str) and given["specversion"] != "1.0":
        yield _reason("envelope", "specversion", "1.0")
    kind = given.get("type")
    if isinstance(kind, str) and _topic(kind) not in TYPES:
        hint = nearest(kind, TYPES)
        yield _reason("type", "type", f"one of {', '.join(TYPES)}" + (f"; did you mean {hint}?" if hint else ""))
    if given.get("time") is not None and _time(given["time"]) is None:
        yield _reason("envelope", "time", "an RFC 3339 time")
    if given.get("traceparent") is not None and not isinstance(given["traceparent"], str):
        yield _reason("envelope", "traceparent", "a text")


def _topic(kind: str) -> str:
    return kind if kind.endswith(".v1") else f"{kind}.v1"


def _time(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _data(given: Mapping[str, Any]) -> Any:
    if "data_base64" in given:
        return from_json(base64.b64decode(str(given["data_base64"]), validate=True), allow_inf_nan=False)
    return given.get("data")


def _envelope(given: Mapping[str, Any], came: Came) -> Envelope:
    return Envelope(
        id=wire.event_id(given["id"], given["source"], ""),
        source=given["source"],
        occurred_at=_time(given.get("time")) or came.at,
        known_at=came.at,
        traceparent=given.get("traceparent") or came.traceparent,
    )


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, loc)) or "data"


def _reason(code: str, field: str, expected: str) -> Reason:
    return Reason(code=code, field=field[:200], expected=expected)
