"""Where the demo plays, and the few things it asks of services beside what the client does."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

import httpx


class Declined(Exception):
    """A service said no, or nothing."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"{what}: {said}")


@dataclass(frozen=True)
class Place:
    """A stack that runs. `services` are base URLs by name; `up_s` is what its start took in seconds.

    `rss_mb` measures the memory of all its processes now.
    """

    kafka: str
    services: Mapping[str, str]
    up_s: float
    rss_mb: Callable[[], float]


class Desk:
    """What a person would do at the command line, over the same HTTP."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._http = httpx.AsyncClient(timeout=30.0)

    async def workspaces(self) -> set[str]:
        found = await self._ask("GET", "registry", "/v1/workspaces")
        return {str(one.get("workspace") or one.get("name")) for one in found}

    async def apply(self, text: str) -> int:
        """Declare a workspace; its revision."""
        applied = await self._ask("POST", "registry", "/v1/workspaces", content=text.encode(), params={"by": "demo"})
        return int(applied["revision"])

    async def train(self, workspace: str, *, note: str, methods: tuple[str, ...] = (), within: float = 90.0) -> UUID:
        """Open a cycle by hand, once an open one has ended; its id."""
        until = monotonic() + within
        while True:
            body = {"note": note, "by": "demo", "methods": list(methods)}
            try:
                opened = await self._ask("POST", "training", f"/v1/workspaces/{workspace}/train", json=body)
                return UUID(str(opened["cycle"]))
            except Declined:
                if monotonic() > until:
                    raise
            await asyncio.sleep(1.0)

    async def in_corpus(self, workspace: str, rows: int, within: float = 30.0) -> None:
        """Wait until datasets holds so many rows: what a cycle cuts is what is there when it opens."""
        until = monotonic() + within
        while monotonic() < until:
            held = await self._ask("GET", "datasets", "/v1/counts", params={"workspace": workspace})
            if held["kept"] >= rows:
                return
            await asyncio.sleep(0.3)

    async def lineage(self, workspace: str, version: str) -> dict[str, Any]:
        found: dict[str, Any] = await self._ask("GET", "registry", f"/v1/workspaces/{workspace}/lineage/{version}")
        return found

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(self, method: str, service: str, path: str, **given: Any) -> Any:
        try:
            response = await self._http.request(method, self._place.services[service] + path, **given)
        except httpx.TransportError as error:
            raise Declined(f"{service}{path}", type(error).__name__) from error
        if not response.is_success:
            raise Declined(f"{service}{path}", response.text[:500])
        return response.json()
