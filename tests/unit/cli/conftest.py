"""Services that answer as told, for commands that ask them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

Answering = Callable[[str, Mapping[str, Any]], list[httpx.Request]]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Has services answer by path, each with its answers; gives what one is asked. Any other path is 404."""
    hosts: dict[str, tuple[Mapping[str, Any], list[httpx.Request]]] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        answers, asked = hosts[request.url.host]
        asked.append(request)
        found = answers.get(request.url.path)
        if isinstance(found, httpx.Response):
            return found
        if found is None:
            return httpx.Response(404, json={"error": {"code": "not_found", "message": f"no {request.url.path}"}})
        return httpx.Response(200, content=json.dumps(found))

    def serve(service: str, answers: Mapping[str, Any]) -> list[httpx.Request]:
        monkeypatch.setenv(f"MILLRACE_{service.upper()}_URL", f"http://{service}")
        hosts[service] = (answers, [])
        return hosts[service][1]

    monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(answer))
    return serve
