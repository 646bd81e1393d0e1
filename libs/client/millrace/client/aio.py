"""The client for asyncio: the same calls, awaited."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

import httpx
from httpx_aiohttp import AiohttpTransport

from millrace.client import calls
from millrace.client.calls import Call, Passage, Prediction, Receipt, Services
from millrace.client.errors import Unreachable
from millrace.client.events import Event
from millrace.client.gatherer import Gatherer
from millrace.client.retries import LATER, Retries, retry_after


class AsyncClient:
    """As `Client`; see there. `connections` bounds what is under way at once."""

    def __init__(
        self,
        services: Services | str,
        *,
        timeout: float = 10.0,
        retries: Retries | None = None,
        connections: int = 100,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.services = Services.at(services) if isinstance(services, str) else services
        self._retries = retries or Retries()
        transport = transport or AiohttpTransport(limits=httpx.Limits(max_connections=connections))
        self._http = httpx.AsyncClient(timeout=timeout, transport=transport)

    async def publish(self, *events: Event) -> list[Receipt]:
        """What became of each event, in order, once that is durable. One that breaks the rules hinders no other."""
        found: list[Receipt] = []
        for call in calls.publishing(self.services.ingestion, events):
            found += calls.receipts(call, await self._send(call))
        return found

    def publisher(self, *, size: int = 200, within: float = 1.0) -> Gatherer:
        """For many events: `async with client.publisher() as out: await out.add(event)`."""
        return Gatherer(self.publish, size=size, within=within)

    async def predict(
        self, workspace: str, text: str, *, unit: str | None = None, request_id: str | None = None
    ) -> Prediction:
        ids = [request_id] if request_id else None
        return (await self.predict_all(workspace, [text], unit=unit, request_ids=ids))[0]

    async def predict_all(
        self,
        workspace: str,
        texts: Sequence[str],
        *,
        unit: str | None = None,
        request_ids: Sequence[str] | None = None,
    ) -> list[Prediction]:
        call = calls.predicting(self.services.serving, workspace, texts, unit=unit, request_ids=request_ids)
        return calls.predictions(await self._send(call))

    async def search(
        self,
        workspace: str,
        query: str,
        *,
        corpus: str,
        top_k: int = 10,
        mode: Literal["hybrid", "vector", "text"] = "hybrid",
        source: str | Sequence[str] | None = None,
        language: str | None = None,
        metadata: Mapping[str, str] | None = None,
        snapshot: str | None = None,
    ) -> list[Passage]:
        """Passages of a corpus that answer a query, the best first; of these sources, this language, such metadata."""
        call = calls.searching(
            self.services.serving,
            workspace,
            query,
            corpus=corpus,
            top_k=top_k,
            mode=mode,
            source=source,
            language=language,
            metadata=metadata,
            snapshot=snapshot,
        )
        return calls.passages(await self._send(call))

    async def feedback(self, *events: Event) -> None:
        for call in calls.telling(self.services.feedback, events):
            await self._send(call)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, call: Call) -> httpx.Response:
        attempt = 1
        while True:
            after = None
            try:
                response = await self._http.post(call.url, content=call.content, headers=call.headers)
            except httpx.TransportError as failure:
                last = f"{type(failure).__name__} {failure}".strip()
            else:
                if response.status_code not in LATER:
                    if fault := calls.refusal(call, response):
                        raise fault
                    return response
                last, after = str(response.status_code), retry_after(response.headers)
            wait = self._retries.wait(attempt, after)
            if wait is None:
                raise Unreachable(call.url, attempt, last)
            await asyncio.sleep(wait)
            attempt += 1
