"""Lineage both ways: as JSON, as a page, as OpenLineage events."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from millrace.chassis import Blobs, Database
from millrace.registry import domain, lineage, store

Several = Annotated[list[str] | None, Query(max_length=1000)]

SHOWN = 200
"""Entries of the ledger on a page."""


def asked(
    dataset: Several = None, run: str | None = None, base: str | None = None, document: str | None = None
) -> lineage.Asked:
    return lineage.Asked(tuple(dataset or ()), run, base, document)


Asked = Annotated[lineage.Asked, Depends(asked)]


def router(db: Database, blobs: Blobs) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{name}")

    @router.get("/lineage")
    async def onwards(name: str, asked: Asked) -> dict[str, Any]:
        """The versions that came of data, of a run or of a base."""
        async with db.reading() as tx:
            await store.workspace(tx, name)
            return await lineage.reach(tx, name, asked)

    @router.get("/lineage.html", response_class=HTMLResponse)
    async def onwards_drawn(name: str, asked: Asked) -> str:
        return lineage.page.forward(await onwards(name, asked))

    @router.get("/lineage/{version}.html", response_class=HTMLResponse)
    async def drawn(name: str, version: str) -> str:
        found = await back(name, version)
        async with db.reading() as tx:
            return lineage.page.backward(found, await store.each_entry(tx, name, SHOWN, version))

    @router.get("/lineage/{version}/openlineage")
    async def events(name: str, version: str) -> list[dict[str, Any]]:
        """Run events of the cut and of the training, to be sent to any OpenLineage backend."""
        return lineage.openlineage.events(await back(name, version))

    @router.get("/lineage/{version}")
    async def back(name: str, version: str) -> dict[str, Any]:
        """Where a version comes from."""
        async with db.reading() as tx:
            await store.workspace(tx, name)
            origin = await store.origin(tx, name, version)
            if origin is None:
                raise domain.VersionNotFound(name, version)
            went_on = await store.went_on(tx, name, version)
        return await lineage.of(origin, went_on, blobs)

    return router
