"""Versions and the ledger."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from millrace.chassis import Database
from millrace.registry import store, verifying

Limit = Annotated[int, Query(ge=1, le=1000)]


def router(db: Database) -> APIRouter:
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

    return router
