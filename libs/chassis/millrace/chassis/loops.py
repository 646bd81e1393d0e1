"""Tasks that run from a resource's start to its stop. The service watches them: none ends unnoticed."""

import asyncio


async def end(loops: list[asyncio.Task[None]]) -> None:
    """Cancels them, and waits a bounded time for their ends."""
    for loop in loops:
        loop.cancel()
    if loops:
        await asyncio.wait(loops, timeout=5)
    loops.clear()


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether an event is set before the time is up.

    Not by `asyncio.wait_for`: in Python 3.11 it swallows a cancellation that comes as the event does, and a loop would
    go on after its stop.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
