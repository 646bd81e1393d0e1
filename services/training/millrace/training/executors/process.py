"""A child of this process, which dies with it; another stands by. This process never imports torch."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from millrace.training.worker import HEARD, STDERR, Hear, Limits, Line, RunFailed, result

Child = asyncio.subprocess.Process
Told = tuple[int, int, int]
"""What a child is told as it starts: nice, threads, megabytes."""


class Process:
    """With `ready` a child that is told so stands by, with what it needs imported, for the next run that is told the
    same: it spares that run the seconds of it."""

    def __init__(self, ready: Told | None = None) -> None:
        self._ready = ready
        self._standing_by: Child | None = None
        self._one = asyncio.Lock()  # of runs that end at once one starts the next

    async def start(self) -> None:
        await self._stand_by()

    async def stop(self) -> None:
        self._ready = None
        async with self._one:
            child, self._standing_by = self._standing_by, None
        if child is not None:
            await _end(child)

    async def train(self, request: Line, folder: Path, hear: Hear, limits: Limits) -> Line:
        path = folder / "request.json"
        path.write_text(json.dumps(request, sort_keys=True), encoding="utf-8")
        starved = out_of_memory()
        child = await self._asked(path, folder / STDERR, (limits.nice, request["threads"], limits.memory_mb))
        try:
            async with asyncio.timeout(limits.seconds):
                last = await _listen(child, hear)
                code = await child.wait()
        except TimeoutError:
            raise RunFailed(f"it did not end within {limits.seconds:g} s") from None
        finally:
            await _end(child)
        await self._stand_by()
        if code == -signal.SIGKILL and out_of_memory() > starved:
            raise RunFailed("OutOfMemory: the kernel ended it, since memory had run out")
        return result(last, code, folder)

    async def _asked(self, path: Path, errors: Path, told: Told) -> Child:
        """A child that has the request: the one that stands by, or a new one."""
        child = None
        if told == self._ready:
            child, self._standing_by = self._standing_by, None
        if child is None or child.returncode is not None:
            child = await _started(told)
        assert child.stdin is not None
        with contextlib.suppress(ConnectionError):  # it has ended meanwhile, which is a run that was killed
            child.stdin.write(f"{path}\n{errors}\n".encode())
            await child.stdin.drain()
        return child

    async def _stand_by(self) -> None:
        async with self._one:
            if self._ready is not None and self._standing_by is None:
                self._standing_by = await _started(self._ready, "stand-by")


async def _started(told: Told, *how: str) -> Child:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "millrace.training.child",
        *map(str, (os.getpid(), *told)),
        *how,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 20,
    )


async def _end(child: Child) -> None:
    if child.returncode is None:
        child.kill()
        await child.wait()


def out_of_memory(events: Path = Path("/sys/fs/cgroup/memory.events")) -> int:
    """How often the kernel has ended a process of this container for want of memory."""
    try:
        counts = dict(line.split() for line in events.read_text("ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(counts.get("oom_kill", 0))


async def _listen(child: Child, hear: Hear) -> Line:
    assert child.stdout is not None
    last: Line = {}
    async for raw in child.stdout:
        last = json.loads(raw)
        if last.get("kind") in HEARD:
            await hear(last)
    return last
