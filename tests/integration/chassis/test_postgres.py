"""The pool on a network that falls silent: no error, no end, just nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from harness import database, eventually, settings_for

from millrace.chassis import Database, SystemClock, Unavailable, postgres
from millrace.stack import Endpoints


class Line:
    """A TCP proxy that can stop to pass anything on, and closes nothing."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self.passing = asyncio.Event()
        self.passing.set()
        self._pipes: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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


@asynccontextmanager
async def line_to(dsn: str) -> AsyncIterator[tuple[Line, str]]:
    """A line, and the DSN that leads through it."""
    there = urlsplit(dsn)
    assert there.hostname and there.port
    line = Line(there.hostname, there.port)
    server = await asyncio.start_server(line.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield line, there._replace(netloc=there.netloc.replace(str(there.port), str(port))).geturl()
    finally:
        line.cut()
        server.close()


@pytest.fixture
async def far(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Database, Line]]:
    """A database of impatient clients, and the line that leads there."""
    monkeypatch.setattr(postgres, "CONNECTS", 1.0)
    monkeypatch.setattr(postgres, "ANSWERS", 2.0)
    async with database(stack, "probe") as dsn, line_to(dsn) as (line, through):
        db = Database(settings_for(stack, "probe", through, pool=4), SystemClock())
        await db.start()
        try:
            yield db, line
        finally:
            await db.stop()


async def answers(db: Database) -> bool:
    try:
        async with db.transaction() as tx:
            return bool(await tx.fetchval("SELECT true"))
    except Unavailable:
        return False


async def test_a_silent_network_is_told_within_the_timeouts_and_leaves_nothing_behind(
    far: tuple[Database, Line],
) -> None:
    db, line = far
    assert await answers(db)
    line.passing.clear()
    async with asyncio.timeout(20):
        told = await asyncio.gather(*(answers(db) for _ in range(8)))  # more than the pool has
    assert not any(told)
    line.passing.set()
    await eventually(lambda: answers(db), within=5)
    assert all(await asyncio.gather(*(answers(db) for _ in range(8))))


async def test_a_statement_under_way_when_the_network_falls_silent_is_told_too(far: tuple[Database, Line]) -> None:
    db, line = far
    async with asyncio.timeout(20):
        with pytest.raises(Unavailable):
            async with db.transaction() as tx:
                await tx.fetchval("SELECT 1")
                line.passing.clear()
                await tx.fetchval("SELECT 1")
    line.passing.set()
    await eventually(lambda: answers(db), within=5)
