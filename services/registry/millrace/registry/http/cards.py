"""A version's model card as JSON, as a page and as Markdown; its technical file as a zip."""

import asyncio
import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from millrace.chassis import BlobNotFound, Blobs, Database
from millrace.chassis.signatures import Signer, statement
from millrace.events import Deployment
from millrace.registry import card, domain, lineage, store

DECISIONS = 1000
"""Entries of the ledger on a card."""


def router(db: Database, blobs: Blobs, signer: Signer) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{name}/versions/{version}")

    @router.get("/card")
    async def facts(name: str, version: str) -> dict[str, Any]:
        """What the card is made of."""
        async with db.reading() as tx:
            origin = await store.origin(tx, name, version)
            if origin is None:
                await store.workspace(tx, name)
                raise domain.VersionNotFound(name, version)
            went_on = await store.went_on(tx, name, version)
            decisions = await store.each_entry(tx, name, DECISIONS, version)
            revision = json.loads(origin["trained"])["workspace_revision"]
            spec, now = await store.declarations(tx, name, revision)
        found = await lineage.of(origin, went_on, blobs)
        return await card.gathered(origin, found, decisions, spec, now, blobs)

    @router.get("/card.html", response_class=HTMLResponse)
    async def page(name: str, version: str) -> str:
        return await asyncio.to_thread(card.page.render, await facts(name, version))

    @router.get("/card.md", response_class=PlainTextResponse)
    async def markdown(name: str, version: str) -> Response:
        told = await asyncio.to_thread(card.markdown.render, await facts(name, version))
        return Response(told, media_type="text/markdown; charset=utf-8")

    @router.get("/technical-file.zip")
    async def technical_file(name: str, version: str) -> Response:
        found = await facts(name, version)
        manifest = await _manifest(found["data"]["manifest"])
        deployment = Deployment.model_validate(found["deployment"])
        packed = await asyncio.to_thread(
            card.technical.packed, found, manifest, statement(deployment), _public(deployment)
        )
        told = {"Content-Disposition": f'attachment; filename="{version}.zip"'}
        return Response(packed, media_type="application/zip", headers=told)

    async def _manifest(key: str) -> bytes | None:
        try:
            return await blobs.get(key)
        except BlobNotFound:
            return None

    def _public(deployment: Deployment) -> str | None:
        """The key that a signature is checked by; of one before the present it is where keys are handed out."""
        return signer.public if deployment.signature and deployment.signature.key == signer.key else None

    return router
