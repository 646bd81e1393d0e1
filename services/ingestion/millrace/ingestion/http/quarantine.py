"""What people ask of quarantine, and what they do with the records in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query
from pydantic import Field, model_validator

from millrace.chassis import Clock, Database, command
from millrace.chassis.signing import Signed
from millrace.ingestion import store
from millrace.ingestion.domain.quarantine import Act, Fate
from millrace.ingestion.quarantine import ACCEPTS, REST, STEP, Ask, Done, Rest, step
from millrace.ingestion.store import Which
from millrace.ingestion.taking import Rules

Limit = Annotated[int, Query(ge=1, le=1000)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]
State = Literal["held", "released", "dropped"]


class Asked(Signed, extra="forbid"):
    """Which records, and who decides on them: `ids` (or how they begin), or what all have in common, or `all`."""

    workspace: str
    ids: list[str] | None = Field(default=None, min_length=1, max_length=STEP)
    reason: str | None = None
    source: str | None = None
    topic: str | None = None
    all: bool = False

    @model_validator(mode="after")
    def _meant(self) -> Asked:
        if not self.all and not (self.ids or self.reason or self.source or self.topic):
            raise ValueError("ids, a reason, a source, a topic or all")
        if self.all and (self.ids or self.reason or self.source or self.topic):
            raise ValueError("all, or what narrows it: ids, a reason, a source, a topic")
        return self


def quarantine_routes(db: Database, rules: Rules, *, clock: Clock) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/quarantine")
    async def quarantine(
        workspace: str,
        reason: str | None = None,
        source: str | None = None,
        topic: str | None = None,
        state: State = "held",
        before: datetime | None = None,
        after: str | None = None,
        limit: Limit = 100,
    ) -> list[dict[str, Any]]:
        await rules.workspaces.get(workspace)
        which = Which(workspace, reason=reason, source=source, topic=topic)
        async with db.reading() as tx:
            return await store.each_quarantined(tx, which, state=state, limit=limit, before=before, after=after)

    @router.get("/v1/quarantine/{event_id}")
    async def one(event_id: str) -> dict[str, Any]:
        async with db.reading() as tx:
            return await store.show_quarantined(tx, event_id)

    @router.post("/v1/quarantine/{act}")
    async def settle(act: Act, asked: Asked, key: Key = None) -> dict[str, Any]:
        """At once where it is one step; a job does what is left after the first."""
        await db.admit()
        now = clock.now()
        async with db.reading() as tx:
            ids = tuple([await store.named(tx, id, asked.workspace) for id in asked.ids or ()])
        which = Which(asked.workspace, ids or None, asked.reason, asked.source, asked.topic, now)
        ask = Ask(act, which, asked.by)
        done = await step(ask, rules, reading=db.reading, writing=partial(db.transaction, emits=ACCEPTS), now=now)
        job, left = await _rest(db, ask, done, key, now)
        async with db.reading() as tx:
            states = await store.states(tx, asked.workspace, ids)
        records = [_told(id, done.fates, states) for id in ids or _telling(done)]
        ends = {end: done.counts[end] for end in ("released", "dropped", "kept", "refused")}
        return {"workspace": asked.workspace, **ends, "left": left, "job": job, "records": records}

    return router


async def _rest(db: Database, ask: Ask, done: Done, key: str | None, now: datetime) -> tuple[str | None, int]:
    """The job that goes on after a step, and how many records it will look at."""
    if done.after is None:
        return None, 0
    cause = command(now=now, key=f"quarantine/{ask.which.workspace}/{key}" if key else None)
    job = f"{ask.which.workspace}/{ask.act}/{cause.id}"
    payload = REST.dump_python(Rest(ask, done.after), mode="json")
    async with db.transaction() as tx:
        await tx.schedule("quarantine", key=job, workspace=ask.which.workspace, cause=cause, payload=payload)
        left = await store.count_held(tx, ask.which, after=done.after)
    return job, left


def _telling(done: Done) -> Sequence[UUID]:
    """Records that an answer names where nobody named them: those that could not be settled."""
    return [id for id, fate in done.fates.items() if fate.end == "refused"]


def _told(id: UUID, fates: Mapping[UUID, Fate], states: Mapping[UUID, dict[str, Any]]) -> dict[str, Any]:
    fate, state = fates.get(id), states.get(id)
    if fate is not None:
        reasons = [reason.model_dump() for reason in fate.reasons]
        return {"event_id": id, "end": fate.end, "because": fate.because, "reasons": reasons}
    if state is None:
        return {"event_id": id, "end": "unknown", "because": "there is no such record in this workspace", "reasons": []}
    because = f"{state['state']} by {state['decided_by']} at {state['decided_at']:%Y-%m-%d %H:%M}"
    return {"event_id": id, "end": state["state"], "because": because, "reasons": []}
