"""What people and the console read: evaluations and rollouts, with live evidence."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from millrace.chassis import Database, NotFound
from millrace.evaluation.store import evaluations, specs, steps

Limit = Annotated[int, Query(ge=1, le=200)]


class EvaluationNotFound(NotFound):
    def __init__(self, id: UUID) -> None:
        super().__init__(f"no evaluation {id}")
        self.evaluation = str(id)


def routes(db: Database) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/evaluations")
    async def list_evaluations(workspace: str, limit: Limit = 20) -> list[dict[str, Any]]:
        """The workspace's evaluations, newest first; `verdict` is null while one runs."""
        async with db.reading() as tx:
            await specs.known(tx, workspace)
            return await evaluations.newest(tx, workspace, limit)

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
