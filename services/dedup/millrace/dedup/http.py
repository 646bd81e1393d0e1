"""What dedup tells over HTTP."""

import asyncio
from typing import Annotated, Any, Literal

from asyncpg import Record
from fastapi import APIRouter, Query

from millrace.chassis import Database, Table, command
from millrace.chassis.signing import By, noted
from millrace.dedup import store
from millrace.dedup.domain import overlaps
from millrace.workspace import Workspace

Limit = Annotated[int, Query(ge=1, le=1000)]


def routes(db: Database, workspaces: Table[Workspace]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/counts")
    async def counts(workspace: str) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.counts(tx, workspace)

    @router.get("/v1/documents/{document_id:path}/duplicates")
    async def repeated_by(document_id: str, workspace: str | None = None, limit: Limit = 100) -> dict[str, Any]:
        if workspace is not None:
            await workspaces.get(workspace)
        async with db.reading() as tx:
            document_id = await store.named(tx, workspace, document_id)
            document = await store.standing(tx, workspace, document_id)
            found = await store.duplicates_of(tx, str(document["workspace"]), document_id, limit)
        return {"document": document, "duplicates": found}

    @router.get("/v1/duplicates")
    async def duplicates(
        workspace: str,
        kind: Literal["exact", "near", "semantic"] | None = None,
        before: int | None = None,
        limit: Limit = 100,
    ) -> list[dict[str, Any]]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.duplicates(tx, workspace, kind=kind, before=before, most=limit)

    @router.get("/v1/duplicates/{document_id:path}")
    async def pair(document_id: str, workspace: str | None = None) -> dict[str, Any]:
        if workspace is not None:
            await workspaces.get(workspace)
        async with db.reading() as tx:
            document_id = await store.named(tx, workspace, document_id)
            document, original = await store.pair(tx, workspace, document_id)
            links = await store.links(tx, document)
        spans = await asyncio.to_thread(overlaps, store.text_of(document), store.text_of(original))
        return {
            "workspace": document["workspace"],
            "kind": document["kind"],
            "similarity": document["similarity"],
            "stands": document["stands"],
            "because": links,
            "document": _told(document),
            "duplicate_of": _told(original),
            "overlaps": [
                {"document": [span.start, span.end], "duplicate_of": [span.other_start, span.other_end]}
                for span in spans
            ],
        }

    @router.post("/v1/reindex", status_code=202)
    async def reindex(workspace: str, by: By) -> dict[str, Any]:
        await workspaces.get(workspace)
        noted("reindex asked", by, workspace=workspace)
        async with db.transaction() as tx:
            return await store.ask_reindex(tx, workspace, command(now=tx.now))

    @router.get("/v1/reindex")
    async def progress(workspace: str) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.progress(tx, workspace)

    @router.post("/v1/rebuild", status_code=202)
    async def rebuild(workspace: str, by: By) -> dict[str, Any]:
        await workspaces.get(workspace)
        noted("rebuild asked", by, workspace=workspace)
        async with db.transaction() as tx:
            return await store.ask_rebuild(tx, workspace, command(now=tx.now))

    @router.get("/v1/rebuild")
    async def rebuilt(workspace: str) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.rebuilt(tx, workspace)

    return router


def _told(row: Record) -> dict[str, Any]:
    names = ("document_id", "source", "label", "suite", "cluster", "known_at")
    return {name: row[name] for name in names} | {"text": store.text_of(row)}
