"""Tasks that run from a resource's start to its stop. The service watches them: none ends unnoticed."""

import asyncio


async def end(loops: list[asyncio.Task[None]]) -> None:
    """Cancels them, and waits a bounded time for their ends."""
    for loop in loops:
        loop.cancel()
    if loops:
        await asyncio.wait(loops, timeout=5)
    loops.clear()
