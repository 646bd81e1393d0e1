"""What products give, and what people and the console ask."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Query
from pydantic import ValidationError

from millrace.chassis import Clock, Database, GroupCommit, Malformed, Table, traceparent, wire
from millrace.events import Envelope, FeedbackGiven
from millrace.feedback import store
from millrace.feedback.domain import admit, qualities
from millrace.feedback.joining import Given
from millrace.workspace import Workspace

MOST = 1000


def routes(
    db: Database, clock: Clock, group: GroupCommit[Sequence[Given]], workspaces: Table[Workspace], secret: str
) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/feedback", status_code=202)
    async def give(body: Annotated[dict[str, Any] | list[dict[str, Any]], Body()]) -> dict[str, Any]:
        """One feedback or up to 1,000, all or none: the fields of feedback.given, `id` and `time` if you like.

        The same id again is answered the same and counts once. Ids come back in order, after the commit.
        """
        await db.admit()
        posted = body if isinstance(body, list) else [body]
        if not 0 < len(posted) <= MOST:
            raise Malformed("body", f"1 to {MOST} feedbacks")
        given = []
        for place, fields in enumerate(posted):
            try:
                event = _event(fields, clock.now())
                workspace = await workspaces.get(event.workspace)
                given.append(Given(event, admit(event, workspace, secret), workspace.feedback.wait))
            except Malformed as error:
                raise Malformed(f"{place}.{error.field}" if len(posted) > 1 else error.field, error.expected) from error
        await group.commit(given)
        return {"accepted": len(given), "ids": [str(one.event.id) for one in given]}

    @router.get("/v1/feedback")
    async def said(workspace: str, request_id: str) -> dict[str, Any]:
        """What was said of a request, and which of its answers that joined."""
        await workspaces.get(workspace)
        async with db.reading() as tx:
            found = await store.said_of(tx, workspace, request_id, MOST)
        return {"workspace": workspace, "request_id": request_id, "feedback": found}

    @router.get("/v1/quality")
    async def quality(
        workspace: str,
        last: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        points: Annotated[int, Query(ge=1, le=500)] = 60,
    ) -> dict[str, Any]:
        """Accuracy of each version and arm over its `last` labels that may judge: trusted, and given blind."""
        await workspaces.get(workspace)
        async with db.reading() as tx:
            judged = await store.latest_judged(tx, workspace, last)
        return {"workspace": workspace, "versions": [asdict(one) for one in qualities(judged, points)]}

    @router.get("/v1/annotations")
    async def annotations(workspace: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
        """Answers that wait for a label. Post it as feedback that names the request."""
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return {"workspace": workspace, "annotations": await store.open_annotations(tx, workspace, limit)}

    return router


def _event(fields: dict[str, Any], now: datetime) -> FeedbackGiven:
    """The intake event that a posted feedback stands for. Raises Malformed."""
    envelope = Envelope(_id(fields.get("id")), "http", _time(fields.get("time"), now), now, traceparent=traceparent())
    told = {name: value for name, value in fields.items() if name not in ("id", "time")}
    try:
        return FeedbackGiven.create(envelope, **told)
    except TypeError as error:
        unknown = sorted(told.keys() - FeedbackGiven.model_fields.keys())
        raise Malformed(unknown[0] if unknown else "body", "another key: there is none of this name") from error
    except ValidationError as error:
        raise wire.malformed(error) from error


def _id(given: object) -> UUID:
    if given is None:
        return uuid4()
    if not isinstance(given, str) or not given:
        raise Malformed("id", "a text")
    return wire.event_id(given, "http", "")


def _time(given: object, now: datetime) -> datetime:
    if given is None:
        return now
    try:
        moment = datetime.fromisoformat(str(given))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed("time", "an RFC 3339 time") from error
