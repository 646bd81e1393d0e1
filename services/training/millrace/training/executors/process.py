"""A child of this process, which dies with it. This process never imports torch."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from millrace.training.worker import HEARD, STDERR, Hear, Limits, Line, RunFailed, result


class Process:
    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def train(self, request: Line, folder: Path, hear: Hear, limits: Limits) -> Line:
        path = folder / "request.json"
        path.write_text(json.dumps(request, sort_keys=True), encoding="utf-8")
        told = (os.getpid(), limits.nice, request["threads"], limits.memory_mb, path)
        arguments = ["-m", "millrace.training.child", *map(str, told)]
        starved = out_of_memory()
        with (folder / STDERR).open("wb") as errors:
            child = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=1 << 20
            )
        try:
            async with asyncio.timeout(limits.seconds):
                last = await _listen(child, hear)
                code = await child.wait()
        except TimeoutError:
            raise RunFailed(f"it did not end within {limits.seconds:g} s") from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if code == -signal.SIGKILL and out_of_memory() > starved:
            raise RunFailed("OutOfMemory: the kernel ended it, since memory had run out")
        return result(last, code, folder)


def out_of_memory(events: Path = Path("/sys/fs/cgroup/memory.events")) -> int:
    """How often the kernel has ended a process of this container for want of memory."""
    try:
        counts = dict(line.split() for line in events.read_text("ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(counts.get("oom_kill", 0))


async def _listen(child: asyncio.subprocess.Process, hear: Hear) -> Line:
    assert child.stdout is not None
    last: Line = {}
    async for raw in child.stdout:
        last = json.loads(raw)
        if last.get("kind") in HEARD:
            await hear(last)
    return last
