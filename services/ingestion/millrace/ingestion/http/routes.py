"""POST /v1/events, and what people ask about intake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from millrace.chassis import Clock, Database, GroupCommit, Table, Unknown, traceparent
from millrace.events import Reason
from millrace.ingestion import store
from millrace.ingestion.http.cloud_events import Given, Unreadable, parse
from millrace.ingestion.http.posting import STATUS, Posted, Record
from millrace.workspace import Workspace
from millrace.workspace.problems import nearest


def routes(db: Database, group: GroupCommit[Posted], specs: Table[Workspace], *, most: int, clock: Clock) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/events", status_code=202)
    async def post_events(request: Request) -> Response:
        try:
            body, trace = await request.body(), traceparent()
            given = parse(request.headers, body, now=clock.now(), most=most, traceparent=trace)
        except Unreadable as unreadable:
            return JSONResponse({"error": {"code": "unreadable", "message": str(unreadable)}}, 400)
        await db.admit()
        unknown = await _unknown({one.event.workspace for one in given if one.event}, specs)
        posted = Posted([one.event for one in given if one.event and one.event.workspace not in unknown])
        if posted.events:
            await group.commit(posted)
        records = [_told(one, posted, unknown) for one in given]
        return JSONResponse(_summary(records), _status(records))

    @router.get("/v1/counts")
    async def counts(workspace: str) -> dict[str, Any]:
        await specs.get(workspace)
        async with db.reading() as tx:
            found = await store.load_counts(tx, workspace)
        return {"workspace": workspace, **_counts(found)}

    @router.get("/v1/sources")
    async def sources(workspace: str) -> list[dict[str, Any]]:
        spec = await specs.get(workspace)
        async with db.reading() as tx:
            found = await store.load_sources(tx, workspace)
        data = spec.data
        return [
            {**row, "trusted": row["source"] in data.trusted, "retired": row["source"] in data.retired} for row in found
        ]

    return router


async def _unknown(names: Iterable[str], specs: Table[Workspace]) -> dict[str, str | None]:
    """The names that no workspace has, with the nearest that one has."""
    unknown: dict[str, str | None] = {}
    for name in sorted(names):
        try:
            await specs.get(name)
        except Unknown:
            unknown[name] = nearest(name, [known for known, _ in specs.items()])
    return unknown


def _told(given: Given, posted: Posted, unknown: dict[str, str | None]) -> Record:
    if given.event is None:
        return Record(id=given.id, outcome="unreadable", reasons=list(given.reasons))
    name = given.event.workspace
    if name in unknown:
        hint = f"; did you mean {unknown[name]!r}?" if unknown[name] else ""
        reason = Reason(code="unknown_workspace", field="workspace", expected=f"a declared workspace{hint}")
        return Record(id=given.id, outcome="unknown_workspace", event_id=given.event.id, reasons=[reason])
    return posted.records[given.event.id].model_copy(update={"id": given.id})


def _summary(records: Sequence[Record]) -> dict[str, Any]:
    outcomes: Counter[str] = Counter(record.outcome for record in records)
    return {**outcomes, "records": [record.model_dump(mode="json") for record in records]}


def _status(records: Sequence[Record]) -> int:
    """202 where anything was taken; else what stood in the first record's way."""
    codes = [STATUS[record.outcome] for record in records]
    return 202 if not codes or 202 in codes else codes[0]


_TOTALS = ("submitted", "accepted", "rejected", "released", "dropped")


def _counts(found: Iterable[tuple[str, str, int]]) -> dict[str, Any]:
    by: dict[str, dict[str, int]] = {what: {} for what in (*_TOTALS, "masked", "reason")}
    for what, detail, n in found:
        by[what][detail] = n
    totals = {what: sum(by[what].values()) for what in _TOTALS}
    return {**totals, "masked": by["masked"], "reasons": by["reason"], "topics": by["submitted"]}
