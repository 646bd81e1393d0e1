"""HTTP as a crawl needs it: bounded in bytes, time and redirects, and never to an address that is not allowed.

The address that was checked is the one that is connected to: there is no second look-up that could give another.
"""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore

from millrace.ingestion.domain.addresses import allowed
from millrace.ingestion.domain.urls import normal
from millrace.ingestion.sources.batch import Unreadable

CONNECT, READ, WHOLE = 10.0, 20.0, 60.0
"""Seconds to connect, between two pieces of an answer, and for a whole answer."""

MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
KINDS = "text/html,application/xhtml+xml,text/plain,text/markdown,application/pdf;q=0.9"

Resolve = Callable[[str, int], Awaitable[list[str]]]
Allowed = Callable[..., bool]
Permits = Callable[[str], Awaitable[None]]


class Down(Exception):
    """A site that does not answer, or not now; `retry_after` in seconds where it says so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Answer:
    """What a site gave for an address, after redirects; `url` is where it came from."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


@dataclass(frozen=True)
class Network:
    """How names become addresses, and which of those may be connected to."""

    agent: str
    resolve: Resolve = resolve
    allowed: Allowed = allowed

    def client(self, *, private: bool) -> Client:
        return Client(self, private)


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to addresses, never to names."""

    def __init__(self, network: Network, private: bool) -> None:
        self._network = network
        self._private = private
        self._below = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's own)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(CONNECT):
                found = await self._network.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
        may = [address for address in found if self._network.allowed(address, private=self._private)]
        if not may:
            raise Unreadable(
                "private_address",
                f"an address that crawls may go to: {host} is at {', '.join(found)}; "
                "a site of your own network needs `private: true` in the declaration",
            )
        for address in may[:-1]:
            try:
                return await self._below.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._below.connect_tcp(may[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Client:
    """One run's connections."""

    def __init__(self, network: Network, private: bool) -> None:
        self._network = network
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=20, keepalive_expiry=30, network_backend=_Guarded(network, private)
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def get(self, url: str, *, most: int, headers: Mapping[str, str], permits: Permits) -> Answer:
        """The answer at the end of a chain of redirects, each permitted and connected to like the first.

        Raises Unreadable, and Down for what may work later.
        """
        seen: list[str] = []
        while True:
            await permits(url)
            seen.append(url)
            answer = await self._hop(url, most, headers if len(seen) == 1 else {})
            if answer.status not in REDIRECTS:
                return answer
            target = normal(answer.headers.get("location", ""), url)
            if target is None:
                raise Unreadable("redirect", "a redirect to an http address")
            if target in seen:
                raise Unreadable("redirect_loop", f"redirects that end; {target} came twice")
            if len(seen) > MOST_REDIRECTS:
                raise Unreadable("redirects", f"at most {MOST_REDIRECTS} redirects")
            url = target

    async def _hop(self, url: str, most: int, headers: Mapping[str, str]) -> Answer:
        sent = {"User-Agent": self._network.agent, "Accept": KINDS, "Accept-Encoding": "gzip", **headers}
        timeout = {"connect": CONNECT, "read": READ, "write": READ, "pool": WHOLE}
        try:
            async with (
                asyncio.timeout(WHOLE),
                self._pool.stream("GET", url, headers=list(sent.items()), extensions={"timeout": timeout}) as response,
            ):
                told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                body = b""
                if response.status not in REDIRECTS and response.status < 400:
                    body = await _bounded(response, told.get("content-encoding", ""), most)
                return Answer(url, response.status, told, body)
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise Down(f"no whole answer within {WHOLE:g} s ({type(error).__name__})") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError) as error:
            raise Down(f"{type(error).__name__}: {error}"[:300]) from error
        except httpcore.UnsupportedProtocol as error:
            raise Unreadable("redirect", "http or https") from error


async def _bounded(response: httpcore.Response, encoding: str, most: int) -> bytes:
    """The body, unpacked, never longer than `most`: what a few bytes unpack to is not known before."""
    packed = _packed(encoding)
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += packed.unpacked(chunk, most - len(body)) if packed else chunk
        if len(body) > most:
            raise Unreadable("too_large", f"at most {most} bytes")
    if packed and packed.breaks_off:
        raise Down("its packed body breaks off")
    return bytes(body)


def _packed(encoding: str) -> _Packed | None:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Unreadable("content_encoding", "gzip, or none")
    return _Packed(zlib.MAX_WBITS | (16 if "gzip" in encoding else 0))


class _Packed:
    """A body that is unpacked as it comes."""

    def __init__(self, window: int) -> None:
        self._decoder = zlib.decompressobj(window)
        self._began = False

    @property
    def breaks_off(self) -> bool:
        return self._began and not self._decoder.eof

    def unpacked(self, chunk: bytes, room: int) -> bytes:
        """At most a byte more than there is room for, whatever a chunk holds. Raises Unreadable."""
        self._began = True
        try:
            return self._decoder.decompress(chunk, room + 1)
        except zlib.error as error:
            raise Unreadable("content_encoding", f"an answer that unpacks: {error}") from error


def gunzipped(body: bytes, most: int) -> bytes:
    """A body that is a gzip file itself, unpacked; others as they are."""
    if body[:2] != b"\x1f\x8b":
        return body
    packed = _Packed(zlib.MAX_WBITS | 16)
    found = packed.unpacked(body, most)
    if len(found) > most:
        raise Unreadable("too_large", f"at most {most} bytes")
    if packed.breaks_off:
        raise Unreadable("content_encoding", "a gzip file that does not break off")
    return found
