"""A workspace is declared, and looked at."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from millrace.chassis import Blobs, Clock, Database, command
from millrace.chassis.people import People
from millrace.chassis.signing import By
from millrace.registry import declaring, store
from millrace.workspace import WorkspaceInvalid

Key = Annotated[str | None, Header(alias="Idempotency-Key")]


def router(db: Database, blobs: Blobs, clock: Clock, people: People) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/workspaces", response_model=None)
    async def apply(request: Request, by: By, key: Key = None) -> dict[str, Any] | JSONResponse:
        """The YAML of a workspace. Answers when what changed is on its topic."""
        await db.admit()
        person = people.who(request, by)
        text = (await request.body()).decode("utf-8", "replace")
        try:
            spec = await declaring.read(text, blobs)
            cause = command(now=clock.now(), key=key)
            async with db.transaction(emits=declaring.EMITS) as tx:
                applied = await declaring.declare(tx, spec, by=person, cause=cause)
        except WorkspaceInvalid as invalid:
            return JSONResponse({"error": _told(invalid)}, 422)
        await db.delivered(tx)
        return applied

    @router.get("/v1/workspaces")
    async def each() -> list[dict[str, Any]]:
        async with db.reading() as tx:
            return await store.each_workspace(tx)

    @router.get("/v1/workspaces/{name}")
    async def one(name: str) -> dict[str, Any]:
        async with db.reading() as tx:
            return await store.workspace(tx, name)

    return router


def _told(invalid: WorkspaceInvalid) -> dict[str, Any]:
    problems = [{"key": p.key, "line": p.line, "expected": p.expected, "nearest": p.nearest} for p in invalid.problems]
    return {"code": "workspace_invalid", "message": str(invalid), "problems": problems}
