"""Networks that fail, between a service and what it stands on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Line:
    """A TCP proxy that can fall silent and close nothing, or break off what it carries and refuse more."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self.passing = asyncio.Event()
        self.passing.set()
        self.broken = False
        self._pipes: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.broken:
            writer.close()
            return
        there, back = await asyncio.open_connection(*self._to)
        for source, sink in ((reader, back), (there, writer)):
            self._pipes.add(asyncio.create_task(self._pipe(source, sink)))

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self.passing.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    def cut(self) -> None:
        for pipe in self._pipes:
            pipe.cancel()

    def breaks(self) -> None:
        self.broken = True
        self.cut()

    def mends(self) -> None:
        self.broken = False


@asynccontextmanager
async def line_to(address: str) -> AsyncIterator[tuple[Line, str]]:
    """A line, and the address that leads through it."""
    there = urlsplit(address)
    assert there.hostname and there.port
    line = Line(there.hostname, there.port)
    server = await asyncio.start_server(line.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield line, there._replace(netloc=there.netloc.replace(str(there.port), str(port))).geturl()
    finally:
        line.cut()
        server.close()
