"""GET /v1/workspaces and /v1/replicas: what this replica answers by, and who else does."""

from typing import Any

from fastapi import APIRouter

from millrace.chassis import Database
from millrace.serving import store
from millrace.serving.routes import Routes


def router(routes: Routes, db: Database) -> APIRouter:
    shown = APIRouter()

    @shown.get("/v1/workspaces")
    async def workspaces() -> dict[str, Any]:
        return {
            name: {
                "revision": live.route.revision,
                "versions": {arm: loaded.version for arm, loaded in live.versions.items()},
                "canary_share": live.route.canary.share if live.route.canary else None,
            }
            for name, live in sorted(routes.live().items())
        }

    @shown.get("/v1/replicas")
    async def replicas() -> list[dict[str, Any]]:
        async with db.reading() as tx:
            return await store.replicas(tx)

    return shown
