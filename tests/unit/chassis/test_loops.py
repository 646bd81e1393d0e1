"""Loops end when they are told to."""

import asyncio

from millrace.chassis import loops


async def test_a_loop_that_is_woken_and_stopped_at_once_ends() -> None:
    """`asyncio.wait_for` of Python 3.11 would swallow the cancellation, and the loop go on for ever."""
    wake = asyncio.Event()

    async def run() -> None:
        while True:
            await loops.set_within(wake, 60)
            wake.clear()

    running = [asyncio.create_task(run())]
    [task] = running
    for _ in range(5):
        await asyncio.sleep(0)
    wake.set()
    await loops.end(running)
    assert task.cancelled()


async def test_an_event_is_waited_for_no_longer_than_its_time() -> None:
    wake = asyncio.Event()
    assert not await loops.set_within(wake, 0.01)
    wake.set()
    assert await loops.set_within(wake, 60)
