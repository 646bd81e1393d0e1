"""The console as a process serves it: real HTTP on a port, since events are streamed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from harness import eventually, running

from millrace.chassis import Service
from millrace.console.app import build_app
from millrace.stack import Endpoints


class Server(uvicorn.Server):
    """Leaves signals to the test."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """A running console that can be stopped and started again on its port."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        config = uvicorn.Config(
            self._service.app(),
            port=self.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = Server(config)
        self._task = asyncio.create_task(self._server.serve())
        await eventually(lambda: self._server and self._server.started)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = self._task = None


@asynccontextmanager
async def served(stack: Endpoints, services: dict[str, str]) -> AsyncIterator[Served]:
    async with running(stack, "console", build_app, services=services, every=0.2) as console:
        page = Served(console.service)
        await page.start()
        try:
            yield page
        finally:
            await page.stop()
