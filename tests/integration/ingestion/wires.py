"""Between a source and who reads it: a wire that can be cut, or fall silent, after a number of bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Wire:
    """`left` bytes more come from the other end, then it is cut, also for who connects anew; None: all of them do.

    A `silent` one is not cut: nothing comes any more.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.left: int | None = None
        self.silent = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.left == 0 and not self.silent:
            writer.close()
            return
        above, below = await asyncio.open_connection(self.upstream.hostname, self.upstream.port)
        with suppress(ConnectionError):
            await asyncio.gather(self._pipe(reader, below, counted=False), self._pipe(above, writer, counted=True))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        while data := await reader.read(4096):
            if counted and self.left is not None:
                data, self.left = data[: self.left], max(0, self.left - len(data))
            writer.write(data)
            await writer.drain()
            if counted and self.left == 0 and not self.silent:
                break
        writer.close()


@asynccontextmanager
async def wire(upstream: str) -> AsyncIterator[Wire]:
    """To the host and port of an address."""
    made = Wire(upstream)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
