"""CloudEvents in the three HTTP modes; each record is judged on its own."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from millrace.events import DocumentSubmitted
from millrace.ingestion.http.cloud_events import Given, Unreadable, parse

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
DATA = {"workspace": "parcels", "source": "crm", "text": "Where is my parcel?"}
EVENT = {"specversion": "1.0", "id": "a-1", "source": "crm", "type": "document.submitted.v1", "data": DATA}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def one(body: Any, headers: dict[str, str] = STRUCTURED) -> Given:
    (given,) = parse(headers, json.dumps(body).encode(), now=NOW, most=10)
    return given


def test_the_three_modes_say_the_same() -> None:
    structured = one(EVENT)
    (batched,) = parse(BATCH, json.dumps([EVENT]).encode(), now=NOW, most=10)
    headers = {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "a-1", "ce-source": "crm"}
    binary = one(DATA, {**headers, "ce-type": "document.submitted.v1"})
    in_base64 = one({**EVENT, "data": None, "data_base64": base64.b64encode(json.dumps(DATA).encode()).decode()})
    events = [given.event for given in (structured, batched, binary, in_base64)]
    assert all(isinstance(event, DocumentSubmitted) and event.text == DATA["text"] for event in events)
    assert len({event.id for event in events if event}) == 1


def test_times_are_utc_and_the_servers_where_absent() -> None:
    event = one({**EVENT, "time": "2026-01-05T10:00:00+02:00"}).event
    assert event is not None
    assert event.occurred_at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    absent = one(EVENT).event
    assert absent is not None
    assert (absent.occurred_at, absent.known_at) == (NOW, NOW)


def test_a_record_is_in_the_trace_that_it_names_else_in_the_requests() -> None:
    own, requests = "00-" + "1" * 32 + "-" + "1" * 16 + "-01", "00-" + "2" * 32 + "-" + "2" * 16 + "-01"
    body = json.dumps([EVENT, {**EVENT, "traceparent": own}]).encode()
    given = parse(BATCH, body, now=NOW, most=10, traceparent=requests)
    assert [one.event.traceparent for one in given if one.event] == [requests, own]


def test_ids_are_unique_within_a_source() -> None:
    ids = {given.event.id for given in (one(EVENT), one({**EVENT, "source": "mail"})) if given.event}
    assert len(ids) == 2


def test_a_percent_encoded_header_is_decoded() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "a%20%C3%A9", "ce-source": "crm", "ce-type": "document.submitted"}
    assert one(DATA, headers).id == "a é"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": "x" * 1001}, "id"),
        ({"source": None}, "source"),
        ({"specversion": "0.3"}, "specversion"),
        ({"time": "yesterday"}, "time"),
        ({"time": 5}, "time"),
        ({"type": "feedback.given.v1"}, "type"),
        ({"traceparent": 1}, "traceparent"),
        ({"data": None}, "data"),
        ({"data": []}, "data"),
        ({"data": {**DATA, "text": 5}}, "text"),
        ({"data": {"workspace": "parcels", "source": "crm"}}, "text"),
        ({"data": {**DATA, "source": ""}}, "source"),
        ({"data_base64": "!!"}, "data"),
        ({"data_base64": "AAAA"}, "data"),
    ],
)
def test_a_bad_record_has_its_reason(change: dict[str, Any], field: str) -> None:
    given = one({**EVENT, **change})
    assert given.event is None
    assert [reason.field for reason in given.reasons] == [field]


def test_a_type_with_a_slip_names_the_nearest() -> None:
    assert "did you mean document.submitted.v1?" in one({**EVENT, "type": "document.submited"}).reasons[0].expected


def test_a_reason_never_repeats_the_text() -> None:
    given = one({**EVENT, "data": {**DATA, "metadata": {"k": ["joe@example.com"]}}})
    assert given.reasons
    assert "joe" not in repr(given.reasons)


def test_a_batch_judges_each_record_alone() -> None:
    body = [EVENT, 5, {**EVENT, "id": None}, {**EVENT, "id": "a-2"}]
    found = parse(BATCH, json.dumps(body).encode(), now=NOW, most=10)
    assert [given.event is not None for given in found] == [True, False, False, True]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (STRUCTURED, b"{"),
        (STRUCTURED, b""),
        (STRUCTURED, b'{"a": NaN}'),
        (STRUCTURED, b'"\\ud800"'),
        (STRUCTURED, b"\xff\xfe"),
        (STRUCTURED, b"[" * 100_000),
        (BATCH, b"{}"),
        (BATCH, b"[" + b"1," * 10 + b"1]"),
        ({"content-type": "text/plain"}, b"{}"),
        ({}, b"{}"),
        ({"ce-specversion": "1.0", "content-type": "application/avro"}, b"{}"),
    ],
)
def test_what_holds_no_events_is_unreadable(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unreadable, match="expected"):
        parse(headers, body, now=NOW, most=10)
