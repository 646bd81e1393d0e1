"""Versions, the ledger, lineage."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from millrace.chassis import Blobs, Database
from millrace.registry import domain, lineage, store, verifying

Limit = Annotated[int, Query(ge=1, le=1000)]


def router(db: Database, blobs: Blobs) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{name}")

    @router.get("/versions")
    async def versions(name: str, limit: Limit = 100) -> list[dict[str, Any]]:
        async with db.reading() as tx:
            await store.workspace(tx, name)
            return await store.each_version(tx, name, limit)

    @router.get("/ledger")
    async def entries(name: str, limit: Limit = 100, version: str | None = None) -> list[dict[str, Any]]:
        async with db.reading() as tx:
            await store.workspace(tx, name)
            return await store.each_entry(tx, name, limit, version)

    @router.get("/ledger/verify")
    async def verify(name: str) -> dict[str, Any]:
        """Whether the chain is whole, and the tables what it says."""
        async with db.reading() as tx:
            await store.workspace(tx, name)
            return await verifying.verify(tx, name)

    @router.get("/lineage/{version}")
    async def trace(name: str, version: str) -> dict[str, Any]:
        async with db.reading() as tx:
            await store.workspace(tx, name)
            origin = await store.origin(tx, name, version)
        if origin is None:
            raise domain.VersionNotFound(name, version)
        return await lineage.of(origin, blobs)

    return router
