"""Looks at the owners while somebody watches, once for all who do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import structlog

from millrace.chassis import Clock
from millrace.console.domain import NOTHING, Pace, Page, counts, page
from millrace.console.owners import Owners, OwnerSilent

log = structlog.get_logger()

REMEMBERED = 20
"""Workspaces whose last answers are kept for when an owner falls silent."""

ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "workspace": ("registry", "/v1/workspaces/{name}", {}),
    "versions": ("registry", "/v1/workspaces/{name}/versions", {"limit": 40}),
    "ledger": ("registry", "/v1/workspaces/{name}/ledger", {"limit": 200}),
    "cycles": ("training", "/v1/cycles", {"limit": 12}),
    "runs": ("training", "/v1/runs", {"limit": 300}),
    "alerts": ("training", "/v1/alerts", {"limit": 3}),
    "datasets": ("datasets", "/v1/datasets", {"limit": 20}),
    "evaluations": ("evaluation", "/v1/evaluations", {"limit": 20}),
    "rollouts": ("evaluation", "/v1/rollouts", {"limit": 30}),
    "quality": ("feedback", "/v1/quality", {"last": 4000, "points": 200}),
    "ingested": ("ingestion", "/v1/counts", {}),
    "deduplicated": ("dedup", "/v1/counts", {}),
}
"""What is asked, whom, where, how much of it."""

Viewers = set[asyncio.Queue[Page]]


class Watch:
    """Pages by workspace and cycle, made anew every so often for those that are watched."""

    def __init__(self, owners: Owners, clock: Clock, *, every: float) -> None:
        self._owners = owners
        self._clock = clock
        self._every = every
        self._pace = Pace()
        self._watched: dict[str, dict[str | None, Viewers]] = {}
        self._memory: dict[str, dict[str, Any]] = {}
        self._heard: dict[str, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=5)
            self._task = None

    async def workspaces(self) -> list[str]:
        """The names that registry knows, in order. Raises OwnerSilent."""
        known = await self._owners.get("registry", "/v1/workspaces")
        return sorted(one["workspace"] for one in known or [])

    async def look(self, workspace: str, cycle_id: str | None = None) -> Page:
        """A page as of now."""
        told, rates, silent = await self._ask(workspace)
        return page(workspace, told, self._clock.now(), rates=rates, silent=silent, cycle_id=cycle_id)

    async def follow(self, workspace: str, cycle_id: str | None = None) -> AsyncIterator[Page]:
        """Pages as they are made, the first at once, until the reader goes."""
        mine: asyncio.Queue[Page] = asyncio.Queue(maxsize=1)
        viewers = self._watched.setdefault(workspace, {}).setdefault(cycle_id, set())
        viewers.add(mine)
        try:
            yield await self.look(workspace, cycle_id)
            while True:
                yield await mine.get()
        finally:
            viewers.discard(mine)
            if not viewers and self._watched.get(workspace, {}).pop(cycle_id, None) is not None:
                self._watched = {name: cycles for name, cycles in self._watched.items() if cycles}

    async def _run(self) -> None:
        while True:
            for workspace in list(self._watched):
                try:
                    await self._show(workspace)
                except Exception:
                    log.exception("page not made", workspace=workspace)
            await asyncio.sleep(self._every)

    async def _show(self, workspace: str) -> None:
        told, rates, silent = await self._ask(workspace)
        for cycle_id, viewers in list(self._watched.get(workspace, {}).items()):
            made = page(workspace, told, self._clock.now(), rates=rates, silent=silent, cycle_id=cycle_id)
            for queue in viewers:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(made)

    async def _ask(self, workspace: str) -> tuple[dict[str, Any], dict[str, float], dict[str, datetime | None]]:
        """What the owners say or, where one is silent, last said; rates; who is silent, and when they last spoke."""
        told = {**NOTHING, "workspaces": None, **self._memory.get(workspace, {})}
        silent: set[str] = set()

        async def hear(what: str, service: str, path: str, params: Mapping[str, Any]) -> None:
            try:
                told[what] = await self._owners.get(service, path, **params)
                self._heard[service] = self._clock.now()
            except OwnerSilent as error:
                silent.add(error.service)

        async def name_all() -> None:
            try:
                told["workspaces"] = await self.workspaces()
            except OwnerSilent as error:
                silent.add(error.service)

        name = quote(workspace, safe="")
        asked = [
            hear(
                what,
                service,
                path.format(name=name),
                params if "{name}" in path else {"workspace": workspace, **params},
            )
            for what, (service, path, params) in ASKED.items()
        ]
        told["counters"], *_ = await asyncio.gather(self._owners.all_counters(), name_all(), *asked)
        await self._hear_drift(workspace, told, silent)
        self._remember(workspace, told)
        rates = self._pace.observe(self._clock.now(), counts(told["counters"]))
        return told, rates, {service: self._heard.get(service) for service in sorted(silent)}

    async def _hear_drift(self, workspace: str, told: dict[str, Any], silent: set[str]) -> None:
        """The monitors of the version in production and of the two before: the lines go on through a promotion."""
        about = told["workspace"] or {}
        now = ((about.get("route") or {}).get("production") or {}).get("version")
        versions = [version for version in (now, *about.get("previous", [])[-2:]) if version]
        get = self._owners.get
        asked = [{"version": version} for version in dict.fromkeys(versions)] or [{}]
        try:
            found = [get("drift", "/v1/monitors", workspace=workspace, points=160, alarms=12, **one) for one in asked]
            told["monitors"] = [answer for answer in await asyncio.gather(*found) if answer]
        except OwnerSilent as error:
            silent.add(error.service)

    def _remember(self, workspace: str, told: Mapping[str, Any]) -> None:
        self._memory.pop(workspace, None)
        if told["workspace"] is not None:
            self._memory[workspace] = {what: said for what, said in told.items() if what != "counters"}
        while len(self._memory) > REMEMBERED:
            del self._memory[next(iter(self._memory))]
