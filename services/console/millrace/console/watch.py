"""Looks at the owners while somebody watches, once for all who do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import structlog

from millrace.chassis import Clock
from millrace.console.domain import Page, page
from millrace.console.owners import Owners

log = structlog.get_logger()


class Watch:
    """Pages by workspace, made anew every so often for those that are watched."""

    def __init__(self, owners: Owners, clock: Clock, *, every: float) -> None:
        self._owners = owners
        self._clock = clock
        self._every = every
        self._watched: dict[str, set[asyncio.Queue[Page]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=5)
            self._task = None

    async def workspaces(self) -> list[str]:
        """The names that registry knows, in order."""
        known = await self._owners.get("registry", "/v1/workspaces")
        return sorted(one["workspace"] for one in known or [])

    async def look(self, workspace: str) -> Page:
        """A page as of now."""
        get = self._owners.get
        here = f"/v1/workspaces/{workspace}"
        asked: dict[str, Awaitable[Any]] = {
            "counters": self._owners.all_counters(),
            "workspaces": self.workspaces(),
            "workspace": get("registry", here),
            "versions": get("registry", f"{here}/versions", limit=30),
            "ledger": get("registry", f"{here}/ledger", limit=60),
            "cycles": get("training", "/v1/cycles", workspace=workspace, limit=10),
            "runs": get("training", "/v1/runs", workspace=workspace, limit=12),
            "alerts": get("training", "/v1/alerts", workspace=workspace, limit=5),
            "rollouts": get("evaluation", "/v1/rollouts", workspace=workspace, limit=6),
            "quality": get("feedback", "/v1/quality", workspace=workspace, last=4000, points=160),
            "monitors": get("drift", "/v1/monitors", workspace=workspace, points=160, alarms=10),
            "ingested": get("ingestion", "/v1/counts", workspace=workspace),
            "deduplicated": get("dedup", "/v1/counts", workspace=workspace),
        }
        told = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        return page(workspace, told, self._clock.now())

    async def follow(self, workspace: str) -> AsyncIterator[Page]:
        """Pages as they are made, the first at once, until the reader goes."""
        mine: asyncio.Queue[Page] = asyncio.Queue(maxsize=1)
        self._watched.setdefault(workspace, set()).add(mine)
        try:
            yield await self.look(workspace)
            while True:
                yield await mine.get()
        finally:
            self._watched[workspace].discard(mine)
            if not self._watched[workspace]:
                del self._watched[workspace]

    async def _run(self) -> None:
        while True:
            for workspace in list(self._watched):
                try:
                    made = await self.look(workspace)
                except Exception:
                    log.exception("page not made", workspace=workspace)
                    continue
                for queue in self._watched.get(workspace, set()):
                    if queue.full():
                        queue.get_nowait()
                    queue.put_nowait(made)
            await asyncio.sleep(self._every)
