"""The pool on a network that falls silent: no error, no end, just nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from harness import database, eventually, settings_for
from network import Line, line_to

from millrace.chassis import Database, SystemClock, Unavailable, postgres
from millrace.stack import Endpoints


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
