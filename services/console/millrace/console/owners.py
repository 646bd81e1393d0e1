"""The other services' HTTP, read only. One that does not answer is shown as such and takes nobody down with it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families


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
        """What an owner says, None where it does not answer or knows nothing of it."""
        response = await self._fetch(service, path, params)
        return response.json() if response is not None else None

    async def counters(self, service: str) -> dict[str, dict[str, float]] | None:
        """A service's counters and gauges: metric, then label (or nothing), then value. None where it is silent."""
        response = await self._fetch(service, "/metrics", {})
        return counted(response.text) if response is not None else None

    async def all_counters(self) -> dict[str, dict[str, dict[str, float]] | None]:
        names = sorted(self.services)
        return dict(zip(names, await asyncio.gather(*map(self.counters, names)), strict=True))

    async def _fetch(self, service: str, path: str, params: Mapping[str, Any]) -> httpx.Response | None:
        base = self.services.get(service)
        if base is None or self._client is None:
            return None
        try:
            response = await self._client.get(f"{base.rstrip('/')}{path}", params=dict(params))
        except httpx.HTTPError:
            return None
        return response if response.status_code == 200 else None


def counted(text: str) -> dict[str, dict[str, float]]:
    """Millrace's own metrics from Prometheus' text form, summed by their first label."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        if not family.name.startswith("millrace_") or family.type == "histogram":
            continue
        values = found.setdefault(family.name, {})
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                label = next(iter(sample.labels.values()), "")
                values[label] = values.get(label, 0.0) + sample.value
    return found
