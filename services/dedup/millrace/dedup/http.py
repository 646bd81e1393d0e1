"""What dedup tells over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from millrace.chassis import Database, Table
from millrace.dedup import store
from millrace.workspace import Workspace


def routes(db: Database, workspaces: Table[Workspace]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/counts")
    async def counts(workspace: str) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.counts(tx, workspace)

    @router.get("/v1/documents/{document_id}/duplicates")
    async def duplicates(
        document_id: str, workspace: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            document = await store.standing(tx, workspace, document_id)
            found = await store.duplicates_of(tx, workspace, document_id, limit)
        return {"document": document, "duplicates": found}

    return router
