"""A workspace whose documents can be searched, an encoder that knows a few meanings, and a service on both."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

from harness import START, Running, make, running
from routings import spec

from millrace.events import Arm, DocumentKept, Origin, WorkspaceConfigured
from millrace.serving.app import build_app
from millrace.serving.encoder import Vector
from millrace.stack import Endpoints

MEANINGS = {"money": "pay", "refund": "pay", "reimbursed": "pay", "sum": "pay", "parcel": "box", "package": "box"}
DIMENSIONS = 384
HANDBOOK: dict[str, Any] = {"sources": ["wiki", "policies"], "chunk": {"words": 20, "overlap": 5}}


def vector(text: str) -> Vector:
    """Words of one meaning are one direction; numbers mean nothing."""
    made = [0.0] * DIMENSIONS
    for word in text.lower().split():
        word = word.strip(".,?!")
        if word.isalpha():
            made[crc32(MEANINGS.get(word, word).encode()) % DIMENSIONS] += 1.0
    length = sum(value * value for value in made) ** 0.5
    return [value / length for value in made] if length else [1.0, *made[1:]]


class Encoder:
    """Fails or waits where a test says so; notes what it embedded."""

    loops: ClassVar[list[asyncio.Task[None]]] = []

    def __init__(self) -> None:
        self.prepared: list[str] = []
        self.embedded: list[str] = []
        self.gate: asyncio.Event | None = None
        self.vector = vector

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    def prepare(self, base: str) -> None:
        self.prepared.append(base)

    async def query(self, base: str, text: str) -> Vector:
        return self.vector(text)

    async def passages(self, base: str, texts: Sequence[str]) -> list[Vector]:
        if self.gate is not None:
            await self.gate.wait()
        self.embedded += texts
        return [self.vector(text) for text in texts]


class Engine:
    """No model: nothing here asks one."""

    loops: ClassVar[list[asyncio.Task[None]]] = []

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def load(self, folder: Path, parameters: Any) -> Any: ...
    async def ask(self, model: Any, text: str, arm: Arm) -> Any: ...

    def waiting(self, arm: Arm) -> int:
        return 0


def declared(
    workspace: str = "parcels", revision: int = 1, retention: str | None = None, **corpora: dict[str, Any]
) -> WorkspaceConfigured:
    data = {"data": {"retention": retention}} if retention else {}
    return make(
        WorkspaceConfigured,
        workspace=workspace,
        revision=revision,
        spec={**spec(workspace), **data, "corpora": corpora},
        digest=f"d{revision}",
        by="tests",
    )


def kept(id: str, text: str, **fields: Any) -> DocumentKept:
    values: dict[str, Any] = {
        "source": "wiki", "origin": Origin(topic="t", event_id=id), "cluster": id, "split": "train", "trainable": True,
        "trusted": True, "at": START,
    }  # fmt: skip
    return make(DocumentKept, document_id=id, text=text, **(values | fields))


class Library:
    def __init__(self, service: Running, encoder: Encoder, client: Any) -> None:
        self.service, self.encoder, self.client = service, encoder, client

    async def keep(self, *events: DocumentKept) -> None:
        """Takes documents in, and gives them their vectors."""
        await self.service.deliver(events)
        await self.service.work("embed")

    async def call(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        url = f"/v1/workspaces/parcels/{path}"
        answer = await self.client.request(method, url, **({"json": body} if body else {}))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def search(self, query: str, **body: Any) -> list[dict[str, Any]]:
        found = await self.call("POST", "search", **({"corpus": "handbook", "query": query} | body))
        results: list[dict[str, Any]] = found["results"]
        return results

    async def ids(self, query: str, **body: Any) -> list[str]:
        """Documents found, the best first."""
        return list(dict.fromkeys(one["document_id"] for one in await self.search(query, **body)))

    async def rows(self) -> dict[str, list[str]]:
        """Every table, that of chunks too."""
        async with self.service.db.reading() as tx:
            chunks = await tx.fetch("SELECT * FROM chunks ORDER BY corpus, document, ordinal")
        return {**await self.service.snapshot(), "chunks": [repr(dict(row)) for row in chunks]}


@asynccontextmanager
async def library(
    stack: Endpoints, folder: Path, *, encoder: Encoder | None = None, run: Callable[..., Any] = running, **more: Any
) -> AsyncIterator[Library]:
    encoder = encoder or Encoder()
    build = partial(build_app, engine=Engine(), encoder=encoder)
    async with run(stack, "serving", build, cache=folder / "cache", **more) as service, service.http() as client:
        yield Library(service, encoder, client)
