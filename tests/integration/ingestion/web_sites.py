"""A small web site on this machine, that can be as ill-behaved as a test needs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

LOREM = "If your parcel is late by more than {n} days, please tell the support desk and we look for it at once."


@dataclass
class Reply:
    """`body` may be a stream that never ends."""

    body: bytes | AsyncIterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Route = Reply | Callable[[dict[str, str]], Awaitable[Reply] | Reply]


def html(text: str, *links: str, title: str = "Help") -> Reply:
    """A page with a paragraph and links, which say nothing: so short a page has no main text."""
    anchors = " ".join(f'<a href="{link}"></a>' for link in links)
    page = f"<html><head><title>{title}</title></head><body><p>{text}</p>{anchors}</body></html>"
    body = page.encode()
    return Reply(body, headers={"Content-Type": "text/html; charset=utf-8", "ETag": f'"{hash(body)}"'})


def to(location: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": location})


class Site:
    """`routes` by path; `hits` are the paths that were asked for, in order, and `asked` their headers."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.hits: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.host = "127.0.0.1"
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def pages(self) -> list[str]:
        return [path for path in self.hits if path not in ("/robots.txt", "/sitemap.xml")]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = lines[0].split(" ")[1]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            self.hits.append(path)
            self.asked.append(headers)
            await self._answer(writer, await self._reply(path, headers))
        writer.close()

    async def _reply(self, path: str, headers: dict[str, str]) -> Reply:
        route = self.routes.get(path, Reply(b"not here", 404))
        if isinstance(route, Reply):
            reply: Any = route
        else:
            reply = route(headers)
            reply = await reply if asyncio.iscoroutine(reply) else reply
        if reply.headers.get("ETag") and headers.get("if-none-match") == reply.headers["ETag"]:
            return Reply(status=304, headers=reply.headers)
        assert isinstance(reply, Reply)
        return reply

    async def _answer(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        head = [f"HTTP/1.1 {reply.status} X", "Connection: close"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        if isinstance(reply.body, bytes):
            if reply.status != 304:
                writer.write(reply.body)
        else:
            async for chunk in reply.body:
                writer.write(chunk)
                await writer.drain()
        await writer.drain()


@asynccontextmanager
async def site(host: str = "127.0.0.1") -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, host, 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
