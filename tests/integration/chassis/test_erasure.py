"""Who is forgotten, and what comes in while they are."""

import asyncio
from datetime import datetime, timedelta

from harness import START, Running, eventually, make

from millrace.chassis import erasure
from millrace.chassis.erasure import About
from millrace.events import ErasureConfirmed, SubjectErased

HOUR = timedelta(hours=1)
PERSON, OTHER = "p-" + "1" * 32, "p-" + "2" * 32


def erased(after: timedelta = HOUR, subject: str = PERSON, erasure: str = "e-1") -> SubjectErased:
    return make(SubjectErased, erasure=erasure, subject=subject, at=START + after)


def about(thing: About) -> About:
    return thing


async def test_what_was_known_until_somebody_asked_stands_no_more(probe: Running) -> None:
    await probe.deliver([erased(), erased(2 * HOUR, erasure="e-2")])
    gone = [About("parcels", PERSON, START), About("parcels", PERSON, START + 2 * HOUR)]
    stays = [
        About("parcels", PERSON, START + 2 * HOUR + timedelta(microseconds=1)),
        About("nobody-s", PERSON, START),
        About("parcels", OTHER, START),
        About("parcels", None, START),
    ]
    async with probe.db.transaction() as tx:
        assert await erasure.standing(tx, [*gone, *stays], about) == stays
        assert await erasure.standing(tx, [], about) == []


async def test_it_may_have_ended_otherwise_too(probe: Running) -> None:
    await probe.deliver([erased()])
    things = [About("parcels", person, START + n * HOUR) for person in (PERSON, None) for n in range(4)]

    def ended(thing: About) -> datetime | None:
        return None if thing.person else START + 2 * HOUR

    async with probe.db.transaction() as tx:
        found = await erasure.standing(tx, things, about, ended=ended)
    assert found == [*things[2:4], things[7]]


async def test_an_erasure_waits_for_what_is_being_taken_in(probe: Running) -> None:
    """Else it would be committed after the erasure looked, by somebody who looked before it was asked for."""
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
    async with probe.db.transaction() as tx:
        assert await erasure.standing(tx, [About("parcels", PERSON, START)], about)
        await probe.deliver([erased()])
        erasing = asyncio.create_task(probe.work("erase"))
        await eventually(lambda: tx.fetchval(waits))
        assert not erasing.done()
    assert await erasing == 1
    assert len(await probe.emitted(ErasureConfirmed)) == 1
