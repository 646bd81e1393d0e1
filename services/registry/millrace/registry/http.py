"""What people and the command line ask of registry."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from millrace.chassis import Blobs, Clock, Database, command
from millrace.chassis.signing import By, Reasoned, Signed
from millrace.registry import declaring, domain, ledger, lineage, store
from millrace.registry.ledger import MOVES
from millrace.workspace import WorkspaceInvalid

Limit = Annotated[int, Query(ge=1, le=1000)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


class Promotion(Signed):
    """`revision` is the route's that the caller saw; another now answers 409."""

    version: str
    revision: int = Field(ge=0)
    reason: str = Field(default="", max_length=2000)


class RollBack(Reasoned):
    """Without `to` a rollout ends, or the production before answers again."""

    revision: int = Field(ge=0)
    to: str | None = None


def routes(db: Database, *, blobs: Blobs, clock: Clock) -> list[APIRouter]:
    return [_workspaces(db, blobs, clock), _looking(db, blobs), _commands(db, clock)]


def _workspaces(db: Database, blobs: Blobs, clock: Clock) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/workspaces", response_model=None)
    async def apply(request: Request, by: By, key: Key = None) -> dict[str, Any] | JSONResponse:
        """The YAML of a workspace. Answers when what changed is on its topic."""
        await db.admit()
        text = (await request.body()).decode("utf-8", "replace")
        try:
            spec = await declaring.read(text, blobs)
            cause = command(now=clock.now(), key=key)
            async with db.transaction(emits=declaring.EMITS) as tx:
                applied = await declaring.declare(tx, spec, by=by, cause=cause)
        except WorkspaceInvalid as invalid:
            return JSONResponse({"error": _told(invalid)}, 422)
        await db.delivered(tx)
        return applied

    return router


def _told(invalid: WorkspaceInvalid) -> dict[str, Any]:
    problems = [{"key": p.key, "line": p.line, "expected": p.expected, "nearest": p.nearest} for p in invalid.problems]
    return {"code": "workspace_invalid", "message": str(invalid), "problems": problems}


def _looking(db: Database, blobs: Blobs) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces")

    @router.get("")
    async def each() -> list[dict[str, Any]]:
        async with db.reading() as tx:
            return await store.each_workspace(tx)

    @router.get("/{name}")
    async def one(name: str) -> dict[str, Any]:
        async with db.reading() as tx:
            return await store.workspace(tx, name)

    @router.get("/{name}/versions")
    async def versions(name: str, limit: Limit = 100) -> list[dict[str, Any]]:
        async with db.reading() as tx:
            await store.workspace(tx, name)
            return await store.each_version(tx, name, limit)

    @router.get("/{name}/ledger")
    async def entries(name: str, limit: Limit = 100, version: str | None = None) -> list[dict[str, Any]]:
        async with db.reading() as tx:
            await store.workspace(tx, name)
            return await store.each_entry(tx, name, limit, version)

    @router.get("/{name}/lineage/{version}")
    async def trace(name: str, version: str) -> dict[str, Any]:
        async with db.reading() as tx:
            await store.workspace(tx, name)
            origin = await store.origin(tx, name, version)
        if origin is None:
            raise domain.VersionNotFound(name, version)
        return await lineage.of(origin, blobs)

    return router


def _commands(db: Database, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{name}")

    @router.post("/promote")
    async def promote(name: str, asked: Promotion, key: Key = None) -> dict[str, Any]:
        def decide(standing: domain.Standing) -> domain.Turn:
            return domain.promote(standing, asked.version, seen=asked.revision, by=asked.by, reason=asked.reason)

        return await act(name, decide, asked.version, key)

    @router.post("/rollback")
    async def roll_back(name: str, asked: RollBack, key: Key = None) -> dict[str, Any]:
        def decide(standing: domain.Standing) -> domain.Turn:
            return domain.roll_back(standing, seen=asked.revision, to=asked.to, by=asked.by, reason=asked.reason)

        return await act(name, decide, asked.to, key)

    async def act(name: str, decide: Any, version: str | None, key: str | None) -> dict[str, Any]:
        await db.admit()
        cause = command(now=clock.now(), key=f"{name}/{key}" if key else None)
        async with db.transaction(emits=MOVES) as tx:
            standing = await store.load(tx, name, versions=[version] if version else [])
            if not await ledger.moved(tx, cause):  # the same call again finds what it did
                turn: domain.Turn = decide(standing)
                await store.save(tx, standing, turn.standing)
                await ledger.record(tx, cause, turn)
                standing = turn.standing
            moved = await ledger.moved(tx, cause)
        await db.delivered(tx)
        route = standing.route
        return {"workspace": name, "revision": route.revision, "production": standing.production, "moved": moved}

    return router
