"""The client for ordinary code."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

import httpx

from millrace.client import calls
from millrace.client.calls import Call, Passage, Prediction, Receipt, Services
from millrace.client.errors import Unreachable
from millrace.client.events import Event
from millrace.client.publisher import Publisher
from millrace.client.retries import LATER, Retries, retry_after


class Client:
    """Publishes events, asks models and gives feedback; safe to share between threads.

    Every call is repeated on time-outs, lost connections, 429 and 5xx of gateways, under the same ids. Raises Refused
    for what will never work and Unreachable once `retries` are used up. `timeout` is seconds for one attempt.
    """

    def __init__(
        self,
        services: Services | str,
        *,
        timeout: float = 10.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.services = Services.at(services) if isinstance(services, str) else services
        self._retries = retries or Retries()
        self._http = httpx.Client(timeout=timeout, transport=transport)

    def publish(self, *events: Event) -> list[Receipt]:
        """What became of each event, in order, once that is durable. One that breaks the rules hinders no other."""
        found: list[Receipt] = []
        for call in calls.publishing(self.services.ingestion, events):
            found += calls.receipts(call, self._send(call))
        return found

    def publisher(self, *, size: int = 200, within: float = 1.0) -> Publisher:
        """For many events: gathers up to `size` of them or for `within` seconds, then publishes in the background."""
        return Publisher(self.publish, size=size, within=within)

    def predict(
        self, workspace: str, text: str, *, unit: str | None = None, request_id: str | None = None
    ) -> Prediction:
        """One answer. `unit` (a user, say) is what a canary sticks to; feedback names the request_id."""
        return self.predict_all(workspace, [text], unit=unit, request_ids=[request_id] if request_id else None)[0]

    def predict_all(
        self,
        workspace: str,
        texts: Sequence[str],
        *,
        unit: str | None = None,
        request_ids: Sequence[str] | None = None,
    ) -> list[Prediction]:
        """Answers in the order of the texts."""
        call = calls.predicting(self.services.serving, workspace, texts, unit=unit, request_ids=request_ids)
        return calls.predictions(self._send(call))

    def search(
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
        return calls.passages(self._send(call))

    def feedback(self, *events: Event) -> None:
        """What was true, or what people think: see `millrace.client.feedback`."""
        for call in calls.telling(self.services.feedback, events):
            self._send(call)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, call: Call) -> httpx.Response:
        attempt = 1
        while True:
            after = None
            try:
                response = self._http.post(call.url, content=call.content, headers=call.headers)
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
            time.sleep(wait)
            attempt += 1
