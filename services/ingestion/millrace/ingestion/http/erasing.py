"""Asking for a person to be forgotten, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import Field

from millrace.chassis import Clock, Database, Table, command
from millrace.chassis.signing import Signed
from millrace.events import SubjectErased
from millrace.ingestion import erasures
from millrace.privacy import derived_key, pseudonymous
from millrace.workspace import Workspace

EMITS = (SubjectErased,)
Key = Annotated[str | None, Header(alias="Idempotency-Key")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class Asked(Signed):
    """`subject` is the id that the product gave as subject, unit or actor, or its pseudonym."""

    subject: str = Field(min_length=1, max_length=200)


def routes(db: Database, specs: Table[Workspace], *, clock: Clock, secret: str) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{name}/erasures")

    @router.post("", status_code=202)
    async def erase(name: str, asked: Asked, key: Key = None) -> dict[str, Any]:
        """The id itself is not kept: what is named by its pseudonym is erased."""
        await specs.get(name)
        await db.admit()
        subject = pseudonymous(asked.subject, derived_key(secret, name))
        cause = command(now=clock.now(), key=f"erase|{name}|{subject}|{key}" if key else None)
        async with db.transaction(emits=EMITS) as tx:
            await erasures.append(tx, str(cause.id), name, subject, asked.by)
            tx.emit(SubjectErased.caused_by(cause, workspace=name, erasure=str(cause.id), subject=subject))
        await db.delivered(tx)
        async with db.reading() as tx:
            return await erasures.report(tx, name, str(cause.id))

    @router.get("")
    async def each(name: str, limit: Limit = 100) -> list[dict[str, Any]]:
        await specs.get(name)
        async with db.reading() as tx:
            return await erasures.each(tx, name, limit)

    @router.get("/{erasure}")
    async def report(name: str, erasure: str) -> dict[str, Any]:
        await specs.get(name)
        async with db.reading() as tx:
            return await erasures.report(tx, name, erasure)

    return router
