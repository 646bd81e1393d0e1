"""What people and the console read: evaluations and rollouts, with live evidence."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from millrace.chassis import Blobs, Conflict, Database, NotFound
from millrace.evaluation import page
from millrace.evaluation.store import evaluations, specs, steps
from millrace.evaluation.telling import texts_named

Limit = Annotated[int, Query(ge=1, le=200)]


class EvaluationNotFound(NotFound):
    def __init__(self, id: UUID) -> None:
        super().__init__(f"no evaluation {id}")
        self.evaluation = str(id)


class NotJudged(Conflict):
    def __init__(self, id: UUID, reason: str | None) -> None:
        super().__init__(f"evaluation {id} has no report: {reason or 'it is not judged yet'}")
        self.evaluation = str(id)


def router(db: Database, blobs: Blobs) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/evaluations")
    async def list_evaluations(workspace: str, limit: Limit = 20) -> list[dict[str, Any]]:
        """The workspace's evaluations, newest first; `verdict` is null while one runs."""
        async with db.reading() as tx:
            await specs.known(tx, workspace)
            return await evaluations.newest(tx, workspace, limit)

    @router.get("/v1/evaluations/{id}.html", response_class=HTMLResponse)
    async def show_evaluation_as_a_page(id: UUID) -> str:
        """Rows are shown with their texts, as far as those are still kept."""
        async with db.reading() as tx:
            found = await evaluations.load(tx, id)
        if found is None:
            raise EvaluationNotFound(id)
        if not found["result"]:
            raise NotJudged(id, found["reason"])
        return await asyncio.to_thread(page.render, found, await texts_named(db, blobs, found))

    @router.get("/v1/evaluations/{id}")
    async def show_evaluation(id: UUID) -> dict[str, Any]:
        async with db.reading() as tx:
            found = await evaluations.load(tx, id)
        if found is None:
            raise EvaluationNotFound(id)
        return found

    @router.get("/v1/rollouts")
    async def list_rollouts(workspace: str, limit: Limit = 20) -> list[dict[str, Any]]:
        """The steps of the workspace's rollouts, newest first; `verdict` is null while one runs."""
        async with db.reading() as tx:
            await specs.known(tx, workspace)
            return await steps.newest(tx, workspace, limit)

    return router
