"""What a product can say, as CloudEvents 1.0."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4


def _id() -> str:
    return str(uuid4())


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `type` is a topic's name such as `document.submitted.v1`, `data` its body.

    `id` is its idempotency key: an event published twice under one id counts once. `time` is when it was true.
    """

    type: str
    data: dict[str, Any]
    id: str = field(default_factory=_id)
    time: datetime = field(default_factory=_now)
    source: str = "millrace-client"

    def structured(self) -> dict[str, Any]:
        """The event in CloudEvents' JSON format."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time.astimezone(UTC).isoformat(),
            "datacontenttype": "application/json",
            "data": self.data,
        }


def document(
    workspace: str,
    text: str,
    *,
    source: str,
    label: str | None = None,
    suite: str | None = None,
    document_id: str | None = None,
    subject: str | None = None,
    metadata: dict[str, str] | None = None,
    id: str | None = None,
    time: datetime | None = None,
) -> Event:
    """A text to learn from, labelled or not; `suite="golden"` for one that only judges. `time` is when it was said."""
    given = {
        "workspace": workspace,
        "source": source,
        "text": text,
        "label": label,
        "suite": suite,
        "document_id": document_id,
        "subject": subject,
        "metadata": metadata,
    }
    return Event("document.submitted.v1", _present(given), id or _id(), time or _now())


def observation(
    workspace: str,
    entity: str,
    values: dict[str, float | str | None],
    *,
    source: str,
    known_since: datetime | None = None,
    id: str | None = None,
    time: datetime | None = None,
) -> Event:
    """What was measured of an entity; `time` is when it was so.

    `known_since` is for history, from a source that is declared so: since when your own system has known it.
    """
    given = {
        "workspace": workspace,
        "source": source,
        "entity": entity,
        "values": values,
        "known_since": known_since.astimezone(UTC).isoformat() if known_since else None,
    }
    return Event("observation.submitted.v1", _present(given), id or _id(), time or _now())


def feedback(
    workspace: str,
    kind: str,
    value: str | float,
    *,
    source: str,
    request_id: str | None = None,
    prediction_id: str | None = None,
    basis: str = "blind",
    over: str | None = None,
    supersedes: str | None = None,
    actor: str | None = None,
    id: str | None = None,
    time: datetime | None = None,
) -> Event:
    """What was true of a request, or what somebody thinks of an answer.

    `kind` is label, outcome, rating (-1 to 1), edit or preference; `basis` is "shown" where the speaker had seen our
    answer. Raises ValueError without a request_id or prediction_id, which nothing could be joined to.
    """
    if not (request_id or prediction_id):
        raise ValueError("request_id or prediction_id is needed")
    given = {
        "workspace": workspace,
        "kind": kind,
        "value": value,
        "source": source,
        "request_id": request_id,
        "prediction_id": prediction_id,
        "basis": basis,
        "over": over,
        "supersedes": supersedes,
        "actor": actor,
    }
    return Event("feedback.given.v1", _present(given), id or _id(), time or _now())


def _present(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
