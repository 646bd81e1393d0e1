"""What people decide: promote, approve, roll back; hold, release, note, sign anew."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from millrace.chassis import Clock, Database, command
from millrace.chassis.people import People
from millrace.chassis.signatures import Signer
from millrace.chassis.signing import Reasoned, Signed
from millrace.registry import changes, domain, ledger, store
from millrace.registry.http.workspaces import Key
from millrace.registry.ledger import MOVES

Decide = Callable[[domain.Standing], domain.Turn]


class Promotion(Signed):
    """`revision` is the route's that the caller saw; another now answers 409."""

    version: str
    revision: int = Field(ge=0)
    reason: str = Field(default="", max_length=2000)


class RollBack(Reasoned):
    """Without `to` a rollout ends, or the production before answers again."""

    revision: int = Field(ge=0)
    to: str | None = None


class Release(Signed):
    reason: str = Field(default="", max_length=2000)


class Note(Signed):
    text: str = Field(min_length=1, max_length=4000)


def router(db: Database, clock: Clock, people: People, signer: Signer) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{name}")

    @router.post("/promote")
    async def promote(name: str, asked: Promotion, request: Request, key: Key = None) -> dict[str, Any]:
        by = people.who(request, asked.by)

        def decide(standing: domain.Standing) -> domain.Turn:
            return domain.promote(standing, asked.version, seen=asked.revision, by=by, reason=asked.reason)

        return await act(name, decide, asked.version, key)

    @router.post("/approve")
    async def approve(name: str, asked: Promotion, request: Request, key: Key = None) -> dict[str, Any]:
        by = people.who(request, asked.by)

        def decide(standing: domain.Standing) -> domain.Turn:
            return domain.approve(standing, asked.version, seen=asked.revision, by=by, reason=asked.reason)

        return await act(name, decide, asked.version, key)

    @router.post("/rollback")
    async def roll_back(name: str, asked: RollBack, request: Request, key: Key = None) -> dict[str, Any]:
        by = people.who(request, asked.by)

        def decide(standing: domain.Standing) -> domain.Turn:
            return domain.roll_back(standing, seen=asked.revision, to=asked.to, by=by, reason=asked.reason)

        return await act(name, decide, asked.to, key)

    @router.post("/versions/{version}/hold")
    async def hold(name: str, version: str, asked: Reasoned, request: Request, key: Key = None) -> dict[str, Any]:
        by = people.who(request, asked.by)
        return await act(
            name, lambda standing: domain.hold(standing, version, by=by, reason=asked.reason), version, key
        )

    @router.post("/versions/{version}/release")
    async def release(name: str, version: str, asked: Release, request: Request, key: Key = None) -> dict[str, Any]:
        by = people.who(request, asked.by)

        def decide(standing: domain.Standing) -> domain.Turn:
            return domain.release(standing, version, by=by, reason=asked.reason)

        return await act(name, decide, version, key)

    @router.post("/versions/{version}/notes")
    async def note(name: str, version: str, asked: Note, request: Request, key: Key = None) -> dict[str, Any]:
        by = people.who(request, asked.by)
        return await act(name, lambda standing: domain.note(standing, version, by=by, text=asked.text), version, key)

    @router.post("/versions/{version}/sign")
    async def sign(name: str, version: str, asked: Signed, request: Request, key: Key = None) -> dict[str, Any]:
        """Signs with the registry's present key, e.g. before an older one is no longer trusted."""
        by = people.who(request, asked.by)

        def decide(standing: domain.Standing) -> domain.Turn:
            signature = signer.sign(standing.version(version).deployment).signature
            assert signature is not None
            return domain.sign_anew(standing, version, signature, by=by)

        return await act(name, decide, version, key)

    async def act(name: str, decide: Decide, version: str | None, key: str | None) -> dict[str, Any]:
        await db.admit()
        cause = command(now=clock.now(), key=f"{name}/{key}" if key else None)
        async with db.transaction(emits=MOVES) as tx:
            standing = await store.load(tx, name, versions=[version] if version else [])
            if not await ledger.acted(tx, cause):  # the same call again finds what it did
                turn = decide(standing)
                changed = changes.between(standing, turn.standing, trained=None, now=tx.now)
                await ledger.record(tx, cause, turn, changed)
                standing = turn.standing
            moved = await ledger.moved(tx, cause)
        await db.delivered(tx)
        return _answer(name, standing, moved)

    return router


def _answer(name: str, standing: domain.Standing, moved: dict[str, str]) -> dict[str, Any]:
    rollout = standing.rollout
    awaiting = (
        standing.request.version if standing.request else rollout.version if rollout and rollout.awaiting else None
    )
    return {
        "workspace": name,
        "revision": standing.route.revision,
        "production": standing.production,
        "moved": moved,
        "awaiting": awaiting,
    }
