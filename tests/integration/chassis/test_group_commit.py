"""Many callers, one commit, while connections come and go."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from harness import Running

from millrace.chassis import GroupCommit, Transaction, Unavailable

Write = Callable[[Sequence[str], Transaction], Awaitable[None]]


@asynccontextmanager
async def grouped(probe: Running, write: Write, *, patience: float) -> AsyncIterator[GroupCommit[str]]:
    group = GroupCommit(probe.db, write, patience=patience)
    await group.start()
    try:
        yield group
    finally:
        await group.stop()


async def cut_off(tx: Transaction) -> None:
    await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_group_outlives_lost_connections_and_is_written_once(probe: Running) -> None:
    cuts = 2

    async def write(items: Sequence[str], tx: Transaction) -> None:
        nonlocal cuts
        for item in items:
            await tx.execute("INSERT INTO seen VALUES ($1, 1)", item)
        if cuts:
            cuts -= 1
            await cut_off(tx)

    async with grouped(probe, write, patience=10) as group:
        await asyncio.gather(*(group.commit(f"d-{number}") for number in range(20)))
    assert await probe.db.pool.fetchval("SELECT count(*) FROM seen WHERE n = 1") == 20


async def test_every_caller_of_a_group_hears_that_postgres_stayed_away(probe: Running) -> None:
    async def write(items: Sequence[str], tx: Transaction) -> None:
        await cut_off(tx)

    async with grouped(probe, write, patience=0.2) as group:
        told = await asyncio.gather(*(group.commit(f"d-{number}") for number in range(3)), return_exceptions=True)
    assert [type(error) for error in told] == [Unavailable] * 3


async def test_what_is_wrong_is_told_at_once(probe: Running) -> None:
    tries = 0

    async def write(items: Sequence[str], tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        raise ValueError("wrong")

    async with grouped(probe, write, patience=10) as group:
        with pytest.raises(ValueError, match="wrong"):
            await group.commit("d")
    assert tries == 1
