"""A product takes a document back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from millrace.chassis import Clock, Database, Table, command
from millrace.events import DocumentRetired
from millrace.ingestion.domain.documents import document_id
from millrace.workspace import Workspace

EMITS = (DocumentRetired,)


def routes(db: Database, specs: Table[Workspace], *, clock: Clock) -> APIRouter:
    router = APIRouter()

    @router.delete("/v1/workspaces/{name}/sources/{source}/documents/{own_id:path}", status_code=202)
    async def withdraw(name: str, source: str, own_id: str) -> dict[str, Any]:
        """`own_id` is the source's own id. What was never submitted, or comes later, is not touched."""
        await specs.get(name)
        await db.admit()
        id = document_id(name, source, own_id)
        cause = command(now=clock.now())
        async with db.transaction(emits=EMITS) as tx:
            tx.emit(
                DocumentRetired.caused_by(cause, workspace=name, document_id=id, source=source, because="withdrawn")
            )
        return {"document_id": id, "outcome": "withdrawn"}

    return router
