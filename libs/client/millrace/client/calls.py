"""Requests and what their answers mean, without any input or output: both clients share this."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from millrace.client.errors import NotFound, Refused
from millrace.client.events import Event

BATCH = "application/cloudevents-batch+json"
MOST_EVENTS, MOST_BYTES = 500, 4 * 1024 * 1024
"""Events in one request, and their bytes; what is more is sent in several, and a larger event alone."""
TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services listen. `Services.at(url)` is for a gateway before all of them."""

    ingestion: str
    serving: str
    feedback: str

    @classmethod
    def at(cls, url: str) -> "Services":
        return cls(url, url, url)


@dataclass(frozen=True, slots=True)
class Call:
    """A POST that may be repeated: every id in its body is fixed here. `ids` are those of the events in it."""

    url: str
    content: bytes
    content_type: str = "application/json"
    ids: tuple[str, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        return {"content-type": self.content_type}


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer. `arm` is production or canary; `scores` are probabilities by label."""

    workspace: str
    request_id: str
    prediction_id: str
    version: str
    arm: str
    label: str
    probability: float
    scores: Mapping[str, float]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Prediction":
        return cls(**{name: body[name] for name in cls.__dataclass_fields__ if name != "scores"}, scores=body["scores"])


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that was found: characters `start` to `stop` of it. `scores` are by ranking."""

    document_id: str
    source: str
    language: str | None
    metadata: Mapping[str, str]
    chunk: int
    start: int
    stop: int
    text: str
    score: float
    scores: Mapping[str, float]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Passage":
        return cls(**{name: body[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one event. `outcome` is accepted, repeated (it was already taken), rejected, unreadable or
    unknown_workspace; `reasons` are of what was refused, each with code, field and expected."""

    id: str
    outcome: str
    reasons: Sequence[Mapping[str, str]] = ()

    @property
    def taken(self) -> bool:
        return self.outcome in ("accepted", "repeated")


def publishing(base: str, events: Sequence[Event]) -> list[Call]:
    """Raises ValueError for an event that JSON has no words for."""
    url = f"{base.rstrip('/')}/v1/events"
    return [
        Call(url, b"[" + b",".join(bodies) + b"]", BATCH, tuple(ids))
        for ids, bodies in _batches([(event.id, encoded(event)) for event in events])
    ]


def encoded(event: Event) -> bytes:
    """Raises ValueError that names the event, for NaN and for what is neither text, number, list nor mapping."""
    try:
        return _json(event.structured())
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"event {event.id} can't be written as JSON: {error}") from error


def _batches(events: Sequence[tuple[str, bytes]]) -> Iterator[tuple[list[str], list[bytes]]]:
    ids: list[str] = []
    bodies: list[bytes] = []
    size = 0
    for id, body in events:
        if bodies and (len(bodies) == MOST_EVENTS or size + len(body) > MOST_BYTES):
            yield ids, bodies
            ids, bodies, size = [], [], 0
        ids.append(id)
        bodies.append(body)
        size += len(body)
    if bodies:
        yield ids, bodies


def predicting(
    base: str, workspace: str, texts: Sequence[str], *, unit: str | None, request_ids: Sequence[str] | None
) -> Call:
    """Raises ValueError where there is not one request id for each text."""
    ids = list(request_ids) if request_ids is not None else [str(uuid4()) for _ in texts]
    inputs = [
        {"text": text, "request_id": id} | ({"unit": unit} if unit else {}) for text, id in zip(texts, ids, strict=True)
    ]
    return Call(f"{base.rstrip('/')}/v1/workspaces/{workspace}/predict", _json({"inputs": inputs}))


def searching(
    base: str,
    workspace: str,
    query: str,
    *,
    corpus: str,
    top_k: int,
    mode: str,
    source: str | Sequence[str] | None,
    language: str | None,
    metadata: Mapping[str, str] | None,
    snapshot: str | None,
) -> Call:
    told: dict[str, Any] = {
        "source": source if isinstance(source, str) or source is None else list(source),
        "language": language,
        "metadata": dict(metadata) if metadata else None,
    }
    narrowed = {name: value for name, value in told.items() if value is not None}
    asked = {"corpus": corpus, "query": query, "top_k": top_k, "mode": mode, "filter": narrowed, "snapshot": snapshot}
    return Call(f"{base.rstrip('/')}/v1/workspaces/{workspace}/search", _json(asked))


def passages(response: httpx.Response) -> list[Passage]:
    return [Passage.read(one) for one in response.json()["results"]]


def telling(base: str, events: Sequence[Event]) -> list[Call]:
    url = f"{base.rstrip('/')}/v1/feedback"
    bodies = [{**event.data, "id": event.id, "time": event.structured()["time"]} for event in events]
    return [Call(url, _json(bodies[start : start + MOST_EVENTS])) for start in range(0, len(bodies), MOST_EVENTS)]


def predictions(response: httpx.Response) -> list[Prediction]:
    return [Prediction.read(one) for one in response.json()["predictions"]]


def receipts(call: Call, response: httpx.Response) -> list[Receipt]:
    if response.status_code == TOO_LARGE:
        reason = {"code": "too_large", "field": "event", "expected": _said(response).get("message", "a smaller event")}
        return [Receipt(id, "rejected", (reason,)) for id in call.ids]
    return [
        Receipt(str(one["id"]), one["outcome"], tuple(one.get("reasons", ()))) for one in response.json()["records"]
    ]


def refusal(call: Call, response: httpx.Response) -> Refused | None:
    """The error that a final answer stands for; None for a good one, and for one that tells event by event."""
    alone_too_large = response.status_code == TOO_LARGE and len(call.ids) == 1
    if response.is_success or alone_too_large or "records" in _body(response):
        return None
    facts = _said(response)
    message = str(facts.get("message") or response.reason_phrase)
    kind = NotFound if response.status_code == 404 else Refused
    return kind(response.status_code, str(facts.get("code", "error")), message, facts)


def _body(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; empty where it is anything else, such as a proxy's page."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _said(response: httpx.Response) -> dict[str, Any]:
    said = _body(response).get("error", {})
    return said if isinstance(said, dict) else {"message": str(said)}


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
