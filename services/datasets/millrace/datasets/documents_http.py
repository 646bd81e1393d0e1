"""Lineage at the level of documents: those of a version, and the versions that hold one."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from millrace.chassis import Blobs, Database, Table
from millrace.datasets import documents, store
from millrace.workspace import Workspace

AT_ONCE = 2
"""Files read through at once."""

SEARCHED = 1000
"""Versions that are looked through for a document, the newest first."""


def routes(db: Database, blobs: Blobs, workspaces: Table[Workspace]) -> APIRouter:
    router = APIRouter()
    turns = asyncio.Semaphore(AT_ONCE)

    @router.get("/v1/datasets/{version}/documents")
    async def of_version(
        version: str,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> dict[str, Any]:
        """`after` counts rows: where `documents` are as many as `limit`, more may follow."""
        async with db.reading() as tx:
            found = await store.version(tx, version)
        async with turns:
            told = await asyncio.to_thread(documents.listed, blobs, found, after, limit)
        return {"dataset": found.digest, "name": found.name, "documents": told}

    @router.get("/v1/workspaces/{name}/documents/{document:path}")
    async def one(name: str, document: str) -> dict[str, Any]:
        """Where a document stands, and the versions that hold it; `unread` are those whose rows are gone."""
        await workspaces.get(name)
        async with db.reading() as tx:
            standing = await store.row_of(tx, name, document)
            versions = await store.each_version(tx, name, SEARCHED)
        held = []
        for version in versions:
            if version.emptied_at is not None:
                continue
            async with turns:
                row = await asyncio.to_thread(documents.of, blobs, version, document)
            if row is not None:
                held.append({"dataset": version.digest, "name": version.name, **row})
        if standing is None and not held:
            raise documents.DocumentNotFound(name, document)
        unread = [version.name for version in versions if version.emptied_at is not None]
        return {"workspace": name, "document": document, "standing": standing, "datasets": held, "unread": unread}

    return router
