"""The other services' HTTP, read only. One that does not answer is shown as such and takes nobody down with it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from millrace.chassis import Unavailable
from millrace.console.domain import Counters


class OwnerSilent(Unavailable):
    """A service does not answer, or not with sense."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service} does not answer: {reason}")
        self.service = service


class Owners:
    """A client for every owner."""

    def __init__(self, services: Mapping[str, str]) -> None:
        self.services = dict(services)
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(3.0, connect=1.0), trust_env=False)

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def get(self, service: str, path: str, **params: Any) -> Any:
        """What an owner says; None where it knows nothing of it. Raises OwnerSilent."""
        response = await self._fetch(service, path, params)
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise OwnerSilent(service, f"status {response.status_code} on {path}")
        try:
            return response.json()
        except ValueError as error:
            raise OwnerSilent(service, f"no JSON on {path}") from error

    async def counters(self, service: str) -> Counters | None:
        """A service's own counters and gauges, None where it is silent."""
        try:
            response = await self._fetch(service, "/metrics", {})
        except OwnerSilent:
            return None
        return counted(response.text) if response.status_code == 200 else None

    async def all_counters(self) -> dict[str, Counters | None]:
        names = sorted(self.services)
        return dict(zip(names, await asyncio.gather(*map(self.counters, names)), strict=True))

    async def _fetch(self, service: str, path: str, params: Mapping[str, Any]) -> httpx.Response:
        base = self.services.get(service)
        if base is None or self._client is None:
            raise OwnerSilent(service, "its address is not known")
        try:
            return await self._client.get(f"{base.rstrip('/')}{path}", params=dict(params))
        except httpx.HTTPError as error:
            raise OwnerSilent(service, type(error).__name__) from error


def counted(text: str) -> Counters:
    """Millrace's own counters and gauges in Prometheus' text form; the parser sees no line that is not needed."""
    ours = [line for line in text.splitlines() if line.startswith(("millrace_", "# TYPE millrace_"))]
    kept = [line for line in ours if "_bucket{" not in line and "_created" not in line]
    return {
        family.name: [(dict(sample.labels), sample.value) for sample in family.samples]
        for family in text_string_to_metric_families("\n".join(kept) + "\n")
        if family.type in ("counter", "gauge")
    }
