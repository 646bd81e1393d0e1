"""What datasets tells over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from millrace.chassis import Database, Table
from millrace.datasets import store
from millrace.workspace import Workspace

Limit = Annotated[int, Query(ge=1, le=1000)]


def routes(db: Database, workspaces: Table[Workspace]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/counts")
    async def counts(workspace: str) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.counts(tx, workspace)

    @router.get("/v1/datasets")
    async def datasets(workspace: str, limit: Limit = 100) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return {
                "datasets": await store.versions(tx, workspace, limit),
                "cuts": await store.cuts(tx, workspace, limit),
            }

    @router.get("/v1/datasets/{digest}")
    async def manifest(digest: str) -> dict[str, Any]:
        async with db.reading() as tx:
            return await store.manifest(tx, digest)

    return router
